"""What a teacher says of a photo does not know the photo's label."""

import numpy as np
import pytest

from edgetl.training import prepare
from edgetl.training.arrays import Floats, Labels
from edgetl.training.distilling.school import School
from edgetl.training.distilling.teachers import Teacher
from edgetl.training.heads import head as heads
from edgetl.training.weights import WeightsSource

CHOICE = prepare.BackboneChoice("alexnet", 224, 1.0, WeightsSource("file", None, "nowhere", None, None))
COUNT, WIDTH = 60, 80


def noise(seed: int, count: int = COUNT) -> Floats:
    return np.random.default_rng(seed).normal(size=(count, WIDTH)).astype(np.float32)


def school(
    rows: Floats,
    labels: Labels,
    *,
    unlabelled: Floats | None = None,
    teacher: Teacher | None = None,
    hashes: list[str] | None = None,
    balanced: bool = False,
    trust: float = 0.5,
    smoothing: float = 0.0,
) -> School:
    return School(
        teacher or Teacher("a teacher", CHOICE),
        labels,
        hashes or [f"{number:064x}" for number in range(len(labels))],
        rows,
        (),
        np.empty((0, WIDTH), np.float32) if unlabelled is None else unlabelled,
        balanced=balanced,
        smoothing=smoothing,
        seed=0,
        trust=trust,
    )


def test_of_labels_that_mean_nothing_it_knows_nothing() -> None:
    rows, labels = noise(0), np.random.default_rng(1).integers(2, size=COUNT)
    everything = np.ones(COUNT, np.bool_)
    by_heart = heads.fit(rows, labels, held_out=None, strengths=(3.0,)).probabilities(rows)
    told = school(rows, labels, trust=1.0).lesson(everything).targets
    sure = [answers[np.arange(COUNT), labels].mean() for answers in (by_heart, told)]
    assert sure[0] > 0.75
    assert sure[1] == pytest.approx(0.5, abs=0.05)


def test_the_labels_of_judging_photos_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heads, "STRENGTHS", (0.1,))
    rows, labels, others = noise(0), np.arange(COUNT) % 2, noise(7, 9)
    rows[:, 0] += 2 * labels
    judging = np.arange(COUNT) < 14
    wrong = np.where(judging, 1 - labels, labels)
    first, second = (school(rows, each, unlabelled=others).lesson(~judging) for each in (labels, wrong))
    counted = np.append(~judging, np.ones(9, np.bool_))
    assert np.array_equal(first.targets[counted], second.targets[counted])


def test_copies_of_a_photo_are_never_on_both_sides() -> None:
    hashes = [f"{number // 2:064x}" for number in range(COUNT)]
    labels = np.arange(COUNT) // 2 % 2
    found = school(noise(0), labels, hashes=hashes).folds(np.ones(COUNT, np.bool_))
    assert len(found) == 5
    assert sum(found).tolist() == [1] * COUNT  # type: ignore[union-attr]
    assert all(mask[0::2].tolist() == mask[1::2].tolist() for mask in found)


def test_label_and_teacher_share_what_a_photo_is_to_be_answered() -> None:
    rows, labels = noise(0), np.arange(COUNT) % 3
    everything = np.ones(COUNT, np.bool_)
    teacher = school(rows, labels, trust=1.0).lesson(everything).targets
    label = school(rows, labels, trust=0.0, smoothing=0.3).lesson(everything).targets
    both = school(rows, labels, trust=0.25, smoothing=0.3).lesson(everything).targets
    assert np.allclose(label, np.where(np.eye(3)[labels] == 1, 0.8, 0.1))
    assert np.allclose(both, 0.25 * teacher + 0.75 * label, atol=1e-6)
    assert np.allclose(both.sum(axis=1), 1, atol=1e-5)


def test_a_finished_run_answers_by_itself_but_not_what_it_has_learned() -> None:
    rows, labels = noise(0), np.arange(COUNT) % 2
    own = heads.fit(rows, labels, held_out=None)
    hashes = [f"{number:064x}" for number in range(COUNT)]
    teacher = Teacher("run", CHOICE, own, frozenset(hashes[:10]))
    made = school(rows, labels, unlabelled=noise(3, 5), teacher=teacher, trust=1.0)
    told = made.lesson(np.ones(COUNT, np.bool_)).targets
    assert np.array_equal(told[:10], np.eye(2, dtype=np.float32)[labels[:10]])
    assert np.allclose(told[10:COUNT], own.probabilities(rows[10:]), atol=1e-5)
    assert np.allclose(told[COUNT:], own.probabilities(noise(3, 5)), atol=1e-5)


def test_a_balanced_picture_without_a_label_weighs_as_the_classes_it_may_have() -> None:
    labels = (np.arange(COUNT) < 12).astype(np.int64)
    lesson = school(noise(0), labels, unlabelled=noise(3, 5), balanced=True).lesson(np.ones(COUNT, np.bool_))
    each = [lesson.weights[:COUNT][labels == label].sum() for label in (0, 1)]
    assert each == pytest.approx([COUNT / 2, COUNT / 2])
    expected = lesson.targets[COUNT:] @ [COUNT / 2 / 48, COUNT / 2 / 12]
    assert lesson.weights[COUNT:] == pytest.approx(expected)
