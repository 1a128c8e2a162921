"""From a trained model to its float graph in each format: the work that all precisions share.

The only module of the converters that loads TensorFlow; it runs in a child process (``edgetl.isolated``).
Every graph takes ``pixels``, uint8 (1, height, width, 3), and gives ``probabilities``, float32 (1, classes);
a model without a softmax gives ``embedding``.
"""

import time
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

import keras
import numpy as np
import onnx
import openvino
import tensorflow as tf
from numpy.typing import NDArray
from onnxruntime.quantization.shape_inference import quant_pre_process
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

from edgetl.contract import Contract
from edgetl.converters import flatbuffer, onnx_edit, openvino_edit, tflite_input
from edgetl.converters.flatbuffer import SIGNATURE
from edgetl.converters.formats import FORMATS
from edgetl.converters.results import FloatGraphs
from edgetl.errors import ConversionError
from edgetl.files import scratch_folder, write_bytes
from edgetl.runtime.onnxruntime import OnnxRuntimeEngine


def write(
    model: Path, contract: Contract, formats: Sequence[str], folder: Path, embedding: bool = False
) -> FloatGraphs:
    """Write the float graph of each format into ``folder``, under the names that ``formats.FORMATS`` gives.

    Args:
        model: a ``.keras`` file, SavedModel folder or ``.onnx`` file that takes ``pixels`` and gives
            ``probabilities`` (a ``.keras`` file may also give features).
        contract: of the model.
        formats: which graphs.
        folder: to write into.
        embedding: give what the head reads as a second output, ``embedding``, float32 (1, features).

    Raises:
        ConversionError: the format cannot be made of this kind of model, or there is no head to read
            an embedding from.
    """
    libraries = {
        "onnx": onnx.__version__,
        "openvino": openvino.__version__.partition("-")[0],
    }
    if model.suffix != ".onnx":
        libraries |= {
            "keras": keras.__version__,
            "tensorflow": tf.__version__,
            "tf2onnx": version("tf2onnx"),
        }
    network = None if model.suffix == ".onnx" else load(model, contract)
    seconds = {}
    for format_ in formats:
        start = time.perf_counter()
        _WRITERS[format_](model, network, contract, folder / FORMATS[format_].graph, embedding)
        seconds[format_] = time.perf_counter() - start
    return FloatGraphs(seconds, libraries)


def load(model: Path, contract: Contract) -> keras.Model:
    """A ``.keras`` file or a SavedModel folder as a Keras model."""
    if model.suffix == ".keras":
        # Written by edgetl, or made of a user's file by adopt.py, which has looked into it.
        return keras.models.load_model(model, compile=False)
    source = keras.Input(contract.shape, batch_size=1, dtype="uint8", name="pixels")
    served = keras.layers.TFSMLayer(str(model), call_endpoint=SIGNATURE)(source)
    return keras.Model(source, served["probabilities"])


def predict(model: Path, contract: Contract, pixels: Path) -> NDArray[np.float32]:
    """Probabilities of the trained model itself, in its own library: what every variant is held against.

    Args:
        model: as for :func:`write`.
        contract: of the model.
        pixels: ``.npy`` file, uint8 (n, h, w, 3).

    Returns:
        float32 (n, classes).
    """
    images = np.load(pixels, mmap_mode="r")
    if model.suffix == ".onnx":
        with OnnxRuntimeEngine({"model.onnx": model.read_bytes()}, num_threads=2) as engine:
            return np.concatenate([engine.run(np.array(image[np.newaxis]))[0] for image in images])
    batch = 32 if model.suffix == ".keras" else 1
    answers = load(model, contract).predict(images, batch_size=batch, verbose=0)
    return np.asarray(answers, np.float32)


def _tflite(
    model: Path, network: keras.Model | None, contract: Contract, place: Path, embedding: bool
) -> None:
    if network is None:
        raise ConversionError(
            f"{model.name} is an .onnx file, of which no TFLite file can be made: "
            "choose --formats onnx,openvino, or give the Keras model or SavedModel it was made of"
        )
    spec = tf.TensorSpec((1, *contract.shape), tf.uint8, name="pixels")
    function = tf.function(lambda pixels: network(pixels, training=False)).get_concrete_function(spec)
    converter = tf.lite.TFLiteConverter.from_concrete_functions([convert_variables_to_constants_v2(function)])
    graph = flatbuffer.read(converter.convert())
    flatbuffer.own_constants(graph)
    flatbuffer.name_ends(graph, embedding=embedding)
    tflite_input.fold(graph, exactly=True)
    write_bytes(place, flatbuffer.write(graph))


def _onnx(model: Path, network: keras.Model | None, contract: Contract, place: Path, embedding: bool) -> None:
    with scratch_folder() as scratch:
        source = scratch / "source.onnx"
        if network is None:
            source = model
        else:
            spec = tf.TensorSpec((1, *contract.shape), tf.uint8, name="pixels")
            network.export(str(source), format="onnx", verbose=False, input_signature=[spec])
        prepared = scratch / "prepared.onnx"
        # Folds batch normalisation. Symbolic shapes are for models of variable size, which ours are not.
        quant_pre_process(source, prepared, skip_symbolic_shape=True)
        graph = onnx.load(prepared)
    onnx_edit.tidy(graph, embedding=embedding)
    write_bytes(place, graph.SerializeToString())


def _openvino(
    model: Path, network: keras.Model | None, contract: Contract, place: Path, embedding: bool
) -> None:
    with scratch_folder() as scratch:
        if network is None:
            graph = openvino.convert_model(model)
        else:
            source = scratch / "source.xml"
            network.export(str(source), format="openvino", verbose=False)
            graph = openvino.Core().read_model(source)
        graph.reshape([1, *contract.shape])
        openvino_edit.tidy(graph, embedding=embedding)
        for name, content in openvino_edit.contents(graph).items():
            write_bytes(place.with_suffix(Path(name).suffix), content)


_WRITERS = {"tflite": _tflite, "onnx": _onnx, "openvino": _openvino}
