"""Batch-norm statistics of other pictures. Called in a process of its own: it needs Keras and a back end.

Li et al., Revisiting Batch Normalization for Practical Domain Adaptation (AdaBN), 2016; the mixture with the
statistics that were there is Schneider et al.'s, NeurIPS 2020.
"""

from pathlib import Path

import keras
import numpy as np

from edgetl import files

_BATCH = 64
_PRIOR = 64
"""Pictures that the statistics of the weights count as: few pictures of one's own change them a little."""


def estimate(network: Path, pixels: Path, out: Path) -> int:
    """Write a backbone's weights with the batch-norm statistics of some pictures.

    Every layer sees what the layers before it give with the new statistics, a batch at a time, and keeps the
    mean of the batches.

    Args:
        network: our own ``features.keras``.
        pixels: ``.npy`` of uint8 (n, height, width, 3).
        out: ``.weights.h5`` to write.

    Returns:
        How many layers have statistics; with none, nothing is written.
    """
    model = keras.models.load_model(network, compile=False)
    norms = [layer for layer in model.layers if isinstance(layer, keras.layers.BatchNormalization)]
    if not norms:
        return 0
    for layer in model.layers:
        if isinstance(layer, keras.layers.Dropout):
            layer.rate = 0.0
    before = [(np.array(norm.moving_mean), np.array(norm.moving_variance)) for norm in norms]
    pictures = np.load(pixels, mmap_mode="r")
    batches = max(1, round(len(pictures) / _BATCH))
    for number, places in enumerate(np.array_split(np.arange(len(pictures)), batches)):
        for norm in norms:
            norm.momentum = number / (number + 1)  # so that all batches count the same
        model(np.asarray(pictures[places]), training=True)
    ours = len(pictures) / (len(pictures) + _PRIOR)
    for norm, (mean, variance) in zip(norms, before, strict=True):
        norm.moving_mean.assign(ours * np.array(norm.moving_mean) + (1 - ours) * mean)
        norm.moving_variance.assign(ours * np.array(norm.moving_variance) + (1 - ours) * variance)
    with files.new_file(out) as temporary:
        # Keras asks for this ending, and new_file keeps only the last part of it.
        written = temporary.with_name(f"{temporary.name}.weights.h5")
        model.save_weights(written)
        written.replace(temporary)
    return len(norms)
