"""Wrong labels are found by what the other photos say, and right ones are left in peace."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgetl.progress import SILENT
from edgetl.training import dataset, features, prepare
from edgetl.training.arrays import Floats, Labels
from edgetl.training.checking import left_out, suspects
from edgetl.training.heads import head
from edgetl.training.heads.solving import rows_of


def clouds(
    count: int, classes: int, *, seed: int = 0, width: int = 12, spread: float = 1
) -> tuple[Floats, Labels]:
    """Photos of classes that can be told apart, more or less, in any order."""
    random = np.random.default_rng(seed)
    labels = random.permutation(np.arange(count) % classes)
    centres = 4 * random.normal(size=(classes, width))
    return (centres[labels] + spread * random.normal(size=(count, width))).astype(np.float32), labels.astype(
        np.int64
    )


def flip(labels: Labels, share: float, *, seed: int = 0, to_next: bool = False) -> tuple[Labels, np.ndarray]:
    """A share of the labels replaced by any other class, or by the next one, and which."""
    random = np.random.default_rng(seed)
    chosen = random.permutation(len(labels))[: round(share * len(labels))]
    classes = labels.max() + 1
    steps = 1 if to_next else random.integers(1, classes, len(chosen))
    flipped = labels.copy()
    flipped[chosen] = (labels[chosen] + steps) % classes
    return flipped, np.sort(chosen)


@pytest.mark.parametrize(("classes", "count", "to_next"), [(2, 60, False), (5, 200, False), (4, 400, True)])
def test_finds_the_wrong_labels_and_names_the_right_ones(classes: int, count: int, to_next: bool) -> None:
    rows, truth = clouds(count, classes)
    labels, flipped = flip(truth, 0.2, to_next=to_next)
    found = suspects.find(rows, labels)
    caught = [suspect for suspect in found if suspect.index in flipped]
    assert len(caught) >= 0.9 * len(flipped)
    assert len(found) - len(caught) <= 0.1 * len(flipped)
    assert all(suspect.suggested == truth[suspect.index] for suspect in caught)
    assert all(suspect.given == labels[suspect.index] for suspect in found)
    assert [suspect.score for suspect in found] == sorted((s.score for s in found), reverse=True)


def test_suspects_nobody_where_all_labels_are_right() -> None:
    rows, labels = clouds(120, 3)
    assert suspects.find(rows, labels) == ()
    assert suspects.judge(rows, labels).share < 0.02


@pytest.mark.parametrize("share", [0.05, 0.2, 0.3])
def test_estimates_how_many_labels_are_wrong(share: float) -> None:
    rows, truth = clouds(400, 4)
    labels, _ = flip(truth, share)
    assert suspects.judge(rows, labels).share == pytest.approx(share, abs=0.06)


def test_an_answer_is_that_of_a_regression_without_the_photo() -> None:
    rows, labels = clouds(40, 2)
    labels, _ = flip(labels, 0.2)
    # Whatever the label of a photo, the others say the same of it; only the share of its class moves,
    # and that by one photo in forty on either side.
    before = left_out.answers(rows, labels)[7]
    labels[7] = 1 - labels[7]
    after = left_out.answers(rows, labels)[7]
    assert np.abs(after - before).max() < 0.1
    assert before.argmax() == after.argmax()


def test_landmarks_in_place_of_all_photos_find_nearly_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    rows, truth = clouds(500, 3)
    labels, flipped = flip(truth, 0.2)
    monkeypatch.setattr(left_out, "_LANDMARKS", 100)
    found = {suspect.index for suspect in suspects.find(rows, labels)}
    assert len(found ^ set(flipped.tolist())) <= 0.1 * len(flipped)


def test_of_two_layers_the_one_that_tells_the_classes_apart_is_believed() -> None:
    rows, truth = clouds(200, 3)
    labels, _ = flip(truth, 0.2)
    noise = np.random.default_rng(1).normal(0, 100, (200, 9)).astype(np.float32)
    both = np.concatenate([noise, rows], axis=1)
    parts = (slice(0, 9), slice(9, both.shape[1]))
    alone, among = left_out.answers(rows, labels), left_out.answers(both, labels, parts=parts)
    assert np.abs(alone - among).max() < 0.1
    assert (alone.argmax(axis=1) == among.argmax(axis=1)).mean() > 0.98


def test_regressions_together_are_nearer_to_the_labels_than_each_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rows, truth = clouds(150, 3, spread=4)
    labels, _ = flip(truth, 0.2)

    def apart() -> float:
        answers = left_out.answers(rows, labels, parts=(slice(0, 5), slice(5, 12)))
        return float(((answers - np.eye(3)[labels]) ** 2).sum())

    together, penalties = apart(), left_out._PENALTIES
    for penalty in penalties:
        monkeypatch.setattr(left_out, "_PENALTIES", (penalty,))
        assert together < apart()


def test_photos_that_come_in_blocks_get_nearly_the_same_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    rows, labels = clouds(300, 3, spread=4)
    whole = left_out.answers(rows, labels)
    monkeypatch.setattr(left_out, "BLOCK", 130)  # which also says how many are compared
    assert np.abs(left_out.answers(rows, labels) - whole).max() < 0.15


def test_what_two_layers_know_together_is_more_than_either_does() -> None:
    random = np.random.default_rng(2)
    truth = np.arange(240) % 4
    first = (np.eye(2)[truth % 2] * 4 + random.normal(size=(240, 2))).astype(np.float32)
    second = (100 * (np.eye(2)[truth // 2] * 4 + random.normal(size=(240, 2)))).astype(np.float32)
    both = np.concatenate([first, second], axis=1)
    found = left_out.answers(both, truth, parts=(slice(0, 2), slice(2, 4)))
    assert (found.argmax(axis=1) == truth).mean() > 0.9
    assert (
        max((left_out.answers(part, truth).argmax(axis=1) == truth).mean() for part in (first, second)) < 0.7
    )


@given(st.integers(4, 30), st.integers(2, 4), st.integers(0, 99))
def test_always_gives_probabilities_and_another_class(count: int, classes: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    labels = random.integers(0, classes, count)
    labels[0] = classes - 1
    rows = random.normal(size=(count, 6)).astype(np.float32)
    rows[:: seed % 3 + 1] = rows[0]  # copies of one photo
    doubts = suspects.judge(rows, labels)
    assert ((doubts.wrong >= 0) & (doubts.wrong <= 1)).all()
    assert (doubts.suggested != labels).all()
    assert np.allclose(doubts.weights, (1 - doubts.wrong) ** 4)


@given(st.integers(0, 99), st.floats(0.1, 10))
def test_scale_and_place_of_the_features_do_not_matter(seed: int, factor: float) -> None:
    rows, truth = clouds(60, 2, seed=seed)
    labels, _ = flip(truth, 0.2, seed=seed)
    moved = (rows * factor + 3).astype(np.float32)
    assert np.allclose(suspects.judge(rows, labels).wrong, suspects.judge(moved, labels).wrong, atol=2e-2)


def right_answers(rows: Floats, truth: Labels, given: Labels, *, doubted: bool) -> float:
    """The share of them that a head gives which was taught these labels of the first photos."""
    taught, unseen = np.split(rows, [len(given)])
    doubts = suspects.judge(taught, given)
    says = {"weights": doubts.weights, "judged_by": doubts.judged_by} if doubted else {}
    found = head.fit(taught, given, held_out=None, **says).probabilities(unseen)
    return float((found.argmax(axis=1) == truth[len(given) :]).mean())


@pytest.mark.parametrize("classes", [2, 4])
def test_a_head_that_doubts_labels_loses_less_than_half_of_what_wrong_ones_cost(classes: int) -> None:
    believed, doubted, needless = 0.0, 0.0, 0.0
    for seed in range(3):
        rows, truth = clouds(900, classes, seed=seed, width=150, spread=16)
        given = truth[:200]
        flipped, _ = flip(given, 0.2, seed=seed)
        clean = right_answers(rows, truth, given, doubted=False)
        believed += clean - right_answers(rows, truth, flipped, doubted=False)
        doubted += clean - right_answers(rows, truth, flipped, doubted=True)
        needless += clean - right_answers(rows, truth, given, doubted=True)
    assert doubted < 0.5 * believed
    assert needless < 0.01


def test_four_fifths_of_the_flipped_labels_of_real_photos_are_found(hymenoptera: Path) -> None:
    choice = prepare.choose("efficientnet_lite0", size=None, width=1.0, weights_file=None)
    photos = dataset.read(hymenoptera)
    prepared = prepare.prepare(choice, engine="openvino", classes=2, progress=SILENT)
    table, _ = features.extract(photos.photos, prepared, SILENT)
    rows, truth = rows_of(photos, table, "train")
    labels, flipped = flip(truth, 0.2)
    doubts = suspects.judge(rows, labels)
    ranking = np.argsort(-doubts.wrong)
    first = ranking[: round(len(flipped) * 0.8 / 0.7)]
    assert np.isin(first, flipped).sum() >= 0.8 * len(flipped)
    assert doubts.weights[flipped].mean() < 0.2 < 0.85 < np.delete(doubts.weights, flipped).mean()
