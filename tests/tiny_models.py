"""The same small classifier for every engine: mean colour, one dense layer, softmax.

``build`` runs in a child process, since it imports TensorFlow. It also made the models that
edgetl/runtime/probe_models.py carries: ``python -c 'import tiny_models as t; t.print_probes()'``.
"""

import base64
import io
import tempfile
import textwrap
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Files = dict[str, bytes]


def layer(classes: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Weights (3, classes) and bias (classes,) that tell colours apart."""
    angle = np.arange(classes) * 2 * np.pi / classes
    weights = 4 * np.stack([np.cos(angle), np.sin(angle), np.cos(3 * angle + 1)])
    return weights.astype(np.float32), np.linspace(0.5, -0.5, classes).astype(np.float32)


def reference(images: NDArray[np.uint8], classes: int) -> NDArray[np.float64]:
    """What the classifier answers, in numpy and double precision."""
    weights, bias = layer(classes)
    logits = images.astype(np.float64).mean(axis=(1, 2)) / 255 @ weights + bias
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)  # type: ignore[no-any-return]


def build(size: int, classes: int) -> dict[str, Files]:
    """The files of ``tflite-float32``, ``tflite-int8``, ``onnx-float32`` and ``openvino-float32``."""
    onnx_model = _onnx(size, classes)
    return {
        "tflite-float32": {"model.tflite": _tflite(size, classes, int8=False)},
        "tflite-int8": {"model.tflite": _tflite(size, classes, int8=True)},
        "onnx-float32": {"model.onnx": onnx_model},
        "openvino-float32": _openvino(onnx_model),
    }


def _onnx(size: int, classes: int) -> bytes:
    from onnx import TensorProto, checker, helper, numpy_helper

    weights, bias = layer(classes)
    graph = helper.make_graph(
        [
            helper.make_node("Cast", ["pixels"], ["floats"], to=TensorProto.FLOAT),
            helper.make_node("ReduceMean", ["floats"], ["means"], axes=[1, 2], keepdims=0),
            helper.make_node("Gemm", ["means", "weights", "bias"], ["logits"]),
            helper.make_node("Softmax", ["logits"], ["probabilities"], axis=1),
        ],
        "tiny",
        [helper.make_tensor_value_info("pixels", TensorProto.UINT8, [1, size, size, 3])],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, [1, classes])],
        [numpy_helper.from_array(weights / 255, "weights"), numpy_helper.from_array(bias, "bias")],
    )
    # Opset 13 and IR 8 are read by every ONNX Runtime that edgetl supports.
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    checker.check_model(model, full_check=True)
    return bytes(model.SerializeToString())


def _tflite(size: int, classes: int, *, int8: bool) -> bytes:
    import tensorflow as tf

    weights, bias = layer(classes)

    class Tiny(tf.Module):  # type: ignore[misc]
        @tf.function(input_signature=[tf.TensorSpec([1, size, size, 3], tf.float32 if int8 else tf.uint8)])  # type: ignore[untyped-decorator]
        def answer(self, pixels: Any) -> Any:
            means = tf.reduce_mean(tf.cast(pixels, tf.float32), axis=[1, 2])
            return tf.nn.softmax(tf.linalg.matmul(means, weights / 255) + bias)

    module = Tiny()
    converter = tf.lite.TFLiteConverter.from_concrete_functions(
        [module.answer.get_concrete_function()], module
    )
    if int8:
        generator = np.random.default_rng(0)
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.representative_dataset = lambda: (
            [np.broadcast_to(generator.integers(0, 256, 3), (1, size, size, 3)).astype(np.float32)]
            for _ in range(100)
        )
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        converter.inference_input_type = tf.uint8
        converter.inference_output_type = tf.uint8
    return bytes(converter.convert())


def _openvino(onnx_model: bytes) -> Files:
    import openvino

    model = openvino.convert_model(io.BytesIO(onnx_model))
    with tempfile.TemporaryDirectory() as folder:
        openvino.save_model(model, Path(folder) / "model.xml", compress_to_fp16=False)
        return {name: (Path(folder) / name).read_bytes() for name in ("model.xml", "model.bin")}


def print_probes() -> None:
    """Print the table of edgetl/runtime/probe_models.py."""
    built = build(8, 3)
    print("_MODELS = {")  # noqa: T201
    for name in ("tflite", "onnx", "openvino"):
        print(f'    "{name}": {{')  # noqa: T201
        for file, content in built[f"{name}-float32"].items():
            text = base64.b64encode(zlib.compress(content, 9)).decode()
            lines = "".join(f'\n            "{part}"' for part in textwrap.wrap(text, 92))
            print(f'        "{file}": ({lines}\n        ),')  # noqa: T201
        print("    },")  # noqa: T201
    print("}")  # noqa: T201
