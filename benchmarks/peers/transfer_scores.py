"""Transferability scores of the literature that edgetl does not use, to hold its own against."""

import numpy as np
from numpy.typing import NDArray
from sklearn.decomposition import PCA
from sklearn.mixture import GaussianMixture

Doubles = NDArray[np.float64]


def leep(source: Doubles, labels: NDArray[np.int64]) -> float:
    """Log expected empirical prediction (Nguyen et al., ICML 2020): the higher, the better.

    Args:
        source: float64 (n, source classes), what the network's own head says of the pictures; rows sum to 1.
        labels: int64 (n,), of the new task, 0 to classes - 1.
    """
    joint = np.stack([source[labels == label].sum(axis=0) for label in np.unique(labels)]) / len(labels)
    given = joint / np.maximum(joint.sum(axis=0), 1e-12)  # P(new class | source class)
    return float(np.log((source * given[labels]).sum(axis=1)).mean())


def nleep(features: NDArray[np.float32], labels: NDArray[np.int64], *, seed: int = 0) -> float:
    """LEEP with the components of a Gaussian mixture as source classes (Li et al., CVPR 2021).

    As there: principal components with 80 % of the variance, and five Gaussians a class.

    Args:
        features: float32 (n, features).
        labels: int64 (n,), 0 to classes - 1.
        seed: of the mixture's start.
    """
    reduced = PCA(n_components=0.8, svd_solver="full", random_state=seed).fit_transform(
        features.astype(float)
    )
    number = 5 * int(labels.max() + 1)
    mixture = GaussianMixture(number, covariance_type="diag", reg_covar=1e-3, random_state=seed)
    return leep(mixture.fit(reduced).predict_proba(reduced), labels)
