"""Multinomial and multi-label logistic regression, solved fast for wide, correlated features.

The features of a network are so correlated that L-BFGS on them takes hundreds of steps (scikit-learn's
needed 500 on 1,968 photos and had not converged). Here it works in the basis of the features' principal
components, each scaled by what the curvature along it will be. There the problem is nearly round, and
some 30 steps reach the same optimum.

Of many photos the features stay as they are, and the basis is applied to the weights: that costs next to
nothing where photos outnumber features by far, and needs no second copy of them. They are read in blocks, so
they may lie on the disk.
"""

import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgetl import extras

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]
Labels = NDArray[np.int64]

_FEW = 5000
"""Photos up to which a second table of features, 60 MB of 3,000 each, pays: it solves four times as fast."""
BLOCK = 4096
"""Rows that are worked on at a time: what the scores of a block take stays in the processor's cache."""
_NULL = 1e-7
"""Directions with less than this share of the largest variance carry no information in float32."""
_MOST_STEPS = 300
_LARGE = 50_000_000
"""Multiply-accumulates of one step from which several threads pay."""


@dataclass(frozen=True)
class Rows:
    """Features that are read a block at a time, again for each step of the solver."""

    shape: tuple[int, int]
    """Photos and features."""
    read: Callable[[], Iterator[Floats]]
    """Blocks of float32 (some, features), each time in the same order."""

    @classmethod
    def of(cls, features: "Floats | Rows") -> "Rows":
        """Blocks of an array, float32 (n, features), without a copy; what is in blocks stays as it is."""
        if isinstance(features, Rows):
            return features
        count, width = features.shape
        array = features

        def read() -> Iterator[Floats]:
            for start in range(0, count, BLOCK):
                yield array[start : start + BLOCK]

        return cls((count, width), read)

    def take(self, chosen: NDArray[np.bool_] | None = None) -> Floats:
        """The rows of a mask (n,), or all, as one array."""
        parts, first = [], 0
        for block in self.read():
            parts.append(block if chosen is None else block[chosen[first : first + len(block)]])
            first += len(block)
        return np.concatenate(parts)


@dataclass(frozen=True)
class Basis:
    """Principal components of the train features, scaled to unit variance on average."""

    centre: Doubles
    """float64 (features,)."""
    rotation: Doubles | None
    """float64 (features, components); None where the rows are components already."""
    variances: Doubles
    """float64 (components,), of the features along each, mean 1 over all features."""

    @classmethod
    def of(cls, features: Floats | Rows) -> "Basis":
        """The basis of float32 (n, features), n of 2 or more."""
        rows = Rows.of(features)
        count, width = rows.shape
        centre = sum(block.sum(axis=0, dtype=np.float64) for block in rows.read()) / count
        shift = centre.astype(np.float32)
        # The smaller of the two Gram matrices has the same non-zero eigenvalues.
        if count < width:
            centred = rows.take() - shift
            gram = np.asarray(centred @ centred.T, np.float64)
        else:
            gram = np.zeros((width, width))
            for block in rows.read():
                part = block - shift
                gram += part.T @ part
        with threads_for(len(gram) ** 3):
            values, vectors = np.linalg.eigh(gram / count)
        kept = values > _NULL * max(values[-1], np.finfo(np.float32).tiny)
        values, vectors = values[kept], vectors[:, kept]
        if count < width:
            vectors = centred.T.astype(np.float64) @ vectors / np.sqrt(values * count)
        scale = np.sqrt(values.sum() / width) or 1.0
        return cls(centre, vectors / scale, values / scale**2)

    def project(self, features: Floats) -> Floats:
        """float32 (n, features) -> float32 (n, components)."""
        if self.rotation is None:
            return features
        return np.asarray((features - self.centre.astype(np.float32)) @ self.rotation.astype(np.float32))

    def projected(self) -> "Basis":
        """The basis to solve in with rows from :meth:`project`."""
        return replace(self, centre=np.zeros(len(self.variances)), rotation=None)

    def compact(self, rows: Rows) -> tuple[Rows, "Basis"]:
        """Rows and basis to solve in: components in place of features where a table of them is affordable,
        and the basis is applied once, not to the weights in each step."""
        if rows.shape[0] > _FEW:
            return rows, self
        return Rows.of(self.project(rows.take())), self.projected()

    def unfold(self, weights: Doubles, bias: Doubles) -> tuple[Doubles, Doubles]:
        """Weights (components, classes) and bias on projected features -> the same on raw features."""
        kernel = weights if self.rotation is None else self.rotation @ weights
        return kernel, bias - self.centre @ kernel

    def fold(self, gradient: Doubles, slopes: Doubles) -> Doubles:
        """Gradient (features, classes) for a kernel on raw features -> that for weights on components."""
        centred = gradient - np.outer(self.centre, slopes)
        return centred if self.rotation is None else np.asarray(self.rotation.T @ centred)


