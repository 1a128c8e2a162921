"""A model that tells colours apart, its bundle, and pictures for it."""

import hashlib
import io
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from support import encoded, write_bundle

from edgetl import images
from edgetl.bundle import MANIFEST
from edgetl.contract import Contract
from edgetl.runtime.teaching import exemplars
from edgetl.sealing import sealed

LABELS = ("background", "ant", "bee")
COLOURS = {"background": (128, 128, 128), "ant": (230, 25, 25), "bee": (25, 25, 230), "mug": (25, 230, 25)}
"""What stands for each class in a picture. The model does not know mugs."""
_SIZE = 32
_PIECES = 4


def picture(label: str, *, seed: int = 0) -> Image.Image:
    """A picture of a class, 160 x 120, with some noise."""
    noise = np.random.default_rng(seed).normal(0, 8, (120, 160, 3))
    return Image.fromarray((np.array(COLOURS[label]) + noise).clip(0, 255).astype(np.uint8))


def pictures(folder: Path, labels: Sequence[str]) -> Path:
    """A folder of pictures in this order, for a fake camera."""
    folder.mkdir()
    for number, label in enumerate(labels):
        picture(label, seed=number).save(folder / f"{number:04}.png")
    return folder


def _model() -> bytes:
    """An ONNX model: the mean colours of 16 parts of the picture, its embedding, then a dense layer."""
    from onnx import TensorProto, checker, helper, numpy_helper

    side = _SIZE // _PIECES
    features = 3 * _PIECES**2
    # Grey is background. A red or blue beyond the mean of the two other colours is an ant or a bee.
    colours = np.array([[0, 12, -6], [0, -6, -6], [0, -6, 12]], np.float32)
    weights = np.repeat(colours, _PIECES**2, axis=0) / _PIECES**2
    graph = helper.make_graph(
        [
            helper.make_node("Cast", ["pixels"], ["floats"], to=TensorProto.FLOAT),
            helper.make_node("Transpose", ["floats"], ["planes"], perm=[0, 3, 1, 2]),
            helper.make_node("Mul", ["planes", "scale"], ["scaled"]),
            helper.make_node(
                "AveragePool", ["scaled"], ["means"], kernel_shape=[side, side], strides=[side, side]
            ),
            helper.make_node("Flatten", ["means"], ["embedding"]),
            helper.make_node("Gemm", ["embedding", "weights", "bias"], ["logits"]),
            helper.make_node("Softmax", ["logits"], ["probabilities"], axis=1),
        ],
        "colours",
        [helper.make_tensor_value_info("pixels", TensorProto.UINT8, [1, _SIZE, _SIZE, 3])],
        [
            helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, [1, len(LABELS)]),
            helper.make_tensor_value_info("embedding", TensorProto.FLOAT, [1, features]),
        ],
        [
            numpy_helper.from_array(weights, "weights"),
            numpy_helper.from_array(np.array([0, -4, -4], np.float32), "bias"),
            numpy_helper.from_array(np.array(1 / 255, np.float32), "scale"),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    checker.check_model(model, full_check=True)
    return bytes(model.SerializeToString())


def _answers(encoded_pictures: Sequence[bytes], model: bytes) -> list[NDArray[np.float32]]:
    """Probabilities (n, classes) and embeddings (n, features)."""
    import onnxruntime

    session = onnxruntime.InferenceSession(model)
    contract = Contract(_SIZE, _SIZE, labels=LABELS)
    rows = [
        session.run(None, {"pixels": images.decode(data, contract)[np.newaxis]}) for data in encoded_pictures
    ]
    return [np.concatenate(column) for column in zip(*rows, strict=True)]


def write_colours(folder: Path) -> Path:
    """Write a bundle that tells ants (red), bees (blue) and grey apart, and that can be taught."""
    model = _model()
    known = [encoded(picture(label, seed=seed)) for seed in range(10) for label in LABELS]
    probabilities, embeddings = _answers(known, model)
    write_bundle(
        folder,
        {"onnx-float32": {"model.onnx": model}},
        {"onnx-float32": probabilities[:3]},
        Contract(_SIZE, _SIZE, labels=LABELS),
        pictures=known[:3],
        reject_threshold=0.4,
    )
    buffer = io.BytesIO()
    truth = np.tile(np.arange(len(LABELS)), 10)
    np.savez(buffer, **exemplars.pack(embeddings, truth, probabilities).arrays())  # type: ignore[arg-type]
    data = buffer.getvalue()
    (folder / exemplars.FILE).write_bytes(data)
    manifest = json.loads((folder / MANIFEST).read_text())
    manifest["embedding"] = True
    manifest["exemplars"] = {
        "path": exemplars.FILE,
        "sha256": hashlib.sha256(data).hexdigest(),
        "size_bytes": len(data),
    }
    (folder / MANIFEST).write_text(sealed(manifest))
    return folder
