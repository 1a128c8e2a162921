"""A student learns what its teacher can tell, and is adopted only where held-out photos show it."""

import functools

import numpy as np

from edgetl.training import prepare
from edgetl.training.arrays import Floats, Labels
from edgetl.training.distilling.school import School
from edgetl.training.distilling.student import Judged, Student
from edgetl.training.distilling.teachers import Teacher
from edgetl.training.heads import head as heads
from edgetl.training.heads.head import Head
from edgetl.training.weights import WeightsSource

CHOICE = prepare.BackboneChoice("alexnet", 224, 1.0, WeightsSource("file", None, "nowhere", None, None))
WIDTH = 40


def seen(truth: Labels, clear: float, seed: int) -> Floats:
    """Features of pictures, in which their class shows more or less clearly."""
    random = np.random.default_rng(seed)
    rows = random.normal(size=(len(truth), WIDTH))
    rows[:, :8] += clear * (2 * truth[:, None] - 1)
    return rows.astype(np.float32)


@functools.cache
def taught(
    *, labelled: int, unlabelled: int, teacher: float, val: int = 0, seed: int = 0, learned: int = 0
) -> tuple[Judged | None, Head, Head | None, tuple[Floats, Labels]]:
    """What judges say, the plain head, the student's, and 2,000 test pictures as both see them."""
    parts = np.cumsum([labelled, unlabelled, val, 2000])
    truth = np.random.default_rng(seed).integers(2, size=parts[-1])
    truth[:2] = 0, 1
    small, large = seen(truth, 0.25, seed + 1), seen(truth, teacher, seed + 2)
    known, other, judging, test = (slice(a, b) for a, b in zip([0, *parts[:-1]], parts, strict=True))
    hashes = [f"{number:064x}" for number in range(labelled)]
    plain = heads.fit(small[known], truth[known], held_out=None, class_weights="none", seed=seed)
    who = Teacher("a teacher", CHOICE)
    if learned:
        whole = heads.fit(large[other], truth[other], held_out=None, class_weights="none")
        who = Teacher("a run", CHOICE, whole, frozenset(hashes[:learned]))
    school = School(
        who, truth[known], hashes, large[known], (), large[other], balanced=False, smoothing=0.0, seed=seed
    )
    held = (small[judging], truth[judging]) if val else None
    student = Student(school, small[known], small[other], held, plain)
    judged = student.judge()
    head = None if judged is None else student.head(judged, np.ones(labelled, np.bool_))
    return judged, plain, head, (small[test], truth[test])


def accuracy(head: Head | None, pictures: tuple[Floats, Labels]) -> float:
    assert head is not None
    return float((head.probabilities(pictures[0]).argmax(axis=1) == pictures[1]).mean())


def test_a_teacher_that_sees_more_makes_a_better_student_of_unlabelled_pictures() -> None:
    judged, plain, head, test = taught(labelled=120, unlabelled=300, teacher=1.0)
    assert judged is not None
    assert judged.decision.adopted
    assert judged.on == "120 train photos in 5 folds"
    assert accuracy(head, test) > accuracy(plain, test) + 0.02


def test_one_that_sees_nothing_is_not_adopted() -> None:
    adopted = [
        judged.decision.adopted
        for seed in range(2)
        if (judged := taught(labelled=120, unlabelled=100, teacher=0.0, seed=seed)[0]) is not None
    ]
    assert adopted == [False] * 2


def test_val_photos_judge_too() -> None:
    judged, *_ = taught(labelled=60, unlabelled=100, teacher=1.0, val=50)
    assert judged is not None
    assert judged.decision.photos == 110
    assert judged.on == "60 train photos in 5 folds and 50 val photos"


def test_photos_that_a_run_has_learned_do_not_judge_what_it_teaches() -> None:
    judged, *_ = taught(labelled=60, unlabelled=300, teacher=1.0, val=50, learned=60)
    assert judged is not None
    assert judged.on == "50 val photos"
    assert taught(labelled=60, unlabelled=300, teacher=1.0, learned=60)[0] is None


def test_the_students_scores_are_honest() -> None:
    judged, _, head, (rows, truth) = taught(labelled=120, unlabelled=300, teacher=1.0)
    assert head is not None
    assert judged is not None
    scores = head.probabilities(rows)
    assert abs(scores.max(axis=1).mean() - (scores.argmax(axis=1) == truth).mean()) < 0.08
    assert head.temperature == judged.temperature