@dataclass(frozen=True)
class Solution:
    """``softmax(projected @ weights + bias)``."""

    weights: Doubles
    """float64 (components, classes)."""
    bias: Doubles
    """float64 (classes,)."""

    def logits(self, features: Floats, basis: Basis) -> Doubles:
        """float32 (n, features), in the basis' own space -> float64 (n, classes)."""
        kernel, bias = basis.unfold(self.weights, self.bias)
        return np.asarray(features @ kernel.astype(np.float32) + bias, np.float64)


@dataclass(frozen=True)
class Targets:
    """What the answers should be, and how much each counts."""

    values: Labels | NDArray[np.bool_]
    """int64 (n,), one class each, for a softmax; bool (n, classes), any number of them, for sigmoids."""
    classes: int
    weights: Doubles
    """float64 (n,) or, for sigmoids, (n, classes): the say of each; a weight of 2 is a row given twice."""
    smoothing: float = 0.0
    """Share of the certainty that is spread over all classes (Szegedy et al., CVPR 2016), 0 to below 1."""
    soft: Floats | None = None
    """float32 (n, classes), rows summing to 1: for a softmax, what the answers should be in place of one
    class each; None: that class alone."""

    @classmethod
    def of(
        cls,
        values: Labels | NDArray[np.bool_],
        classes: int,
        *,
        balanced: bool = False,
        weights: NDArray[np.floating] | None = None,
        smoothing: float = 0.0,
    ) -> "Targets":
        """Targets, perhaps with a weight for each row.

        Args:
            values: int64 (n,) or bool (n, classes).
            classes: their number.
            balanced: weigh the rows so that all classes count the same; with sigmoids, so that the yes
                and the no of each class do.
            weights: (n,), 0 or more, not all 0; None counts each row once.
            smoothing: label smoothing.
        """
        each = np.ones(len(values)) if weights is None else np.asarray(weights, np.float64)
        if values.ndim == 2:
            each = np.repeat(each[:, None], classes, axis=1)
            if balanced:
                total, yes = each.sum(axis=0), (each * values).sum(axis=0)
                # A label that none of these rows has, or all, weighs nothing where it is not.
                yes, no = (np.where(part, part, 1.0) for part in (yes, total - yes))
                each = each * np.where(values, total / (2 * yes), total / (2 * no))
        elif balanced:
            of_class = np.bincount(values, each, minlength=classes)
            each = each * each.sum() / (classes * np.where(of_class, of_class, 1.0))[values]
        return cls(values, classes, each, smoothing)

    @property
    def total(self) -> float:
        """The weight of all rows."""
        return float(self.weights.sum()) / (self.classes if self.weights.ndim == 2 else 1)

    def of_rows(self, chosen: NDArray[np.int64]) -> "Targets":
        """The targets of some rows, with the weights they have among all."""
        return replace(self, values=self.values[chosen], weights=self.weights[chosen])

    def loss(self, logits: Floats, place: slice | NDArray[np.int64]) -> tuple[float, Floats]:
        """Summed cross-entropy of a block and its slope.

        Args:
            logits: float32 (some, classes); overwritten by the slope.
            place: which rows they are.
        """
        values, weights = self.values[place], self.weights[place]
        if values.ndim == 2:
            wanted = values * (1 - self.smoothing) + self.smoothing / 2
            # log(1 + exp(z)), without overflow
            softplus = np.logaddexp(0, logits)
            loss = float((weights * (softplus - wanted * logits)).sum())
            slope = np.exp(logits - softplus) - wanted
            return loss, np.asarray(weights * slope, np.float32)
        logits -= logits.max(axis=1, keepdims=True)
        if self.soft is not None:
            return self._soft_loss(logits, self.soft[place], weights)
        rows = np.arange(len(values))
        wanted = (1 - self.smoothing) * logits[rows, values]
        if self.smoothing:
            wanted = wanted + self.smoothing * logits.mean(axis=1)
        np.exp(logits, out=logits)
        totals = logits.sum(axis=1, keepdims=True)
        loss = float(weights @ (np.log(totals[:, 0], dtype=np.float64) - wanted))
        logits /= totals
        logits[rows, values] -= 1 - self.smoothing
        if self.smoothing:
            logits -= self.smoothing / self.classes
        logits *= weights[:, None].astype(np.float32)
        return loss, logits

    def _soft_loss(self, logits: Floats, wanted: Floats, weights: Doubles) -> tuple[float, Floats]:
        answered = (wanted * logits).sum(axis=1)
        np.exp(logits, out=logits)
        totals = logits.sum(axis=1, keepdims=True)
        loss = float(weights @ (np.log(totals[:, 0], dtype=np.float64) - answered))
        logits /= totals
        logits -= wanted
        logits *= weights[:, None].astype(np.float32)
        return loss, logits


