"""The lower half of a backbone as a file of its own; in a child process, since it needs a converter."""

from pathlib import Path

import keras

from edgetl.converters import graphs
from edgetl.converters.formats import FORMATS
from edgetl.training.prepare import Prepared
from edgetl.training.tuning import network

_FORMATS = {"openvino": "openvino", "onnxruntime": "onnx"}
"""What the engines that compute features read."""


def write_lower(prepared: Prepared, classes: int, blocks: str, folder: Path) -> tuple[str, list[int]]:
    """Write ``lower.keras`` and the same in the engine's format.

    Returns:
        The layer it was cut behind, and (height, width, channels) of what it gives.
    """
    model = keras.models.load_model(prepared.classifier(classes), compile=False)  # our own file
    cut = network.cut_of(model, blocks)
    below = network.lower(model, cut)
    source = folder / "lower.keras"
    below.save(source)
    if prepared.engine in _FORMATS:
        out, format_ = folder / prepared.engine, FORMATS[_FORMATS[prepared.engine]]
        out.mkdir()
        graphs.write(source, prepared.choice.contract, (format_.name,), out)
        for written, name in zip(format_.graph_files, format_.files, strict=True):
            (out / written).rename(out / name)
    return cut, [int(size) for size in below.output.shape[1:]]
