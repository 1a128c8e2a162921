"""How good scores are, and the temperature that makes them honest."""

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, special

from edgetl.training.logistic import Labels

_RANGE = (0.1, 10.0)


def log_loss(logits: NDArray[np.floating], truth: Labels) -> float:
    """Mean of -log of the right class's score; logits (n, classes), truth int64 (n,)."""
    scores = special.log_softmax(logits, axis=1)
    return float(-scores[np.arange(len(truth)), truth].mean())


def temperature(logits: NDArray[np.floating], truth: Labels) -> float:
    """The divisor of the logits with the least loss (Guo et al., ICML 2017), 0.1 to 10."""
    exact = np.asarray(logits, np.float64)
    found = optimize.minimize_scalar(
        lambda power: log_loss(exact / np.exp(power), truth), bounds=tuple(np.log(_RANGE)), method="bounded"
    )
    return float(np.exp(found.x))
