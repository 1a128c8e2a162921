"""Multinomial and multi-label logistic regression, solved fast for wide, correlated features.

The features of a network are so correlated that L-BFGS on them takes hundreds of steps (scikit-learn's
needed 500 on 1,968 photos and had not converged). Here it works in the basis of the features' principal
components, each scaled by what the curvature along it will be. There the problem is nearly round, and
some 30 steps reach the same optimum.

Of many photos the features stay as they are, and the basis is applied to the weights: that costs next to
nothing where photos outnumber features by far, and needs no second copy of them. They are read in blocks, so
they may lie on the disk.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from edgetl import extras
from edgetl.training.arrays import Doubles, Floats, Labels, Rows
from edgetl.training.threads import threads_for

_FEW = 5000
"""Photos up to which a second table of features, 60 MB of 3,000 each, pays: it solves four times as fast."""
_NULL = 1e-7
"""Directions with less than this share of the largest variance carry no information in float32."""
_MOST_STEPS = 300


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
