"""OpenVINO IR: Keras' own exporter for the graph, NNCF for int8."""

import tempfile
import time
from pathlib import Path

import keras
import nncf
import numpy as np
import openvino
from numpy.typing import NDArray

from edgetl.converters.head_correction import FLOAT_CONVOLUTIONS, RANGE_PICTURES, HeadWeights, correct
from edgetl.converters.request import ConversionRequest, ConvertedModel
from edgetl.files import write_bytes
from edgetl.runtime.openvino import OpenVinoEngine

_CONVOLUTIONS = ("Convolution", "GroupConvolution")


def convert(request: ConversionRequest) -> ConvertedModel:
    """Write ``model.xml`` and ``model.bin``: uint8 (1, height, width, 3) in, float32 (1, classes) out.

    Raises:
        UsageError: int8 without calibration pictures.
    """
    start = time.perf_counter()
    libraries = {"keras": keras.__version__, "openvino": openvino.__version__.partition("-")[0]}
    with tempfile.TemporaryDirectory(prefix="edgetl-") as scratch:
        graph = Path(scratch) / "graph.xml"
        network = keras.models.load_model(request.model, compile=False)
        network.export(str(graph), format="openvino", verbose=False)
        model = openvino.Core().read_model(graph)
        model.reshape([1, *request.contract.shape])
        if request.precision == "int8":
            head = HeadWeights(*network.get_layer("logits").get_weights())
            model = _quantize(model, request.pictures(), head, Path(scratch))
            libraries["nncf"] = nncf.__version__
        _save(model, Path(scratch) / "model.xml")
        # OpenVINO does not say that a disk is full.
        for name in ("model.xml", "model.bin"):
            write_bytes(request.out / name, (Path(scratch) / name).read_bytes())
    return ConvertedModel(("model.xml", "model.bin"), time.perf_counter() - start, libraries)


def _quantize(
    model: openvino.Model, pictures: NDArray[np.uint8], head: HeadWeights, scratch: Path
) -> openvino.Model:
    quantized = nncf.quantize(
        model,
        nncf.Dataset(range(len(pictures)), lambda place: np.array(pictures[place : place + 1])),
        # Symmetric throughout: as accurate here as the mixed preset, and faster.
        preset=nncf.QuantizationPreset.PERFORMANCE,
        subset_size=min(RANGE_PICTURES, len(pictures)),
        ignored_scope=nncf.IgnoredScope(names=_kept_in_float(model)),
    )
    with (
        _with_features(model, scratch / "before.xml") as before,
        _with_features(quantized, scratch / "after.xml") as after,
    ):
        corrected = correct(head, before, after, pictures)
    multiply, add = _head(quantized)
    transposed = multiply.get_attributes()["transpose_b"]
    _replace(multiply, corrected.kernel.T if transposed else corrected.kernel)
    _replace(add, corrected.bias[np.newaxis])
    return quantized


def _head(model: openvino.Model) -> tuple[openvino.Node, openvino.Node]:
    """The multiplication and the addition in front of the softmax."""
    (softmax,) = [op for op in model.get_ordered_ops() if op.get_type_name() == "Softmax"]
    add = softmax.input_value(0).get_node()
    return add.input_value(0).get_node(), add


def _replace(node: openvino.Node, values: NDArray[np.float32]) -> None:
    """Give a node another constant as its second input."""
    constant = openvino.opset13.constant(np.ascontiguousarray(values), dtype=np.float32)
    node.input(1).replace_source_output(constant.output(0))


def _kept_in_float(model: openvino.Model) -> list[str]:
    """Names of the first convolutions and of the head."""
    ordered = model.get_ordered_ops()
    convolutions = [op.get_friendly_name() for op in ordered if op.get_type_name() in _CONVOLUTIONS]
    return [*convolutions[:FLOAT_CONVOLUTIONS], _head(model)[0].get_friendly_name()]


def _with_features(model: openvino.Model, place: Path) -> OpenVinoEngine:
    """The model with what its head reads as a second output."""
    extended = model.clone()
    multiply, _ = _head(extended)
    extended.add_outputs(multiply.input_value(0))
    _save(extended, place)
    files = {"model.xml": place.read_bytes(), "model.bin": place.with_suffix(".bin").read_bytes()}
    return OpenVinoEngine(files, num_threads=2)


def _save(model: openvino.Model, place: Path) -> None:
    # The default would quietly halve the precision of every weight.
    openvino.save_model(model, place, compress_to_fp16=False)
