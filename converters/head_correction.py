"""Correct the head for what int8 does to the features in front of it.

int8 shifts and blurs the features of a backbone. The head, solved on float features, amplifies that. So it
is solved once more: the kernel nearest to the trained one that gives, on the int8 features of train
pictures, the logits of the float model. It is the layer-wise least squares of post-training quantization
(Hubara et al., Accurate Post Training Quantization With Small Calibration Sets, ICML 2021), for the one
layer where it is exact, and with it the bias correction of Nagel et al. (ICCV 2019). Nothing is added at
run time.

It is done where the head is small and stays in float (``request.FLOAT_HEAD_SHARE``). A head of a thousand
classes has more weights than some hundred pictures can correct: EfficientNet-Lite0's lost by it (TFLite,
500 pictures of ImageNet in two folds: 87.0 and 98.2 % agreement against 87.4 and 98.6 % without).
"""

from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray

from edgetl.converters import onnx_edit
from edgetl.converters.request import FLOAT_HEAD_SHARE, HeadWeights
from edgetl.files import write_arrays
from edgetl.runtime.base import AbstractEngine


def write_logits(graph: Path, pictures: Path, out: Path) -> bool:
    """Write the float model's logits of the calibration pictures; called in a child process.

    Args:
        graph: float ``.onnx`` graph that takes ``pixels``.
        pictures: ``.npy``, uint8 (n, height, width, 3).
        out: ``.npz`` to write, with ``logits``, float64 (n, classes).

    Returns:
        False, and writes nothing, when the model has no head to correct.
    """
    model = onnx.load(graph)
    head = onnx_edit.find_head(model)
    if head is None or onnx_edit.shares(model)[head.nodes[0]] >= FLOAT_HEAD_SHARE:
        return False
    weights = onnx_edit.head_weights(model, head)
    with onnx_edit.with_features(model, head) as engine:
        read = features(engine, np.load(pictures, mmap_mode="r"))
    write_arrays(out, logits=read @ weights.kernel + weights.bias)
    return True


def correct(head: HeadWeights, wanted: NDArray[np.float64], found: NDArray[np.float64]) -> HeadWeights:
    """Solve the head for the int8 features.

    Args:
        head: as it was trained.
        wanted: float64 (n, classes), the float model's logits of train pictures.
        found: float64 (n, features), the quantized model's features of the same pictures.
    """
    centre, mean = found.mean(axis=0), wanted.mean(axis=0)
    centred = found - centre
    # As much weight on the trained kernel as the average feature brings evidence against it.
    damping = max(float((centred**2).sum()) / centred.shape[1], 1e-12)
    missing = (wanted - mean) - centred @ head.kernel
    # Solved over the pictures: there are hundreds of them, and of features behind a Flatten 100,000.
    alike = centred @ centred.T + damping * np.eye(len(centred))
    change = centred.T @ np.linalg.solve(alike, missing)
    kernel = head.kernel + change
    return HeadWeights(kernel.astype(np.float32), (mean - centre @ kernel).astype(np.float32))


def features(model: AbstractEngine, pictures: NDArray[np.uint8]) -> NDArray[np.float64]:
    """The second output of a model that gives what its head reads: float64 (n, features)."""
    # LiteRT may leave out the reshape in front of a head: (1, 1, 1, features).
    rows = [model.run(np.array(picture[np.newaxis]))[1].reshape(1, -1) for picture in pictures]
    return np.concatenate(rows).astype(np.float64)
