"""One small network with every kind of product that edgetl counts, in every precision of every format.

``build`` runs in a child process, since it imports TensorFlow. The work of one inference, by hand:

    convolution           16 x 16 places, 32 kernels of 3 x 3 x 3    221,184
    depthwise             16 x 16 places, 32 kernels of 3 x 3         73,728
    pointwise             16 x 16 places, 64 kernels of 32           524,288
    transposed            16 x 16 places, 8 kernels of 2 x 2 x 64    524,288
    dense                 8 x 10                                           80
                                                                    1,343,568
"""

import io
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

Files = dict[str, bytes]

MACS = 221_184 + 73_728 + 524_288 + 524_288 + 80


def build() -> dict[str, Files]:
    """Files by variant name: ``tflite-float32``, ``onnx-int8`` and so on, and ``mobilenet_v2``."""
    network = _network()
    with tempfile.TemporaryDirectory() as folder:
        return {
            **_tflite(network),
            **_onnx_and_openvino(network, Path(folder)),
            "mobilenet_v2": _mobilenet(),
        }


def _network() -> Any:
    import keras

    keras.utils.set_random_seed(0)
    layers = keras.layers
    return keras.Sequential(
        [
            keras.Input((32, 32, 3), name="pixels"),
            layers.Conv2D(32, 3, strides=2, padding="same", activation="relu"),
            layers.DepthwiseConv2D(3, padding="same"),
            layers.ReLU(6.0),
            layers.Conv2D(64, 1),
            layers.Conv2DTranspose(8, 2, strides=2),
            layers.GlobalAveragePooling2D(),
            layers.Dense(10),
            layers.Softmax(),
        ]
    )


def _mobilenet() -> Files:
    """A network whose work is published, with random weights."""
    import keras
    import tensorflow as tf

    network = keras.applications.MobileNetV2(weights=None)
    spec = tf.TensorSpec([1, 224, 224, 3], tf.float32)
    function = tf.function(network).get_concrete_function(spec)
    return {"model.tflite": bytes(tf.lite.TFLiteConverter.from_concrete_functions([function]).convert())}


def _pictures() -> Iterator[Any]:
    generator = np.random.default_rng(0)
    return (generator.random((1, 32, 32, 3)).astype(np.float32) for _ in range(10))


def _tflite(network: Any) -> dict[str, Files]:
    import tensorflow as tf
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

    spec = tf.TensorSpec([1, 32, 32, 3], tf.float32)
    frozen = convert_variables_to_constants_v2(tf.function(network).get_concrete_function(spec))

    def convert(adjust: Callable[[Any], None]) -> Files:
        converter = tf.lite.TFLiteConverter.from_concrete_functions([frozen])
        adjust(converter)
        return {"model.tflite": bytes(converter.convert())}

    def small(converter: Any) -> None:
        converter.optimizations = [tf.lite.Optimize.DEFAULT]

    def float16(converter: Any) -> None:
        small(converter)
        converter.target_spec.supported_types = [tf.float16]

    def int8(converter: Any) -> None:
        small(converter)
        converter.representative_dataset = lambda: ([picture] for picture in _pictures())

    def int16x8(converter: Any) -> None:
        int8(converter)
        operators = tf.lite.OpsSet.EXPERIMENTAL_TFLITE_BUILTINS_ACTIVATIONS_INT16_WEIGHTS_INT8
        converter.target_spec.supported_ops = [operators]

    return {
        "tflite-float32": convert(lambda converter: None),
        "tflite-float16": convert(float16),
        "tflite-dynamic": convert(small),
        "tflite-int8": convert(int8),
        "tflite-int16x8": convert(int16x8),
    }


def _onnx_and_openvino(network: Any, folder: Path) -> dict[str, Files]:
    import nncf
    import onnx
    import openvino
    import tensorflow as tf
    import tf2onnx
    from onnxruntime import quantization
    from onnxruntime.quantization.shape_inference import quant_pre_process
    from onnxruntime.transformers.float16 import convert_float_to_float16

    signature = [tf.TensorSpec([1, 32, 32, 3], tf.float32, name="pixels")]
    graph, prepared, quantized = (folder / f"{name}.onnx" for name in ("graph", "prepared", "quantized"))
    model, _ = tf2onnx.convert.from_function(tf.function(network), signature, opset=17)
    onnx.save(model, graph)
    quant_pre_process(graph, prepared, skip_symbolic_shape=True)
    built = {"onnx-float32": {"model.onnx": graph.read_bytes()}}

    halved = convert_float_to_float16(onnx.load(graph), keep_io_types=True)
    built["onnx-float16"] = {"model.onnx": halved.SerializeToString()}

    class Reader(quantization.CalibrationDataReader):  # type: ignore[misc]
        def __init__(self) -> None:
            self._rest = _pictures()

        def get_next(self) -> Any:
            picture = next(self._rest, None)
            return None if picture is None else {"pixels": picture}

    quantization.quantize_static(prepared, quantized, Reader(), per_channel=True)
    built["onnx-int8"] = {"model.onnx": quantized.read_bytes()}
    quantization.quantize_dynamic(prepared, quantized)
    built["onnx-dynamic"] = {"model.onnx": quantized.read_bytes()}

    def saved(converted: Any, *, compress: bool = False) -> Files:
        openvino.save_model(converted, folder / "model.xml", compress_to_fp16=compress)
        return {name: (folder / name).read_bytes() for name in ("model.xml", "model.bin")}

    converted = openvino.convert_model(io.BytesIO(built["onnx-float32"]["model.onnx"]))
    built["openvino-float32"] = saved(converted)
    built["openvino-float16"] = saved(converted, compress=True)
    built["openvino-int8"] = saved(nncf.quantize(converted, nncf.Dataset(list(_pictures()))))
    built["openvino-weight-only"] = saved(nncf.compress_weights(converted))
    return built
