"""Put a solved head into a ``.keras`` file without starting Keras, which would take longer than solving it.

A ``.keras`` file is a zip of ``config.json``, ``metadata.json`` and an HDF5 file of the weights (Keras'
saving format, version 3). The classifier in the cache was saved by Keras with a head of zeros; only
those two arrays are written here.
"""

import io
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from edgetl import extras
from edgetl.errors import RunError
from edgetl.training.head import Head

_WEIGHTS = "model.weights.h5"


def with_head(template: Path, head: Head) -> bytes:
    """The bytes of the template's ``.keras`` file with the head's values.

    Args:
        template: a classifier written by ``edgetl.training.build.build_classifier``.
        head: kernel (features, classes) and bias (classes,).

    Raises:
        RunError: the template has no head of zeros of that shape.
    """
    h5py = extras.load("h5py", extra="train", purpose="training")
    result = io.BytesIO()
    with zipfile.ZipFile(template) as old, zipfile.ZipFile(result, "w", zipfile.ZIP_STORED) as new:
        for member in old.infolist():
            data = old.read(member)
            if member.filename == _WEIGHTS:
                file = io.BytesIO(data)
                with h5py.File(file, "r+") as weights:
                    kernel, bias = _find_head(weights, head, template)
                    kernel[...] = head.kernel
                    bias[...] = head.bias
                data = file.getvalue()
            new.writestr(member, data)
    return result.getvalue()


def _find_head(weights: Any, head: Head, template: Path) -> tuple[Any, Any]:
    """The datasets of the one dense layer of the right shape whose kernel is all zeros."""
    found = []

    def visit(name: str, item: Any) -> None:
        if name.endswith("/vars") and set(item) == {"0", "1"}:
            shapes = (item["0"].shape, item["1"].shape)
            if shapes == (head.kernel.shape, head.bias.shape) and not np.any(item["0"][...]):
                found.append((item["0"], item["1"]))

    weights.visititems(visit)
    if len(found) != 1:
        raise RunError(
            f"{template} has {len(found)} empty heads of shape {head.kernel.shape}, not one: delete it"
        )
    return (found[0][0], found[0][1])
