"""A head with a hidden layer, trained by Adam on the cached features in plain numpy.

It can bend what a linear head must cut straight. It is adopted only where photos that neither has seen say
so beyond noise, since on few photos it mostly learns them by heart.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from edgetl.training.arrays import Doubles, Floats, Labels
from edgetl.training.heads import held_out as judging
from edgetl.training.heads.choosing import Choice
from edgetl.training.heads.logistic import Targets
from edgetl.training.scoring import calibration
from edgetl.training.threads import threads_for

_BATCH = 128
_MOST_EPOCHS = 100
_PATIENCE = 8
"""Epochs without a better held-out loss, after which it stops."""
_RATE, _DECAY = 3e-4, 1.0
"""Step of Adam and decay of the weights (Loshchilov and Hutter, ICLR 2019)."""
_FIRST, _SECOND, _TINY = 0.9, 0.999, 1e-8
"""Adam's own constants (Kingma and Ba, ICLR 2015)."""
_STOPPING = 0.1
"""Share of the train photos that says when to stop."""
_DROPPED = 0.5
"""Share of the hidden units that are left out in each step (Srivastava et al., JMLR 2014)."""


@dataclass(frozen=True)
class Layers:
    """``relu(features @ first + first_bias) @ second + second_bias``."""

    first: Floats
    """float32 (features, units)."""
    first_bias: Floats
    """float32 (units,)."""
    second: Floats
    """float32 (units, classes)."""
    second_bias: Floats
    """float32 (classes,)."""

    def hidden(self, features: Floats) -> Floats:
        """float32 (n, features) -> float32 (n, units), 0 or more."""
        return np.asarray(np.maximum(features @ self.first + self.first_bias, 0))

    def logits(self, features: Floats) -> Floats:
        """float32 (n, features) -> float32 (n, classes)."""
        return np.asarray(self.hidden(features) @ self.second + self.second_bias)


def train(
    features: Floats,
    targets: Targets,
    *,
    units: int,
    seed: int,
    epochs: int | None = None,
    judge: Callable[[Layers], float] | None = None,
) -> tuple[Layers, int]:
    """Train the two layers.

    Args:
        features: float32 (n, features).
        targets: of each row.
        units: of the hidden layer.
        seed: for the first weights, the order of the photos and what is dropped.
        epochs: how long; None stops when ``judge`` finds nothing better any more.
        judge: held-out loss of layers.

    Returns:
        The layers, the best or the last, and after how many epochs they were reached.
    """
    random = np.random.default_rng(seed)
    count, width = features.shape
    centre = features.mean(axis=0, dtype=np.float64).astype(np.float32)
    scale = np.float32(np.sqrt(np.mean([(features[:, k] - centre[k]).var() for k in range(width)])) or 1.0)
    values = [
        random.normal(0, np.sqrt(2 / width), (width, units)).astype(np.float32),
        np.zeros(units, np.float32),
        random.normal(0, np.sqrt(1 / units), (units, targets.classes)).astype(np.float32),
        np.zeros(targets.classes, np.float32),
    ]
    moments = [[np.zeros_like(value) for value in values] for _ in range(2)]

    def unfolded() -> Layers:
        first = values[0] / scale
        return Layers(first, values[1] - centre @ first, values[2].copy(), values[3].copy())

    best, best_loss, best_epoch, step = unfolded(), np.inf, 0, 0
    mean_weight = targets.total / count
    for epoch in range(1, (epochs or _MOST_EPOCHS) + 1):
        order = random.permutation(count)
        with threads_for(_BATCH * width * units):
            for start in range(0, count, _BATCH):
                chosen = order[start : start + _BATCH]
                rows = (features[chosen] - centre) / scale
                kept = (random.random((len(chosen), units)) >= _DROPPED).astype(np.float32) / (1 - _DROPPED)
                hidden = np.maximum(rows @ values[0] + values[1], 0) * kept
                _, slope = targets.loss(hidden @ values[2] + values[3], chosen)
                slope /= np.float32(len(chosen) * mean_weight)
                back = (slope @ values[2].T) * kept * (hidden > 0)
                gradients = [rows.T @ back, back.sum(axis=0), hidden.T @ slope, slope.sum(axis=0)]
                step += 1
                for number, gradient in enumerate(gradients):
                    first, second = moments[0][number], moments[1][number]
                    first += (1 - _FIRST) * (gradient - first)
                    second += (1 - _SECOND) * (gradient**2 - second)
                    move = first / (1 - _FIRST**step) / (np.sqrt(second / (1 - _SECOND**step)) + _TINY)
                    values[number] -= _RATE * (move + _DECAY * values[number] * (number % 2 == 0))
        if judge is not None:
            layers = unfolded()
            loss = judge(layers)
            if loss < best_loss:
                best, best_loss, best_epoch = layers, loss, epoch
            elif epochs is None and epoch - best_epoch >= _PATIENCE:
                break
    return (best, best_epoch) if judge is not None else (unfolded(), epochs or _MOST_EPOCHS)


@dataclass(frozen=True)
class Better:
    """Layers that beat the linear head."""

    layers: Layers
    logits: Doubles
    """float64 (m, classes), of the photos of ``Choice.truth``, when they were held out."""
    temperature: float


def better(
    features: Floats,
    labels: Labels,
    targets: Targets,
    choice: Choice,
    held_out: tuple[Floats, Labels] | None,
    *,
    units: int,
    seed: int,
) -> Better | None:
    """Layers to replace a linear head by, or None where they do not answer held-out photos better.

    Args:
        features: float32 (n, features).
        labels: int64 (n,).
        targets: the same with their weights.
        choice: the linear head, and on which photos it was chosen.
        held_out: the val photos that it was chosen on, if it was.
        units: of the hidden layer.
        seed: for the training.
    """
    random = np.random.default_rng(seed)
    held = [held_out] if held_out is not None else [(features[m], labels[m]) for m in choice.masks]
    masks = choice.masks or (np.zeros(len(features), np.bool_),)
    answers, epochs = [], []
    for mask, (held_rows, _) in zip(masks, held, strict=True):
        stopping = ~mask & (random.random(len(mask)) < _STOPPING)[choice.copies]
        solved = np.flatnonzero(~mask & ~stopping)
        if not stopping.any():
            return None  # too few photos to say when to stop
        layers, count = train(
            features[solved],
            targets.of_rows(solved),
            units=units,
            seed=seed,
            judge=_log_loss_on(features[stopping], labels[stopping]),
        )
        answers.append(layers.logits(held_rows))
        epochs.append(count)
    logits = np.concatenate(answers).astype(np.float64)
    temperature = calibration.temperature(logits, choice.truth)
    if not judging.beats(logits / temperature, choice.logits / choice.temperature, choice.truth):
        return None
    layers, _ = train(features, targets, units=units, seed=seed, epochs=max(1, int(np.median(epochs))))
    return Better(layers, logits, temperature)


def _log_loss_on(features: Floats, labels: Labels) -> Callable[[Layers], float]:
    return lambda layers: judging.log_loss(layers.logits(features), labels)
