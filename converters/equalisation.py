"""Cross-layer equalisation: the same network with channels of like range, which int8 rounds better.

One int8 scale serves all channels of a tensor, so a channel of small range keeps few of the 256 steps.
Where nothing between two layers bends (no activation, or ReLU), a channel may be multiplied by any positive
number in the layer that writes it and divided by it in the layer that reads it (Nagel et al. 2019, Data-Free
Quantization Through Weight Equalization and Bias Correction, arXiv 1906.04721). Ranges of activations are
measured on pictures. Powers of two only move exponents, so the float model stays the same to the last bit.
"""

from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from edgetl import files
from edgetl.converters.channel_groups import Group, groups, input_weights, scale
from edgetl.converters.results import Equalised
from edgetl.errors import ConversionError

PICTURES = 64
"""How many pictures ranges are measured on."""
_BATCH = 16
_LIMIT = 12
"""Largest exponent of a scale, so that no weight falls below what float16 holds."""
_TOLERANCE = 1e-6


def equalise(model: Path, pictures: Path, out: Path) -> Equalised:
    """Write an equivalent model whose channels have ranges as like as powers of two make them.

    Args:
        model: ``.keras`` file, uint8 ``pixels`` (n, h, w, 3) in, ``probabilities`` out.
        pictures: ``.npy`` file, uint8 (n, h, w, 3); the first :data:`PICTURES` are used.
        out: the ``.keras`` file to write; written also when there was nothing to change.

    Raises:
        ConversionError: the new model does not answer like the old one.
    """
    network = keras.models.load_model(model, compile=False)
    pixels = np.asarray(np.load(pictures, mmap_mode="r")[:PICTURES])
    before = _answers(network, pixels[:_BATCH])
    found = groups(network)
    exponents = [
        _exponents(ranges, group)
        for group, ranges in zip(found, _ranges(network, found, pixels), strict=True)
    ]
    for group, powers in zip(found, exponents, strict=True):
        scale(group, np.exp2(powers))
    difference = float(np.abs(_answers(network, pixels[:_BATCH]) - before).max())
    if not difference <= _TOLERANCE:
        raise ConversionError(
            f"equalising {model.name} moved its probabilities by {difference:.2g}, more than {_TOLERANCE:g}: "
            "export it without equalisation"
        )
    with files.new_file(out) as temporary:
        network.save(temporary)
    changed = [powers for powers in exponents if np.any(powers)]
    return Equalised(len(changed), float(max((np.exp2(np.ptp(powers)) for powers in changed), default=1.0)))


def _ranges(
    network: keras.Model, found: tuple[Group, ...], pixels: NDArray[np.uint8]
) -> list[NDArray[np.float64]]:
    """Largest absolute value of each channel, (channels,), for each group, in what layers read."""
    peaks = [np.zeros(group.channels) for group in found]

    def watch(layer: Any, peak: NDArray[np.float64]) -> None:
        original = layer.call

        def call(inputs: Any, *args: Any, **kwargs: Any) -> Any:
            for tensor in inputs if isinstance(inputs, (list, tuple)) else [inputs]:
                values = np.abs(np.asarray(tensor)).reshape(-1, len(peak)).max(axis=0)
                np.maximum(peak, values, out=peak)
            return original(inputs, *args, **kwargs)

        layer.call = call

    watched = [
        (layer, peak)
        for group, peak in zip(found, peaks, strict=True)
        for layer in (*group.readers, *group.joints)
    ]
    for layer, peak in watched:
        watch(layer, peak)
    try:
        _answers(network, pixels)
    finally:
        for layer, _ in watched:
            del layer.call
    return peaks


def _answers(network: keras.Model, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Called eagerly, which neither compiles for every change nor hides the tensors."""
    return np.concatenate(
        [
            np.asarray(network(pixels[place : place + _BATCH], training=False))
            for place in range(0, len(pixels), _BATCH)
        ]
    )


def _exponents(ranges: NDArray[np.float64], group: Group) -> NDArray[np.float64]:
    """Powers of two for each channel, (channels,), that leave the largest range of the group no larger.

    Where kernels mix the channels, their weights share scales too: the geometric mean of both ranges
    serves both, as in the paper. Where none does, the channels of the tensor become alike.
    """
    live = ranges > 0
    if not live.any():
        return np.zeros(group.channels)
    activations = np.log2(ranges, where=live, out=np.zeros(group.channels))
    weights = input_weights(group)
    # A channel that is hardly read should not take the range of those that are.
    read = np.log2(np.maximum(weights, weights.max() * 2.0**-_LIMIT)) if weights.any() else activations * 0
    wanted = (read - activations) / 2 if weights.any() else -activations
    powers = np.where(live, np.round(wanted - np.median(wanted[live])).clip(-_LIMIT, _LIMIT), 0.0)
    excess = float(np.ceil((activations + powers)[live].max() - activations[live].max()))
    return np.asarray(powers - excess)
