"""The head that listens to a teacher: logistic regression on soft targets, and whether that helped."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from edgetl.training.arrays import Doubles, Floats, Labels, Rows
from edgetl.training.distilling.school import Lesson, Mask, School
from edgetl.training.heads import logistic
from edgetl.training.heads.head import STRENGTHS, Head, softmax
from edgetl.training.heads.held_out import log_loss
from edgetl.training.heads.logistic import Basis, Solution, Targets
from edgetl.training.scoring import calibration, rejection
from edgetl.training.tuning.decide import Decision, decide

_SEARCHED = 10_000
"""Pictures up to which the strength of the regularisation is searched anew: beyond, the plain head's is kept,
since it is the variance of the weights' prior, which does not depend on how many pictures there are."""
_JUDGES = 5_000
"""Of more train photos than ``_SEARCHED``, so many are held out once, in place of folds."""
_ROUGH, _EXACT = 1e-4, 1e-5


@dataclass(frozen=True)
class Judged:
    """Two heads on the same held-out photos, which neither has seen, nor the teacher."""

    decision: Decision
    strength: float
    temperature: float
    reject_threshold: float
    on: str
    """In words."""


@dataclass(frozen=True)
class Student:
    """A small network's features of the pictures that a school is about."""

    school: School
    rows: Floats
    """float32 (n, features), of the train photos."""
    unlabelled: Floats
    """float32 (m, features)."""
    val: tuple[Floats, Labels] | None
    """Of the val photos, where they are not the scored ones."""
    plain: Head
    """Solved without a teacher."""

    def judge(self) -> Judged | None:
        """Choose the strength, and compare with the plain head; None where no photos are there to judge."""
        masks, on = self._masks()
        truths = [self.school.labels[mask] for mask in masks]
        if self.val is not None:
            on = [*on, f"{len(self.val[1])} val photos"]
            truths.append(self.val[1])
        if not truths:
            return None
        truth = np.concatenate(truths)
        everything = np.ones(len(self.school.labels), np.bool_)
        knowns = [*(~mask for mask in masks), *([] if self.val is None else [everything])]
        lessons = [self.school.lesson(known) for known in knowns]
        strength, logits = self._best(masks, knowns, lessons, truth)
        without = self._held_out(
            masks,
            [self._solve(known, self.plain.strength, None, _ROUGH) for known in knowns],
        )
        weights = self._of_truth(truth)
        temperature = calibration.temperature(logits, truth, weights)
        answers = softmax(logits / temperature)
        return Judged(
            decide(
                without / calibration.temperature(without, truth, weights),
                logits / temperature,
                truth,
                seed=self.school.seed,
                rival="the head without a teacher",
            ),
            strength,
            temperature,
            rejection.keeping(answers.max(axis=1), answers.argmax(axis=1) == truth),
            " and ".join(on),
        )

    def head(self, judged: Judged, known: Mask) -> Head:
        """The head of all the known train photos, bool (n,), and of the unlabelled pictures."""
        solution = self._solve(known, judged.strength, self.school.lesson(known), _EXACT)
        kernel, bias = self._unfold(solution)
        return replace(
            self.plain,
            kernel=(kernel / judged.temperature).astype(np.float32),
            bias=(bias / judged.temperature).astype(np.float32),
            strength=judged.strength,
            chosen_on=judged.on,
            temperature=judged.temperature,
            reject_threshold=judged.reject_threshold,
        )

    def _masks(self) -> tuple[list[Mask], list[str]]:
        """Train photos held out in turn, or of many once; none where the teacher has learned them."""
        school = self.school
        if not school.heard.all():
            return [], []
        everything = np.ones(len(school.labels), np.bool_)
        if len(everything) <= _SEARCHED:
            masks = school.folds(everything)
            return masks, [f"{len(everything)} train photos in {len(masks)} folds"]
        apart = np.random.default_rng(school.seed).random(len(everything)) < _JUDGES / len(everything)
        apart |= np.isin(school.copies, school.copies[apart])
        return [apart], [f"{apart.sum()} train photos held out"]

    def _best(
        self, masks: Sequence[Mask], knowns: Sequence[Mask], lessons: Sequence[Lesson], truth: Labels
    ) -> tuple[float, Doubles]:
        """The strength with the least held-out loss, and the held-out logits with it.

        From the plain head's, up and down as long as it gets better.
        """
        start = STRENGTHS.index(self.plain.strength) if self.plain.strength in STRENGTHS else 0
        found: dict[int, tuple[float, Doubles]] = {}
        weights = self._of_truth(truth)

        def loss(place: int) -> float:
            if place not in found:
                solved = [
                    self._solve(known, STRENGTHS[place], lesson, _ROUGH)
                    for known, lesson in zip(knowns, lessons, strict=True)
                ]
                logits = self._held_out(masks, solved)
                honest = logits / calibration.temperature(logits, truth, weights)
                found[place] = (log_loss(honest, truth, weights), logits)
            return found[place][0]

        best = start
        loss(best)
        if len(self._raw) <= _SEARCHED:
            for step in (1, -1):
                while 0 <= best + step < len(STRENGTHS) and loss(best + step) < loss(best):
                    best += step
        return STRENGTHS[best], found[best][1]

    def _held_out(self, masks: Sequence[Mask], solved: Sequence[Solution]) -> Doubles:
        """What heads answer the photos they are judged by, float64 (judges, classes)."""
        judges = [self.rows[mask] for mask in masks]
        if self.val is not None:  # which the last one answers
            judges.append(self.val[0])
        unfolded = map(self._unfold, solved)
        return np.concatenate(
            [
                np.asarray(rows @ kernel.astype(np.float32) + bias, np.float64)
                for rows, (kernel, bias) in zip(judges, unfolded, strict=True)
            ]
        )

    def _solve(self, known: Mask, strength: float, lesson: Lesson | None, tolerance: float) -> Solution:
        """A head of the known train photos; with a lesson, by its targets and of the unlabelled too."""
        labels, blank = self.school.labels, np.zeros(len(self.unlabelled), np.int64)
        values = np.concatenate([labels, blank])
        counted = np.concatenate([known, np.full(len(blank), lesson is not None)])
        if lesson is None:
            targets = Targets.of(
                values,
                self.school.classes,
                balanced=self.school.balanced,
                weights=counted.astype(np.float64),
                smoothing=self.school.smoothing,
            )
        else:
            targets = Targets(values, self.school.classes, lesson.weights * counted, soft=lesson.targets)
        rows, basis = self._space
        return logistic.solve(rows, targets, basis, strength, tolerance=tolerance)

    def _of_truth(self, truth: Labels) -> Doubles:
        """The say of judging photos: that of their classes."""
        if not self.school.balanced:
            return np.ones(len(truth))
        return np.asarray(1 / np.bincount(self.school.labels)[truth], np.float64)

    def _unfold(self, solution: Solution) -> tuple[Doubles, Doubles]:
        """Kernel (features, classes) and bias on raw features."""
        return self._raw_basis.unfold(solution.weights, solution.bias)

    @cached_property
    def _raw(self) -> Floats:
        return np.concatenate([self.rows, self.unlabelled])

    @cached_property
    def _raw_basis(self) -> Basis:
        return Basis.of(Rows.of(self._raw))

    @cached_property
    def _space(self) -> tuple[Rows, Basis]:
        """Rows, n + m, and the basis to solve in."""
        return self._raw_basis.compact(Rows.of(self._raw))
