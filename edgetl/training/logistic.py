"""Multinomial logistic regression, solved fast for wide, correlated features.

The features of a network are so correlated that L-BFGS on them takes hundreds of steps (scikit-learn's
needed 500 on 1,968 photos and had not converged). Here it works in the basis of the features' principal
components, each scaled by what the curvature along it will be. There the problem is nearly round, and
some 30 steps reach the same optimum.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgetl import extras

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]
Labels = NDArray[np.int64]

_NULL = 1e-7
"""Directions with less than this share of the largest variance carry no information in float32."""
_MOST_STEPS = 300
_LARGE = 50_000_000
"""Multiply-accumulates of one step from which several threads pay."""


@dataclass(frozen=True)
class Basis:
    """Principal components of the train features, scaled to unit variance on average."""

    centre: Doubles
    """float64 (features,)."""
    rotation: Doubles
    """float64 (features, components)."""
    variances: Doubles
    """float64 (components,), of the features along each, mean 1 over all features."""

    @classmethod
    def of(cls, features: Floats) -> "Basis":
        """The basis of float32 (n, features), n of 2 or more."""
        centre = features.mean(axis=0, dtype=np.float64)
        centred = features - centre.astype(np.float32)
        count, width = centred.shape
        # The smaller of the two Gram matrices has the same non-zero eigenvalues.
        gram = (centred @ centred.T if count < width else centred.T @ centred).astype(np.float64) / count
        values, vectors = np.linalg.eigh(gram)
        kept = values > _NULL * max(values[-1], np.finfo(np.float32).tiny)
        values, vectors = values[kept], vectors[:, kept]
        if count < width:
            vectors = centred.T.astype(np.float64) @ vectors / np.sqrt(values * count)
        scale = np.sqrt(values.sum() / width) or 1.0
        return cls(centre, vectors / scale, values / scale**2)

    def project(self, features: Floats) -> Floats:
        """float32 (n, features) -> float32 (n, components)."""
        return np.asarray((features - self.centre.astype(np.float32)) @ self.rotation.astype(np.float32))

    def unfold(self, weights: Doubles, bias: Doubles) -> tuple[Doubles, Doubles]:
        """Weights (components, classes) and bias on projected features -> the same on raw features."""
        kernel = self.rotation @ weights
        return kernel, bias - self.centre @ kernel


@dataclass(frozen=True)
class Solution:
    """``softmax(projected @ weights + bias)``."""

    weights: Doubles
    """float64 (components, classes)."""
    bias: Doubles
    """float64 (classes,)."""

    def logits(self, projected: Floats) -> Doubles:
        """float32 (n, components) -> float64 (n, classes)."""
        return np.asarray(projected @ self.weights.astype(np.float32) + self.bias, np.float64)


def solve(
    projected: Floats,
    labels: Labels,
    variances: Doubles,
    strength: float,
    *,
    classes: int,
    balanced: bool,
    start: Solution | None = None,
    tolerance: float = 1e-5,
) -> Solution:
    """Minimise the mean cross-entropy plus ``|weights|^2 / (2 * strength * n)``.

    Args:
        projected: float32 (n, components), from :meth:`Basis.project`.
        labels: int64 (n,), 0 to ``classes`` - 1.
        variances: float64 (components,), from the basis.
        strength: inverse regularisation strength, as scikit-learn's ``C``.
        classes: their number.
        balanced: weigh each photo so that all classes count the same.
        start: a solution for another strength, to start from.
        tolerance: largest component of the gradient, in the scaled basis, at which to stop.
    """
    optimize = extras.load("scipy.optimize", extra="train", purpose="training")
    count, components = projected.shape
    penalty = 1.0 / (strength * count)
    curvature = (classes - 1) / classes**2
    scale = 1.0 / np.sqrt(curvature * variances + penalty)[:, None]
    rows = np.arange(count)
    share = np.full(count, 1.0 / count)
    if balanced:
        share = 1.0 / (classes * np.bincount(labels, minlength=classes)[labels])

    def loss(flat: Doubles) -> tuple[float, Doubles]:
        scaled, bias = flat[:-classes].reshape(components, classes), flat[-classes:]
        weights = scale * scaled
        logits = projected @ weights.astype(np.float32) + bias
        logits -= logits.max(axis=1, keepdims=True)
        exponentials = np.exp(logits)
        totals = exponentials.sum(axis=1, keepdims=True)
        entropy = float(share @ (np.log(totals[:, 0]) - logits[rows, labels]))
        slope = exponentials / totals
        slope[rows, labels] -= 1.0
        slope *= share[:, None]
        gradient = scale * (projected.T @ slope.astype(np.float32) + penalty * weights)
        return (
            entropy + 0.5 * penalty * float((weights**2).sum()),
            np.concatenate([gradient.ravel(), slope.sum(axis=0)]),
        )

    first = np.zeros((components + 1) * classes)
    if start is not None:
        first = np.concatenate([(start.weights / scale).ravel(), start.bias])
    options = {"maxiter": _MOST_STEPS, "gtol": tolerance, "ftol": 1e-9}
    # numpy and scipy each bring an OpenBLAS, and the threads of the one spin while the other works: on two
    # cores a step on 1,968 x 1,280 features took five times as long. Large products are worth it.
    threads = 1 if count * components * classes < _LARGE else None
    with extras.load("threadpoolctl", extra="train", purpose="training").threadpool_limits(threads):
        flat = optimize.minimize(loss, first, jac=True, method="L-BFGS-B", options=options).x
    return Solution(scale * flat[:-classes].reshape(components, classes), flat[-classes:])
