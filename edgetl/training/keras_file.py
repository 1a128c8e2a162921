"""Put a solved head into a ``.keras`` file without starting Keras, which would take longer than solving it.

A ``.keras`` file is a zip of ``config.json``, ``metadata.json`` and an HDF5 file of the weights (Keras'
saving format, version 3). The classifier in the cache was saved by Keras with a head of zeros; only
those two arrays are written here.
"""

import io
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from edgetl import extras
from edgetl.errors import RunError
from edgetl.training.arrays import Floats

_WEIGHTS = "model.weights.h5"


class Dense(Protocol):
    """A solved head: ``head.Head``, or those of several tasks side by side."""

    @property
    def kernel(self) -> Floats:
        """float32 (features or hidden units, classes)."""

    @property
    def bias(self) -> Floats:
        """float32 (classes,)."""

    @property
    def hidden_kernel(self) -> Floats | None:
        """float32 (features, hidden units); None for a linear head."""

    @property
    def hidden_bias(self) -> Floats | None:
        """float32 (hidden units,)."""


def with_head(template: Path, head: Dense) -> bytes:
    """The bytes of the template's ``.keras`` file with the head's values.

    Args:
        template: a classifier written by ``edgetl.training.build.build_classifier``.
        head: its kernels and biases; the template has the same layers.

    Raises:
        RunError: the template has no layers of zeros of those shapes.
    """
    h5py = extras.load("h5py", extra="train", purpose="training")
    result = io.BytesIO()
    with zipfile.ZipFile(template) as old, zipfile.ZipFile(result, "w", zipfile.ZIP_STORED) as new:
        for member in old.infolist():
            data = old.read(member)
            if member.filename == _WEIGHTS:
                file = io.BytesIO(data)
                with h5py.File(file, "r+") as weights:
                    for kernel, bias in _layers(head):
                        found = _find_layer(weights, kernel.shape, template)
                        found["0"][...], found["1"][...] = kernel, bias
                data = file.getvalue()
            new.writestr(member, data)
    return result.getvalue()


def _layers(head: Dense) -> Iterator[tuple[Floats, Floats]]:
    """Kernel and bias of each dense layer."""
    if head.hidden_kernel is not None and head.hidden_bias is not None:
        yield head.hidden_kernel, head.hidden_bias
    yield head.kernel, head.bias


def _find_layer(weights: Any, shape: tuple[int, ...], template: Path) -> Any:
    """The one dense layer with a kernel of that shape that is all zeros."""
    found = []

    def visit(name: str, item: Any) -> None:
        if name.endswith("/vars") and set(item) == {"0", "1"}:
            shapes = (item["0"].shape, item["1"].shape)
            if shapes == (shape, shape[1:]) and not np.any(item["0"][...]):
                found.append(item)

    weights.visititems(visit)
    if len(found) != 1:
        raise RunError(f"{template} has {len(found)} empty heads of shape {shape}, not one: delete it")
    return found[0]
