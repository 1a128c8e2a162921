"""What the child process does, on a small network: with a teacher, in 16 bits, and resumed."""

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest

from edgetl.progress import SILENT, Progress
from edgetl.training.heads.head import softmax
from edgetl.training.tuning import child, loop, network, precision, work
from edgetl.training.tuning.options import TuningOptions
from edgetl.training.tuning.work import Outcome, Targets, Task

# Keras 3.15 hands its variables to NumPy 2 in the old way.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept:DeprecationWarning")

SIZE, KNOWN, HELD, OTHERS, SCORED = 6, 24, 60, 200, 40
OPTIONS = TuningOptions("all", epochs=3, augment="none", batch_size=16, peak_rate=0.02, bottom_share=1.0)


def pictures(truth: np.ndarray, seed: int) -> np.ndarray:
    """uint8 (n, SIZE, SIZE, 3), a little brighter at the left where the truth is 1."""
    random = np.random.default_rng(seed)
    noise = random.normal(120, 50, (len(truth), SIZE, SIZE, 3))
    noise[:, :, : SIZE // 2] += 16 * truth[:, None, None, None]
    return noise.clip(0, 255).astype(np.uint8)


@pytest.fixture
def task(tmp_path: Path) -> Task:
    """Few train photos, many that judge, and a network with random weights under an empty head."""
    keras.utils.set_random_seed(5)
    source = keras.Input((SIZE, SIZE, 3), dtype="uint8", name="pixels")
    x = keras.layers.Rescaling(1 / 64, -2, name="preprocess")(source)
    x = keras.layers.Conv2D(8, 3, activation="relu", name="low")(x)
    x = keras.layers.Flatten()(x)
    x = keras.layers.Dense(2, name=network.HEAD, kernel_initializer="zeros")(x)
    model = keras.Model(source, keras.layers.Softmax(name="probabilities")(x), name="classifier")
    model.save(tmp_path / "classifier.keras")
    truth = np.random.default_rng(0).integers(2, size=KNOWN + HELD + OTHERS + SCORED)
    shown = pictures(truth, 1)
    np.save(tmp_path / work.TRAIN, shown[:-SCORED, np.newaxis])
    np.save(tmp_path / work.SCORED, shown[-SCORED:])
    labels, held = truth[: KNOWN + HELD], np.arange(KNOWN, KNOWN + HELD)
    empty = np.zeros((model.get_layer(network.HEAD).kernel.shape[0], 2), np.float32)
    told = np.eye(2, dtype=np.float32)[truth[:-SCORED]]
    lesson = Targets(told, np.ones(len(told), np.float32))
    return Task(
        classifier=tmp_path / "classifier.keras",
        folder=tmp_path,
        identity="a test",
        cut="pixels",
        labels=labels,
        held=held,
        val=np.empty(0, np.int64),
        balanced=False,
        judged_kernel=empty,
        judged_bias=np.zeros(2, np.float32),
        head_logits=np.zeros((HELD, 2), np.float32),
        kernel=empty,
        bias=np.zeros(2, np.float32),
        options=OPTIONS,
        taught=(lesson, lesson),
    )


def answers(task: Task) -> np.ndarray:
    """Of the file that was written, to the scored pictures: probabilities (SCORED, 2)."""
    model = keras.models.load_model(task.folder / work.MODEL, compile=False)
    assert {layer.compute_dtype for layer in model.layers} == {"float32"}
    assert {variable.dtype for variable in model.weights} == {"float32"}
    return np.asarray(model.predict_on_batch(np.load(task.folder / work.SCORED)))


def test_a_teacher_that_knows_more_pictures_is_adopted_and_its_network_kept(task: Task) -> None:
    outcome = child.train(task, progress=SILENT)
    assert outcome.taught is not None
    assert outcome.taught.adopted
    assert "fine-tuned without a teacher on" in outcome.taught.why
    assert outcome.decision.tuned_loss == outcome.taught.tuned_loss
    assert outcome.scored.shape == (SCORED, 2)
    assert outcome.train.shape == (KNOWN + HELD, 2)
    assert np.allclose(answers(task), outcome.scored, atol=1e-5)


def test_one_that_is_wrong_is_not(task: Task) -> None:
    assert task.taught is not None
    wrong = replace(task.taught[0], values=task.taught[0].values[:, ::-1])
    outcome = child.train(replace(task, taught=(wrong, wrong)), progress=SILENT)
    plain = child.train(replace(task, folder=copied(task, "plain"), taught=None), progress=SILENT)
    assert outcome.taught is not None
    assert not outcome.taught.adopted
    assert plain.taught is None
    assert outcome.weights_sha256 == plain.weights_sha256
    assert outcome.decision == plain.decision


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_in_16_bits_it_learns_the_same_and_is_kept_in_32(
    task: Task, monkeypatch: pytest.MonkeyPatch, policy: str
) -> None:
    monkeypatch.setattr(precision.backend, "has_bfloat16", lambda: policy == "mixed_bfloat16")
    exact = child.train(task, progress=SILENT)
    options = replace(OPTIONS, precision="mixed")
    mixed = replace(task, folder=copied(task, "mixed"), options=options)
    outcome = child.train(mixed, progress=SILENT)
    assert outcome.decision.adopted
    assert outcome.weights_sha256 != exact.weights_sha256
    assert np.abs(outcome.scored - exact.scored).max() < 0.06
    assert np.allclose(answers(mixed), outcome.scored, atol=1e-5)


class Killed(Exception):  # noqa: N818 - not an error
    """The power went."""


class Mortal(Progress):
    """Ends it all in the middle of the training with a teacher."""

    @contextlib.contextmanager
    def step(self, what: str, total: int | None = None) -> Iterator[Callable[[int], None]]:
        done = 0

        def advance(count: int) -> None:
            nonlocal done
            done += count
            if what == "fine-tune with the teacher" and done > 20 * OPTIONS.batch_size:
                raise Killed

        yield advance


def test_a_training_with_a_teacher_in_16_bits_is_resumed_to_the_same_weights(
    task: Task, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "_SAVE_EVERY_S", -1.0)
    options = replace(OPTIONS, precision="mixed")
    task = replace(task, options=options)
    again = replace(task, folder=copied(task, "killed"))
    undisturbed = child.train(task, progress=SILENT)
    with pytest.raises(Killed):
        child.train(again, progress=Mortal())
    resumed: Outcome = child.train(again, progress=SILENT)
    assert resumed.weights_sha256 == undisturbed.weights_sha256
    assert np.array_equal(resumed.scored, undisturbed.scored)
    assert np.allclose(softmax(np.log(resumed.scored)), resumed.scored, atol=1e-5)


def copied(task: Task, name: str) -> Path:
    """A working folder of its own with the same tables."""
    folder = task.folder / name
    folder.mkdir()
    for table in (work.TRAIN, work.SCORED):
        (folder / table).write_bytes((task.folder / table).read_bytes())
    return folder
