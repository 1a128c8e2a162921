"""Everything that needs Keras. Called in a process of its own (``edgetl.isolated``), since Keras loads
TensorFlow, which takes seconds and prints a great deal."""

import importlib
from pathlib import Path

import keras
import numpy as np

from edgetl import files
from edgetl.converters.request import ConversionRequest
from edgetl.training import architectures
from edgetl.training.prepare import BackboneChoice

_CONVERTERS = {"openvino": "edgetl.converters.openvino", "onnxruntime": "edgetl.converters.onnx"}


def build_backbone(choice: BackboneChoice, engine: str, classes: int, folder: Path) -> None:
    """Write ``features.keras``, the network in its engine's format, and a first empty classifier."""
    model = architectures.build(choice.row, size=choice.size, width=choice.width, weights=choice.weights)
    source = folder / "features.keras"
    model.save(source)
    if engine in _CONVERTERS:
        out = folder / engine
        out.mkdir()
        request = ConversionRequest(
            model=source, precision="float32", out=out, calibration=None, contract=choice.contract
        )
        importlib.import_module(_CONVERTERS[engine]).convert(request)
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


def predict(model: Path, pixels: Path) -> np.ndarray:
    """Probabilities of the trained Keras model itself: what every variant is held against.

    Args:
        model: ``.keras`` file that edgetl wrote.
        pixels: ``.npy`` file, uint8 (n, h, w, 3).

    Returns:
        float32 (n, classes).
    """
    network = keras.models.load_model(model, compile=False)
    images = np.load(pixels, mmap_mode="r")
    return np.asarray(network.predict(images, batch_size=32, verbose=0), np.float32)
