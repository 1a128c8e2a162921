"""What models that have not seen a photo say of it, for each photo.

Instead of folds, that is kernel ridge regression of the labels, whose leave-one-out answers are one formula
(Rifkin and Lippert, MIT 2007): no photo is wasted on holding out, which matters where a fifth of the labels
is wrong, and a squared loss forgives wrong labels more than a logistic one (Ghosh et al., AAAI 2017, on
losses and label noise).

There are several such regressions, of different layers and penalties, and none is believed alone: their
answers are stacked (Breiman, *Stacked regressions*, Machine Learning 1996).
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from edgetl import extras
from edgetl.training.arrays import BLOCK, Doubles, Floats, Labels

_LANDMARKS = 2000
"""Photos that the kernel compares each photo with; with fewer photos the regression is exact."""
_PENALTIES = tuple(np.geomspace(1e-5, 3e-2, 8))
_COMPARED = 1_000_000
"""Left-out answers of a regression, at most, that say how much to believe it."""
_NULL = 1e-7


def answers(features: Floats, labels: Labels, *, parts: Sequence[slice] = (), seed: int = 0) -> Doubles:
    """What regressions on all the other photos say of each: float64 (n, classes), near 0 to 1.

    Where the features have parts, there are regressions on each alone and on all together, scaled to the same
    spread. Their answers are added up, each with the weight, 0 or more, that brings the sum nearest to the
    labels.

    Args:
        features: float32 (n, features), n of 4 or more.
        labels: int64 (n,), 0 to classes - 1.
        parts: columns of different layers of a backbone; none: all are alike.
        seed: which photos are the landmarks, of more than 2,000, and say how much to believe each regression.
    """
    optimize = extras.load("scipy.optimize", extra="train", purpose="finding wrong labels")
    views: list[Callable[[], Floats]] = [partial(features.__getitem__, (slice(None), part)) for part in parts]
    views.append(partial(_evened, features, parts))
    views = views if len(parts) > 1 else views[-1:]
    classes = int(labels.max()) + 1
    shares = np.bincount(labels, minlength=classes) / len(labels)
    apart = np.eye(classes)[labels] - shares
    some = np.random.default_rng(seed).permutation(len(labels))[: max(1, min(BLOCK, _COMPARED // classes))]
    regressions, tried = [], []
    for view in views:
        seen = view()
        regressions.append(_Regression.of(seen, apart, seed))
        tried += [one.ravel() for one in regressions[-1].left_out(seen[some], apart[some], _PENALTIES)]
    weights = optimize.nnls(np.stack(tried, axis=1), apart[some].ravel())[0]
    result = np.tile(shares, (len(labels), 1))
    for view, regression, of_view in zip(views, regressions, np.split(weights, len(views)), strict=True):
        used = {penalty: each for penalty, each in zip(_PENALTIES, of_view, strict=True) if each}
        seen = view() if used else features[:0]
        for block in _blocks(len(seen)):
            found = regression.left_out(seen[block], apart[block], tuple(used))
            for each, one in zip(used.values(), found, strict=True):
                result[block] += each * one
    return result


def _evened(features: Floats, parts: Sequence[slice]) -> Floats:
    """The features, each part scaled to the same spread; as they are where there is one."""
    if len(parts) < 2:
        return features
    spreads = [np.sqrt(features[:, part].var(axis=0, dtype=np.float64).sum()) or 1.0 for part in parts]
    return np.concatenate(
        [features[:, part] / np.float32(spread) for part, spread in zip(parts, spreads, strict=True)], axis=1
    )


def _blocks(count: int) -> Iterator[slice]:
    for start in range(0, count, BLOCK):
        yield slice(start, min(start + BLOCK, count))


@dataclass(frozen=True)
class _Regression:
    """Kernel ridge regression, with any penalty."""

    map_: "_FeatureMap"
    photos: int
    values: Doubles
    vectors: Doubles
    """float64 (m,) and (m, m): eigenvalues and eigenvectors of the Gram matrix of the components."""
    moment: Doubles
    """float64 (m, classes), of the turned components with what is to be answered."""

    @classmethod
    def of(cls, features: Floats, wanted: Doubles, seed: int) -> "_Regression":
        """Regression of float64 (n, classes), of mean 0, on float32 (n, features)."""
        map_ = _FeatureMap.of(features, seed)
        width = map_.onto.shape[1]
        gram, moment = np.zeros((width, width)), np.zeros((width, wanted.shape[1]))
        for block in _blocks(len(features)):
            rows = map_.components(features[block])
            gram += rows.T @ rows
            moment += rows.T @ wanted[block]
        values, vectors = np.linalg.eigh(gram)
        return cls(map_, len(features), np.maximum(values, 0.0), vectors, vectors.T @ moment)

    def left_out(self, features: Floats, wanted: Doubles, penalties: Sequence[float]) -> Iterator[Doubles]:
        """For each penalty what is answered to some of the photos, float64 (some, classes), had each been
        left out.

        With the squared loss, leaving a photo out changes its residual by the factor 1 / (1 - leverage).
        """
        turned = self.map_.components(features) @ self.vectors
        for penalty in penalties:
            shrunk = 1 / (self.values + penalty * self.photos)
            leverage = np.minimum((turned**2) @ shrunk, 1 - 1e-9)[:, None]
            residual = wanted - turned @ (shrunk[:, None] * self.moment)
            yield wanted - residual / (1 - leverage)


@dataclass(frozen=True)
class _FeatureMap:
    """A Gaussian kernel's features (Williams and Seeger, NIPS 2000), spanned by some of the photos."""

    centre: Floats
    landmarks: Floats
    """float32 (m, features), less the centre."""
    median: float
    """Of the squared distances: half of the photos are near, half are far."""
    onto: Doubles
    """float64 (m, components), from nearness to the landmarks to components."""

    @classmethod
    def of(cls, features: Floats, seed: int) -> "_FeatureMap":
        centre = features.mean(axis=0, dtype=np.float64).astype(np.float32)
        places = np.sort(np.random.default_rng(seed).permutation(len(features))[:_LANDMARKS])
        landmarks = features[places] - centre
        distances = _distances(landmarks, landmarks)
        median = float(np.median(distances)) or 1.0
        values, vectors = np.linalg.eigh(np.exp(-distances / median))
        kept = values > _NULL * values[-1]
        return cls(centre, landmarks, median, vectors[:, kept] / np.sqrt(values[kept]))

    def components(self, features: Floats) -> Doubles:
        """float64 (some, components) of some photos' features."""
        near = np.exp(-_distances(features - self.centre, self.landmarks) / self.median)
        return np.asarray(near @ self.onto)


def _distances(first: Floats, second: Floats) -> Doubles:
    """Squared distances float64 (n, m) of the rows of two tables."""
    squares = [(table.astype(np.float64) ** 2).sum(axis=1) for table in (first, second)]
    return np.asarray(np.maximum(squares[0][:, None] + squares[1] - 2.0 * (first @ second.T), 0.0))
