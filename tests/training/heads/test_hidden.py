"""A hidden layer is adopted where it bends what must be bent, and nowhere else."""

import numpy as np
import pytest

from edgetl.training.arrays import Floats, Labels
from edgetl.training.heads import head as heads
from edgetl.training.heads import hidden
from edgetl.training.heads.held_out import log_loss
from edgetl.training.heads.logistic import Targets


def rings(count: int, *, seed: int = 0) -> tuple[Floats, Labels]:
    """A class around the other: no line parts them."""
    random = np.random.default_rng(seed)
    labels = np.arange(count) % 2
    rows = random.normal(size=(count, 6))
    rows *= (1 + 2 * labels[:, None]) / np.linalg.norm(rows, axis=1, keepdims=True)
    return (rows + 0.1 * random.normal(size=rows.shape)).astype(np.float32), labels.astype(np.int64)


def test_parts_what_no_line_can_part() -> None:
    rows, labels = rings(600)
    held, truth = rings(300, seed=1)
    linear, bent = (heads.fit(rows, labels, held_out=(held, truth), hidden=units) for units in (0, 32))
    assert (linear.hidden, bent.hidden) == (0, 32)
    new, answers = rings(300, seed=2)
    right = [(head.probabilities(new).argmax(axis=1) == answers).mean() for head in (linear, bent)]
    assert right[1] > right[0] + 0.1


@pytest.mark.parametrize("with_val", [False, True])
def test_stays_linear_where_a_line_does_it(with_val: bool) -> None:
    random = np.random.default_rng(1)
    labels = (np.arange(240) % 2).astype(np.int64)
    rows = (random.normal(size=(240, 6)) + labels[:, None]).astype(np.float32)
    val = (rows[160:], labels[160:]) if with_val else None
    head = heads.fit(rows[:160], labels[:160], held_out=val, hidden=16)
    assert head.hidden == 0
    assert head.hidden_kernel is None


def test_is_the_same_for_the_same_seed() -> None:
    rows, labels = rings(400)
    val = rings(200, seed=1)
    first, second = (heads.fit(rows, labels, held_out=val, hidden=16, seed=3) for _ in range(2))
    assert first.hidden == 16
    assert np.array_equal(first.probabilities(rows), second.probabilities(rows))


def test_answers_alike_wherever_the_features_lie() -> None:
    rows, labels = rings(300)
    targets = Targets.of(labels, 2)
    plain, _ = hidden.train(rows, targets, units=16, seed=0, epochs=40)
    moved, _ = hidden.train(rows * 8 + 5, targets, units=16, seed=0, epochs=40)
    assert np.abs(plain.logits(rows) - moved.logits(rows * 8 + 5)).max() < 0.05


def test_stops_where_held_out_photos_gain_no_more() -> None:
    rows, labels = rings(300)
    shuffled = np.random.default_rng(0).permutation(labels)
    held, truth = rings(200, seed=1)
    losses = []

    def judge(layers: hidden.Layers) -> float:
        losses.append(log_loss(layers.logits(held), truth))
        return losses[-1]

    layers, epoch = hidden.train(rows, Targets.of(shuffled, 2), units=16, seed=0, judge=judge)
    assert epoch == int(np.argmin(losses)) + 1
    assert log_loss(layers.logits(held), truth) == pytest.approx(min(losses))
