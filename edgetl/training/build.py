"""Everything that needs Keras. Called in a process of its own (``edgetl.isolated``), since Keras loads
TensorFlow, which takes seconds and prints a great deal."""

from pathlib import Path

import keras

from edgetl import files
from edgetl.converters import graphs
from edgetl.converters.formats import FORMATS
from edgetl.training import architectures
from edgetl.training.prepare import BackboneChoice

ENGINE_FORMATS = {"openvino": "openvino", "onnxruntime": "onnx"}
"""What the engines that compute features read."""


def build_backbone(choice: BackboneChoice, engine: str, classes: int, folder: Path) -> None:
    """Write ``features.keras``, the network in its engine's format, and a first empty classifier."""
    model = architectures.build(choice.row, size=choice.size, width=choice.width, weights=choice.weights)
    source = folder / "features.keras"
    model.save(source)
    if engine in ENGINE_FORMATS:
        out, format_ = folder / engine, FORMATS[ENGINE_FORMATS[engine]]
        out.mkdir()
        graphs.write(source, choice.contract, (format_.name,), out)
        for written, name in zip(format_.graph_files, format_.files, strict=True):
            (out / written).rename(out / name)
    build_classifier(folder, classes)


def build_classifier(folder: Path, classes: int) -> None:
    """Write ``classifier-N.keras``: the backbone of ``folder`` under a head whose values come later."""
    # Our own file, written by build_backbone and read back with Keras' safe mode on.
    features = keras.models.load_model(folder / "features.keras", compile=False)
    logits = keras.layers.Dense(classes, name="logits", kernel_initializer="zeros")(features.output)
    probabilities = keras.layers.Softmax(name="probabilities")(logits)
    model = keras.Model(features.input, probabilities, name="classifier")
    with files.new_file(folder / f"classifier-{classes}.keras") as temporary:
        model.save(temporary)
