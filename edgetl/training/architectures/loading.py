"""Put the values of a weights file into a model, checking every shape first.

A file is matched to the model layer by layer in order, as Keras itself does: names differ between
versions. Values are read, code never is: neither a pickle nor the configuration in an HDF5 file runs.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from edgetl.errors import WeightsError
from edgetl.training import torch_file

TORCH_SUFFIXES = (".pth", ".pt")

# Keras 3 names the groups of its own format after the class, in snake case and with a counter.
_GROUPS = {
    "Conv2D": "conv2d",
    "DepthwiseConv2D": "depthwise_conv2d",
    "BatchNormalization": "batch_normalization",
    "Dense": "dense",
}
_TORCH_ORDER = ("weight", "bias", "running_mean", "running_var")
# What h5py raises at damaged bytes, or at HDF5 files of other programs.
_DAMAGE = (OSError, LookupError, RuntimeError, TypeError, ValueError, AttributeError, MemoryError)


@dataclass(frozen=True)
class _Stored:
    """The weights of one layer as a file has them, in Keras' order and layout."""

    name: str
    values: Sequence[Any]
    """Arrays, or HDF5 datasets that are not read yet: their shapes are looked at first."""


def load(model: Any, path: Path, *, from_bgr: bool = False, optional: Collection[str] = ()) -> None:
    """Fill a model's layers from a file. A head in the file that the model lacks is left out.

    Args:
        model: flat Keras model.
        path: ``.pth`` or ``.pt`` of PyTorch, or else an HDF5 file of Keras.
        from_bgr: the file's first kernel takes B, G, R, and the model is to take R, G, B.
        optional: names of layers that stay as they are where the file has nothing for them.

    Raises:
        WeightsError: the file is damaged or does not fit; the message names the first layer at fault.
    """
    layers = [layer for layer in model.layers if layer.weights]
    if path.suffix.lower() in TORCH_SUFFIXES:
        _fill(layers, _from_torch(torch_file.read(path), layers), path, from_bgr, optional)
        return
    try:
        with h5py.File(path, "r") as file:
            _fill(layers, _from_keras(file, layers), path, from_bgr, optional)
    except WeightsError:
        raise
    except _DAMAGE as error:
        raise WeightsError(
            f"weights file {path} is damaged or holds no Keras weights: download or save it again"
        ) from error


def _fill(
    layers: list[Any], stored: list[_Stored], path: Path, from_bgr: bool, optional: Collection[str]
) -> None:
    for layer, found in zip_longest(layers, stored[: len(layers)]):
        wanted = [tuple(weight.shape) for weight in layer.weights]
        shapes = [tuple(value.shape) for value in found.values] if found else []
        if not shapes and layer.name in optional:
            continue
        if shapes != wanted:
            has = f"{found.name} in the file has {_text(shapes)}" if shapes else "the file has nothing for it"
            raise WeightsError(
                f"weights file {path} does not fit: layer {layer.name} wants {_text(wanted)}, but {has}; "
                "was it made for another backbone or width?"
            )
        values = [np.asarray(value, np.float32) for value in found.values]
        if not all(np.isfinite(value).all() for value in values):
            raise WeightsError(f"weights file {path} is damaged: {found.name} holds NaN or infinity")
        if from_bgr and layer is layers[0]:
            values[0] = values[0][:, :, ::-1]  # (height, width, colour, filters)
        layer.set_weights(values)


def _text(shapes: list[tuple[int, ...]]) -> str:
    return " and ".join(" x ".join(map(str, shape)) for shape in shapes)


def _from_torch(tensors: dict[str, NDArray[Any]], layers: list[Any]) -> list[_Stored]:
    groups: dict[str, dict[str, NDArray[Any]]] = defaultdict(dict)
    for name, tensor in tensors.items():
        owner, _, kind = name.rpartition(".")
        if kind in _TORCH_ORDER:
            groups[owner][kind] = tensor
    stored = []
    for layer, (name, group) in zip(layers, groups.items(), strict=False):
        values = [group[kind] for kind in _TORCH_ORDER if kind in group]
        kernel = tuple(layer.weights[0].shape)
        stored.append(_Stored(name, [_to_keras(value, kernel) for value in values]))
    return stored


def _to_keras(value: NDArray[Any], kernel: tuple[int, ...]) -> NDArray[Any]:
    """Reorder a PyTorch weight, as far as its form tells how, for a layer with such a kernel."""
    if value.ndim == 4 and value.shape[1] == 1:  # depthwise: channels, 1, height, width
        return value.transpose(2, 3, 0, 1)
    if value.ndim == 4:  # filters, channels, height, width
        return value.transpose(2, 3, 1, 0)
    if value.ndim == 2 and len(kernel) == 4 and value.shape[1] == np.prod(kernel[:3]):
        # A dense layer on a flattened map of channels, height, width is a convolution of that size.
        height, width, channels, _ = kernel
        return value.reshape(-1, channels, height, width).transpose(2, 3, 1, 0)
    return value.T  # dense: outputs, inputs; a vector stays as it is


def _from_keras(file: h5py.File, layers: list[Any]) -> list[_Stored]:
    for container in ("layers", "_layer_checkpoint_dependencies"):  # Keras 3, and Keras 2.12 to 2.15
        if container in file:
            return _from_keras_3(_child(file, container), layers)
    group = file if "layer_names" in file.attrs else _child(file, "model_weights")  # a whole saved model
    stored = []
    for name in map(_decoded, group.attrs["layer_names"]):
        owner = _child(group, name)
        values = [_dataset(owner, _decoded(weight)) for weight in owner.attrs["weight_names"]]
        # EfficientNet's own pre-processing, which our graph has in a layer without weights.
        if values and not name.startswith("normalization"):
            stored.append(_Stored(name, values))
    return stored


def _from_keras_3(container: h5py.Group, layers: list[Any]) -> list[_Stored]:
    stored = []
    seen: Counter[str] = Counter()
    for layer in layers:
        group = _GROUPS[type(layer).__name__]
        name = f"{group}_{seen[group]}" if seen[group] else group
        seen[group] += 1
        variables = _child(container, f"{name}/vars") if name in container else {}
        stored.append(_Stored(name, [_dataset(variables, str(index)) for index in range(len(variables))]))
    return stored


def _child(group: Any, path: str) -> Any:
    """Follow hard links only: the others can lead out of the file."""
    for part in path.split("/"):
        if not isinstance(group.get(part, getlink=True), h5py.HardLink):
            raise KeyError(path)
        group = group[part]
    return group


def _dataset(group: Any, path: str) -> h5py.Dataset:
    dataset = _child(group, path)
    if not isinstance(dataset, h5py.Dataset) or dataset.external or dataset.is_virtual:
        raise ValueError("values are kept outside the file")
    return dataset


def _decoded(name: str | bytes) -> str:
    return name.decode("utf-8") if isinstance(name, bytes) else str(name)