def threads_for(work: int) -> AbstractContextManager[Any]:
    """Let numpy use as many threads as products of so many multiply-accumulates are worth.

    numpy and scipy each bring an OpenBLAS, and the threads of the one spin while the other works: on two
    cores a step on 1,968 x 1,280 features took five times as long. Large products are worth it.
    """
    manager: AbstractContextManager[Any] = _pools("scipy.linalg" in sys.modules).limit(
        limits=1 if work < _LARGE else None
    )
    return manager


@cache
def _pools(_scipy_is_loaded: bool) -> Any:
    """The thread pools of numpy and, once it is loaded, scipy: to look for them takes 8 ms."""
    return extras.load("threadpoolctl", extra="train", purpose="training").ThreadpoolController()


def solve(
    features: Floats | Rows,
    targets: Targets,
    basis: Basis,
    strength: float,
    *,
    start: Solution | None = None,
    tolerance: float = 1e-5,
) -> Solution:
    """Minimise the weighted mean cross-entropy plus ``|weights|^2 / (2 * strength * total weight)``.

    Args:
        features: float32 (n, features), or components with ``basis.projected()``.
        targets: of each row.
        basis: of the features.
        strength: inverse regularisation strength, as scikit-learn's ``C``.
        start: a solution in the same basis, to start from.
        tolerance: largest component of the gradient, in the scaled basis, at which to stop.
    """
    optimize = extras.load("scipy.optimize", extra="train", purpose="training")
    rows = Rows.of(features)
    count, width = rows.shape
    components, classes, total = len(basis.variances), targets.classes, targets.total
    penalty = 1.0 / (strength * total)
    # Of p (1 - p) where all classes are as likely; of a yes and a no it is a quarter.
    curvature = 0.25 if targets.values.ndim == 2 else (classes - 1) / classes**2
    scale = 1.0 / np.sqrt(curvature * basis.variances + penalty)[:, None]

    def loss(flat: Doubles) -> tuple[float, Doubles]:
        weights, bias = scale * flat[:-classes].reshape(components, classes), flat[-classes:]
        kernel, offset = (part.astype(np.float32) for part in basis.unfold(weights, bias))
        entropy, gradient, slopes = 0.0, np.zeros((width, classes)), np.zeros(classes)
        first = 0
        for block in rows.read():
            part, slope = targets.loss(block @ kernel + offset, slice(first, first + len(block)))
            first += len(block)
            entropy += part
            gradient += block.T @ slope
            slopes += slope.sum(axis=0, dtype=np.float64)
        gradient, slopes = gradient / total, slopes / total
        return (
            entropy / total + 0.5 * penalty * float((weights**2).sum()),
            np.concatenate([(scale * (basis.fold(gradient, slopes) + penalty * weights)).ravel(), slopes]),
        )

    first_guess = np.zeros((components + 1) * classes)
    if start is not None:
        first_guess = np.concatenate([(start.weights / scale).ravel(), start.bias])
    options = {"maxiter": _MOST_STEPS, "gtol": tolerance, "ftol": 1e-9}
    with threads_for(count * width * classes):
        flat = optimize.minimize(loss, first_guess, jac=True, method="L-BFGS-B", options=options).x
    return Solution(scale * flat[:-classes].reshape(components, classes), flat[-classes:])
