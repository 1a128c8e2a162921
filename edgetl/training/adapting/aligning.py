"""Train features moved to where the features of other pictures lie; the graph of the model stays as it is.

The head is then solved on the moved features, and answers features of the other pictures as they are.
"""

import numpy as np

from edgetl.training.arrays import Doubles, Floats
from edgetl.training.threads import threads_for

_LEAST = 1e-6
"""Share of the mean variance below which a direction is noise, that whitening would blow up."""


def means(source: Floats, target: Floats) -> Floats:
    """The source's features with the means of the target's, float32 (n, features).

    Args:
        source: float32 (n, features), of the train photos.
        target: float32 (m, features), of unlabelled pictures.
    """
    return np.asarray(source + (target.mean(axis=0) - source.mean(axis=0)), np.float32)


def coral(source: Floats, target: Floats) -> Floats:
    """The source's features with means and covariance of the target's, float32 (n, features).

    Sun et al., Return of Frustratingly Easy Domain Adaptation, AAAI 2016. There, 1 is added to the variances;
    here covariances are shrunk by as much as so few pictures ask for (:func:`shrunk`).

    Args:
        source: float32 (n, features), of the train photos, n of 2 or more.
        target: float32 (m, features), of unlabelled pictures, m of 2 or more.
    """
    width = source.shape[1]
    with threads_for(width**3):
        whiten = _power(shrunk(source), -0.5)
        colour = _power(shrunk(target), 0.5)
        moved = (source - source.mean(axis=0)).astype(np.float64) @ (whiten @ colour)
    return np.asarray(moved + target.mean(axis=0), np.float32)


def shrunk(features: Floats) -> Doubles:
    """The covariance, drawn towards a round one (oracle approximating shrinkage; Chen et al., 2010).

    Args:
        features: float32 (n, features), n of 2 or more.
    """
    count, width = features.shape
    centred = (features - features.mean(axis=0)).astype(np.float64)
    covariance = centred.T @ centred / count
    mean = float(np.trace(covariance)) / width
    power = float((covariance**2).mean())
    denominator = (count + 1) * (power - mean**2 / width)
    share = 1.0 if denominator <= 0 else min(1.0, (power + mean**2) / denominator)
    covariance *= 1 - share
    covariance.flat[:: width + 1] += share * mean
    return np.asarray(covariance, np.float64)


def _power(covariance: Doubles, exponent: float) -> Doubles:
    values, vectors = np.linalg.eigh(covariance)
    values = np.maximum(values, _LEAST * max(float(values.mean()), np.finfo(np.float64).tiny))
    return np.asarray((vectors * values**exponent) @ vectors.T)
