"""The loop on a small network: it learns, ends in time, and goes on after a kill to the same weights."""

from pathlib import Path

import keras
import numpy as np
import pytest

from edgetl.errors import ConversionError
from edgetl.training.heads.held_out import log_loss
from edgetl.training.tuning import loop, network
from edgetl.training.tuning.batches import Batches, Table
from edgetl.training.tuning.checkpoint import Checkpoints
from edgetl.training.tuning.loop import HeldOut, Trained
from edgetl.training.tuning.options import TuningOptions

# Keras 3.15 hands its variables to NumPy 2 in the old way.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept:DeprecationWarning")

OPTIONS = TuningOptions(
    epochs=4, augment="turns", batch_size=8, peak_rate=0.02, bottom_share=0.5, unfreeze_epochs=1
)
RANDOM = np.random.default_rng(0)
TRUTH = np.arange(40) % 2
# Class 1 is brighter at the left: a thing to learn that turning does not hide.
ROWS = RANDOM.normal(0, 1, (40, 8, 4, 4, 3)).astype(np.float16)
ROWS[TRUTH == 1] += np.float16(0.7)


class Killed(Exception):  # noqa: N818 - not an error
    """The power went."""


def built() -> network.Upper:
    keras.utils.set_random_seed(3)
    source = keras.Input((4, 4, 3), name="pixels")
    x = keras.layers.Conv2D(8, 3, name="low")(source)
    x = keras.layers.BatchNormalization(name="statistics")(x)
    x = keras.layers.GlobalAveragePooling2D()(keras.layers.ReLU()(x))
    x = keras.layers.Dropout(0.2)(x)  # as the stochastic depth of EfficientNet-B0 is
    answers = keras.layers.Dense(2, name=network.HEAD)(x)
    return network.upper(keras.Model(source, keras.layers.Softmax()(answers)), "pixels")


def values(upper: network.Upper) -> list[np.ndarray]:
    weights = upper.model.get_layer("statistics").weights
    return [keras.ops.convert_to_numpy(value).copy() for value in weights]


def fit(
    folder: Path, *, held_out: bool = True, die_after: int | None = None, upper: network.Upper
) -> Trained:
    steps = 0

    def heard(_: int) -> None:
        nonlocal steps
        steps += 1
        if steps == die_after:
            raise Killed

    table = Table(ROWS, np.arange(24), np.eye(2, dtype=np.float32)[TRUTH[:24]], np.ones(24, np.float32))
    judges = HeldOut(ROWS[24:, 0], TRUTH[24:]) if held_out else None
    batches = Batches(table, OPTIONS)
    return loop.fit(upper, batches, OPTIONS, Checkpoints(folder, "t"), held_out=judges, heard=heard)


def same(one: Trained, other: Trained) -> bool:
    pairs = [*zip(one.weights, other.weights, strict=True), *zip(one.answers, other.answers, strict=True)]
    equal = all(np.array_equal(a, b) for a, b in pairs)
    return equal and one.history == other.history and one.best_epoch == other.best_epoch


def test_it_learns_and_tells_how(tmp_path: Path) -> None:
    upper = built()
    statistics = values(upper)
    trained = fit(tmp_path, upper=upper)
    losses = [entry["val_loss"] for entry in trained.history]
    assert [entry["epoch"] for entry in trained.history] == [1, 2, 3, 4]
    assert losses[-1] is not None
    assert losses[0] is not None
    assert losses[-1] < losses[0]
    assert trained.best_epoch == int(np.argmin([loss for loss in losses if loss is not None]))
    assert all(np.array_equal(a, b) for a, b in zip(statistics, values(upper), strict=True))


@pytest.mark.parametrize("held_out", [True, False])
@pytest.mark.parametrize("saves", ["after each step", "after each epoch"])
def test_a_killed_training_ends_with_the_same_weights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, held_out: bool, saves: str
) -> None:
    monkeypatch.setattr(loop, "_SAVE_EVERY_S", -1.0 if saves == "after each step" else 1e9)
    undisturbed = fit(tmp_path / "undisturbed", held_out=held_out, upper=built())
    for die_after in (2, 3, 5):  # within the first epoch, at its end, within another
        with pytest.raises(Killed):
            fit(tmp_path / "killed", held_out=held_out, die_after=die_after, upper=built())
    assert same(undisturbed, fit(tmp_path / "killed", held_out=held_out, upper=built()))
    # A training that is done answers from its checkpoint.
    assert same(undisturbed, fit(tmp_path / "killed", held_out=held_out, die_after=1, upper=built()))


def test_another_seed_gives_other_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = fit(tmp_path / "0", upper=built())
    monkeypatch.setitem(globals(), "OPTIONS", TuningOptions(**{**vars(OPTIONS), "seed": 1}))
    assert not same(first, fit(tmp_path / "1", upper=built()))


def test_a_loss_that_is_no_number_is_an_error(tmp_path: Path) -> None:
    upper = built()
    kernel = upper.model.get_layer("low").kernel
    kernel.assign(np.full(kernel.shape, np.nan, np.float32))
    with pytest.raises(ConversionError, match="fine-tuning blew up in epoch 1"):
        fit(tmp_path, held_out=False, upper=upper)


def test_the_best_of_many_epochs_of_noise_is_not_better_by_more_than_noise() -> None:
    random = np.random.default_rng(1)
    truth = random.integers(2, size=200)
    signal = np.eye(2)[truth] * 1.5
    flattered, honest = [], []
    for seed in range(40):
        noise = random.normal(0, 0.7, (200, 2))
        epochs = [(signal + noise + random.normal(0, 0.5, (200, 2))).astype(np.float32) for _ in range(12)]
        alone = [log_loss(each / loop.honest_temperature(each, truth), truth) for each in epochs]
        flattered.append(min(alone) - np.mean(alone))
        honest.append(log_loss(loop.judged_by_others(epochs, truth, seed), truth) - np.mean(alone))
    assert np.mean(flattered) < -0.01
    assert np.mean(honest) > -0.3 * abs(np.mean(flattered))


def test_one_epoch_is_judged_at_a_temperature_of_other_photos() -> None:
    random = np.random.default_rng(0)
    truth = random.integers(3, size=50)
    answers = (np.eye(3)[truth] * 2 + random.normal(0, 1, (50, 3))).astype(np.float32)
    judged = loop.judged_by_others([answers], truth, seed=0)
    assert np.array_equal(judged.argmax(axis=1), answers.argmax(axis=1))
    scales = np.unique((answers / judged).round(3))
    assert 2 <= len(scales) <= 5
