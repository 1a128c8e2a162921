"""What training made of an int8 file, as the converters of all formats take it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from keras import ops
from numpy.typing import NDArray

from edgetl.converters import flatbuffer, tflite, tflite_input
from edgetl.converters.aware.reading import SAME_STEPS
from edgetl.converters.aware.simulation import Simulation
from edgetl.converters.aware.steps import LARGEST, LEAST, MOST, Kernel
from edgetl.converters.flatbuffer import Op
from edgetl.converters.results import TUNED_HEAD, TUNED_LAYERS, TUNED_RANGES, Layer
from edgetl.files import write_arrays, write_json

HEAD = -1


def carried(model: Simulation, source: schema.ModelT, layers: Mapping[int, Layer]) -> dict[int, int]:
    """Which kernels every format can be given: by place in ``layers``, :data:`HEAD` for the head.

    Args:
        model: of an int8 file.
        source: the float ``.tflite`` graph that the file was made of.
        layers: as ``results.read_layers`` gives them.

    Returns:
        The output tensor of the operator, by which ``model`` knows a kernel.
    """
    by_name = {model.graph.tensors[output].name: output for output in model.kernels}
    tensors = flatbuffer.graph(source).tensors

    def found(operator: schema.OperatorT) -> int | None:
        return by_name.get(tensors[operator.outputs[0]].name.decode())

    result: dict[int, int] = {}
    for place, operator in tflite.places(source, layers):
        output = found(operator)
        if place is not None and output is not None:
            result[place] = output
    head = flatbuffer.head(source)
    last = found(head) if head is not None else None
    return result if last is None else {**result, HEAD: last}


def write(
    model: Simulation, kernels: Mapping[int, int], graph: Path, layers: Mapping[int, Layer], out: Path
) -> None:
    """Write weights, head and ranges.

    Args:
        model: trained.
        kernels: as :func:`carried` gives them.
        graph: the float ``.tflite`` graph.
        layers: what the weights were rounded to before.
        out: folder to write into.
    """
    tuned = {
        place: Layer(
            before=layers[place].before,
            kernel=_turned(_on_steps(model.kernels[output]), layers[place].before.shape),
            # All of the bias is new.
            factor=np.zeros_like(layers[place].factor),
            shift=_bias(model, output),
            tied=True,
        )
        for place, output in kernels.items()
        if place != HEAD
    }
    first, added = _added_by_folding(graph, tuned)
    arrays: dict[str, NDArray[Any]] = {"tied": np.array(sorted(tuned), np.int64)}
    for place, layer in tuned.items():
        shift = layer.shift - added if place == first else layer.shift
        arrays |= {f"before_{place}": layer.before, f"kernel_{place}": layer.kernel}
        arrays |= {f"factor_{place}": layer.factor, f"shift_{place}": shift}
    write_arrays(out / TUNED_LAYERS, **arrays)
    if HEAD in kernels:
        last = kernels[HEAD]
        write_arrays(out / TUNED_HEAD, kernel=_on_steps(model.kernels[last]).T, bias=_bias(model, last))
    write_json(out / TUNED_RANGES, _ranges(model))


def _on_steps(kernel: Kernel) -> NDArray[np.float32]:
    """A kernel as its codes mean it, which the quantizer finds again; as it is where it stays in float."""
    if not kernel.quantized:
        return _numpy(kernel.kernel)
    top = _numpy(kernel.top())
    codes = np.rint(_numpy(kernel.kernel) / (top / LARGEST))
    # The quantizer takes the step from the largest weight: that one must not move by a bit.
    return np.asarray(np.where(np.abs(codes) == LARGEST, np.sign(codes) * top, codes * (top / LARGEST)))


def _bias(model: Simulation, output: int) -> NDArray[np.float32]:
    """A bias as its codes mean it."""
    kernel = model.kernels[output]
    bias = _numpy(kernel.bias)
    unit = model.scale_read(output)
    if unit is None:
        return bias
    scale = unit * _numpy(kernel.codes(unit)[1])
    return np.asarray(np.rint(bias / scale) * scale)


def _numpy(values: Any) -> NDArray[np.float32]:
    return np.asarray(ops.convert_to_numpy(values), np.float32)


def _turned(kernel: NDArray[np.float32], shape: tuple[int, ...]) -> NDArray[np.float32]:
    """From TFLite's order to (out, in / groups, height, width)."""
    depthwise = kernel.shape[0] == 1 and kernel.shape[3] == shape[0] and shape[1] == 1
    return kernel.transpose(3, 0, 1, 2) if depthwise else kernel.transpose(0, 3, 1, 2)


def _added_by_folding(
    graph: Path, tuned: Mapping[int, Layer]
) -> tuple[int | None, NDArray[np.float32] | float]:
    """The layer whose bias makes up for the rounded zero point of the pixels, and by how much."""
    model = flatbuffer.read(graph.read_bytes())
    found = list(tflite.places(model, tuned))
    tflite.put(model, tuned)

    def biases() -> list[NDArray[np.float32] | None]:
        return [flatbuffer.values(model, int(operator.inputs[2])) for _, operator in found]

    before = biases()
    tflite_input.fold(model, exactly=False)
    for (place, _), old, new in zip(found, before, biases(), strict=True):
        if old is not None and new is not None and not np.array_equal(old, new):
            return place, new - old
    return None, 0.0


def _ranges(model: Simulation) -> dict[str, tuple[float, float]]:
    """Smallest and largest value of each int8 tensor, such that the quantizer finds the very same steps."""
    graph = model.graph
    steps: dict[int, tuple[float, int]] = {
        place: (tensor.scale, tensor.zero)
        for place, tensor in enumerate(graph.tensors)
        if tensor.scale is not None and tensor.zero is not None
    }
    for place, grid in model.grids.items():
        scale, zero = (float(ops.convert_to_numpy(part)) for part in grid.steps())
        steps[place] = (scale, int(zero))
    for step in graph.steps:
        if step.kind in SAME_STEPS and step.output in steps:
            steps[step.output] = steps[step.inputs[0]]
    named = {graph.tensors[place].name: found for place, found in steps.items()}
    # The quantizer knows the float tensor that is quantized, not the one it adds.
    named |= {
        graph.tensors[step.inputs[0]].name: steps[step.output]
        for step in graph.steps
        if step.kind == Op.QUANTIZE and step.inputs[0] not in steps
    }
    return {name: ((LEAST - zero) * scale, (MOST - zero) * scale) for name, (scale, zero) in named.items()}
