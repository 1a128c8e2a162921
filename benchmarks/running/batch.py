"""Several pictures in one inference, where the engine lets a file's batch of one be changed.

``AbstractEngine.run`` takes its pictures one at a time, which is what users of edgetl get; this opens the
same file in the same library as a model of a larger batch, so that the report can say whether that would pay.
"""

import importlib
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from edgetl.errors import ModelError
from edgetl.runtime.base import Images, Outputs
from edgetl.runtime.engines import EngineRow
from edgetl.runtime.openvino import no_telemetry, settings

_FIXED = {
    "onnxruntime": "the file's input is fixed to one picture, which ONNX Runtime does not change",
    "fake": "the fake engine takes one picture at a time",
}


def refusal(engine: str) -> str | None:
    """Why an engine cannot run batches of a bundle's models; None when it can."""
    reason = _FIXED.get(engine)
    return reason and f"{reason}: use --workers for many pictures"


def start(
    row: EngineRow, files: Mapping[str, bytes], *, count: int, num_threads: int
) -> Callable[[Images], Outputs]:
    """Load a model for batches.

    Args:
        row: an engine without :func:`refusal`.
        files: the model's bytes by file name.
        count: pictures of a batch.
        num_threads: threads for one inference.

    Returns:
        What runs uint8 (count, height, width, 3) and returns float32 (count, ...) for each output.

    Raises:
        ModelError: this model cannot be made to take several pictures.
    """
    begin = _openvino if row.name == "openvino" else _litert
    try:
        return begin(row, files, count, num_threads)
    except Exception as error:
        lines = str(error).strip().splitlines() or [type(error).__name__]
        raise ModelError(
            f"{row.name} cannot take {count} pictures at a time with this model: {lines[0]}"
        ) from error


def check(outputs: Outputs, expected: np.ndarray[Any, np.dtype[np.float32]], tolerance: float) -> None:
    """Refuse to time a batch whose answers are not those of the single pictures.

    Args:
        outputs: of the model; the first is probabilities, float32 (count, classes).
        expected: what the bundle's self-test expects for these pictures, of the same shape.
        tolerance: the largest difference of a probability that the self-test allows.

    Raises:
        ModelError: they are of another shape, or farther away than that.
    """
    got = outputs[0]
    if got.shape != expected.shape:
        raise ModelError(
            f"a batch of {len(expected)} gives answers of shape {got.shape}, not {expected.shape}"
        )
    difference = float(np.abs(got - expected).max())
    if not difference <= tolerance:
        raise ModelError(
            f"a batch of {len(expected)} gives other answers than single pictures: a probability differs by "
            f"{difference:.2g}, and {tolerance:.2g} is allowed"
        )


def _litert(
    row: EngineRow, files: Mapping[str, bytes], count: int, num_threads: int
) -> Callable[[Images], Outputs]:
    (content,) = files.values()
    package = importlib.import_module(f"{row.package}.interpreter")
    interpreter = package.Interpreter(model_content=content, num_threads=num_threads)
    (source,) = interpreter.get_input_details()
    interpreter.resize_tensor_input(source["index"], [count, *map(int, source["shape"][1:])])
    interpreter.allocate_tensors()
    outputs = interpreter.get_output_details()

    def run(images: Images) -> Outputs:
        interpreter.set_tensor(source["index"], images)
        interpreter.invoke()
        return tuple(_as_float(interpreter.get_tensor(out["index"]), out["quantization"]) for out in outputs)

    return run


def _as_float(values: Any, quantization: tuple[float, int]) -> Any:
    scale, zero_point = quantization
    return (
        values if values.dtype == np.float32 else (values.astype(np.float32) - zero_point) * np.float32(scale)
    )


def _openvino(
    row: EngineRow, files: Mapping[str, bytes], count: int, num_threads: int
) -> Callable[[Images], Outputs]:
    no_telemetry()
    openvino: Any = importlib.import_module(row.package or "openvino")
    parts = {name.rpartition(".")[2]: content for name, content in files.items()}
    core = openvino.Core()
    weights = openvino.Tensor(np.frombuffer(parts["bin"], dtype=np.uint8), shared_memory=False)
    model = core.read_model(parts["xml"], weights)
    model.reshape([count, *list(model.inputs[0].shape)[1:]])
    compiled = core.compile_model(model, "CPU", settings(parts["xml"], num_threads))
    request = compiled.create_infer_request()

    def run(images: Images) -> Outputs:
        return tuple(request.infer({0: images}, share_inputs=True).to_tuple())

    return run
