"""Choose how strongly to regularise, by photos that were held out, and solve the head with it."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from edgetl.training.arrays import Doubles, Floats, Labels, Rows
from edgetl.training.heads import held_out as judging
from edgetl.training.heads import logistic
from edgetl.training.heads.logistic import Basis, Solution, Targets
from edgetl.training.scoring import calibration

_SAMPLE = 10_000
"""Of more photos than this, so many choose the strength: it is the variance of the weights' prior, which
does not depend on how many photos there are."""
_APART = 5_000
"""Photos held out of many, to judge by: the log loss of so many is known to about a hundredth."""
_CLEARLY = 1.02
_USUAL = 0.01
"""Where the search begins: some hundred to thousand photos end near it."""
_ROUGH, _EXACT = 1e-4, 1e-5
"""Where the solver stops while strengths are compared, and for the head itself."""


@dataclass(frozen=True)
class Part:
    """What is solved on, and what is held out to judge it by."""

    rows: Rows
    targets: Targets
    held_rows: Floats
    """float32 (m, features)."""
    truth: Labels
    """int64 (m,)."""
    held_weights: Doubles
    """float64 (m,)."""


@dataclass(frozen=True)
class Choice:
    """The head, and how the choice came about."""

    solution: Solution
    strength: float
    chosen_on: str
    """In words."""
    logits: Doubles
    """float64 (m, classes), of photos when they were held out."""
    truth: Labels
    """int64 (m,), their labels."""
    says: Doubles
    """float64 (m,), how much each counted."""
    masks: tuple[NDArray[np.bool_], ...]
    """Which rows those were, bool (n,) each; none where val was given."""
    copies: Labels
    """int64 (n,), as :attr:`Problem.copies`."""
    temperature: float
    """The divisor of the logits that makes their scores honest."""


@dataclass(frozen=True)
class Problem:
    """All that decides the head but the strength of the regularisation."""

    rows: Rows
    labels: Labels
    """int64 (n,), or 0 and 1 (n, classes) where any number of them holds."""
    weights: Doubles
    """float64 (n,), the say of each."""
    basis: Basis
    classes: int
    balanced: bool
    smoothing: float
    judged_by: Doubles | None = None
    """float64 (n,), the say of each while it is held out; None: the same."""
    hashes: Sequence[str] | None = None
    """SHA-256 of the photo of each row; None: all differ."""

    @cached_property
    def copies(self) -> Labels:
        """For each row the first one with the same photo, int64 (n,).

        Copies are held out together: one that was solved on says nothing of new photos.
        """
        if self.hashes is None:
            return np.arange(len(self.labels))
        firsts: dict[str, int] = {}
        found = (firsts.setdefault(sha256, row) for row, sha256 in enumerate(self.hashes))
        return np.fromiter(found, np.int64, len(self.labels))

    def choose(self, strengths: Sequence[float], held_out: tuple[Floats, Labels] | None, seed: int) -> Choice:
        """Solve with each strength until it gets worse, and once more with the best.

        Args:
            strengths: ascending.
            held_out: features, in the space of the rows, and labels; None holds out some of the rows,
                in turn or, of many, once.
            seed: for which.
        """
        everything = np.ones(len(self.labels), np.bool_)
        if held_out is not None:
            parts = [self._part(self._sample(everything, seed), *held_out, np.ones(len(held_out[1])))]
            strength, _, start = _best(self, parts, strengths)
            final = self._solve(everything, strength, start[0])
            return self._chosen(final, strength, "val", final.logits(held_out[0], self.basis), parts)
        if len(self.labels) > _SAMPLE:
            share = min(0.1, _APART / len(self.labels))
            apart = (np.random.default_rng(seed).random(len(self.labels)) < share)[self.copies]
            kinds = self.labels if self.labels.ndim == 1 else judging.rarest(self.labels)
            apart &= np.isin(kinds, kinds[~apart])  # the rest is to have some of each class
            parts = [self._part(self._sample(~apart, seed), *self._held(apart))]
            strength, _, start = _best(self, parts, strengths)
            without = self._solve(~apart, strength, start[0])
            logits = without.logits(parts[0].held_rows, self.basis)
            final = self._solve(everything, strength, without)
            return self._chosen(final, strength, f"{apart.sum()} photos held out", logits, parts, [apart])
        masks = judging.folds(self.labels, seed, copies_of=self.copies)
        parts = [self._part(~mask, *self._held(mask)) for mask in masks]
        strength, logits, _ = _best(self, parts, strengths)
        final = self._solve(everything, strength, None)
        return self._chosen(final, strength, f"{len(masks)}-fold cross-validation", logits, parts, masks)

    def _sample(self, chosen: NDArray[np.bool_], seed: int) -> NDArray[np.bool_]:
        """As many of the chosen rows as are enough to compare strengths on, of every class."""
        count = int(chosen.sum())
        if count <= _SAMPLE:
            return chosen
        order = np.random.default_rng(seed).permutation(np.flatnonzero(chosen))
        kept = order[:_SAMPLE]
        # The first photos of each class, so that none is missing.
        found = self.labels[order]
        if found.ndim == 2:  # and the first without it
            firsts = np.concatenate([found.argmax(axis=0), found.argmin(axis=0)])
        else:
            _, firsts = np.unique(found, return_index=True)
        mask = np.zeros(len(chosen), np.bool_)
        mask[kept] = True
        mask[order[firsts]] = True
        return mask

    def _held(self, mask: NDArray[np.bool_]) -> tuple[Floats, Labels, Doubles]:
        says = self.weights if self.judged_by is None else self.judged_by
        return self.rows.take(mask), self.labels[mask], says[mask]

    def _part(self, mask: NDArray[np.bool_], held_rows: Floats, truth: Labels, held_weights: Doubles) -> Part:
        rows = self.rows if mask.all() else Rows.of(self.rows.take(mask))
        return Part(rows, self.targets(mask), held_rows, truth, held_weights)

    def targets(self, mask: NDArray[np.bool_]) -> Targets:
        """Those of some rows, bool (n,)."""
        return Targets.of(
            self.labels[mask],
            self.classes,
            balanced=self.balanced,
            weights=self.weights[mask],
            smoothing=self.smoothing,
        )

    def _solve(self, mask: NDArray[np.bool_], strength: float, start: Solution | None) -> Solution:
        # Rows that do not count get no weight: taking the others out would be a second copy of them.
        targets = Targets.of(
            self.labels,
            self.classes,
            balanced=self.balanced,
            weights=self.weights * mask,
            smoothing=self.smoothing,
        )
        return logistic.solve(self.rows, targets, self.basis, strength, start=start, tolerance=_EXACT)

    def _chosen(
        self,
        final: Solution,
        strength: float,
        chosen_on: str,
        logits: Doubles,
        parts: Sequence[Part],
        masks: Sequence[NDArray[np.bool_]] = (),
    ) -> Choice:
        truth = np.concatenate([part.truth for part in parts])
        weights = np.concatenate([part.held_weights for part in parts])
        temperature = calibration.temperature(logits, truth, weights)
        return Choice(
            final, strength, chosen_on, logits, truth, weights, tuple(masks), self.copies, temperature
        )


def _best(
    problem: Problem, parts: Sequence[Part], strengths: Sequence[float]
) -> tuple[float, Doubles, list[Solution]]:
    """The strength with the least held-out loss, the held-out logits with it, and its solutions.

    The loss falls to one valley and rises again: from the usual place it goes up the strengths, and down
    them only where the valley does not lie above.
    """
    truth = np.concatenate([part.truth for part in parts])
    weights = np.concatenate([part.held_weights for part in parts])
    found: dict[float, tuple[float, Doubles, list[Solution]]] = {}

    def walk(path: Sequence[float], starts: Sequence[Solution | None]) -> None:
        for strength in path:
            solved = [
                logistic.solve(
                    part.rows, part.targets, problem.basis, strength, start=start, tolerance=_ROUGH
                )
                for part, start in zip(parts, starts, strict=True)
            ]
            logits = np.concatenate(
                [
                    solution.logits(part.held_rows, problem.basis)
                    for part, solution in zip(parts, solved, strict=True)
                ]
            )
            before = [loss for loss, _, _ in found.values()]
            loss = judging.log_loss(logits, truth, weights)
            found[strength] = (loss, logits, solved)
            # One that is a little worse may be noise; a second one is not.
            if before and (loss > _CLEARLY * min(before) or (loss > min(before) < before[-1])):
                break
            starts = solved

    middle = int(np.searchsorted(strengths, min(_USUAL, strengths[-1])))
    walk(strengths[middle:], [None] * len(parts))
    best = min(found, key=lambda strength: found[strength][0])
    if best == strengths[middle]:
        walk(strengths[:middle][::-1], found[best][2])
        best = min(found, key=lambda strength: found[strength][0])
    return (best, *found[best][1:])
