"""What ``edgetl explore`` finds in pictures whose labels are hidden from it.

    python benchmarks/peers/explore_clusters.py

Ants and bees (396), ImageNet's pictures in seven coarse classes (500), solar cells (800). Of each:

* the number of groups, adjusted Rand index and normalised mutual information with the hidden labels, and the
  share of pictures with the right label once each group is named after its most typical picture;
* test accuracy of a logistic regression (scikit-learn's) on the pictures that are to be labelled first,
  beside as many drawn at random, on the half of the pictures that neither could choose from; and the same
  with a model of 20 random labels that says what it is unsure of, for the next 20. Mean over splits, with the
  95 % interval of the mean difference over splits (Student's t);
* with each class in turn unknown to a trained head: the share of its pictures that are suggested to be of a
  new kind, and the share of the others that are.

About 3 minutes on two cores with an empty cache (``EDGETL_CACHE``).
"""

import numpy as np
from numpy.typing import NDArray
from scipy import stats
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score
from transferability import DATASETS, part

from edgetl.progress import SILENT
from edgetl.training import features, prepare
from edgetl.training.arrays import Floats
from edgetl.training.dataset import Photo, hash_all
from edgetl.training.exploring import first, grouping, neighbours, space, suggesting
from edgetl.training.exploring.guiding import Guide
from edgetl.training.features import FeatureTable
from edgetl.training.heads import head
from edgetl.training.prepare import Prepared
from edgetl.training.threads import threads_for

SPLITS = 10
COUNTS = (10, 20, 40)
Labels = NDArray[np.int64]


def main() -> None:
    """Print the tables."""
    choice = prepare.choose("efficientnet_lite0", size=None, width=1.0, weights_file=None)
    prepared = prepare.prepare(choice, engine=prepare.choose_engine(), classes=2, progress=SILENT)
    for name, listed in DATASETS.items():
        found = listed()
        names = sorted({label for _, label in found})
        labels = np.array([names.index(label) for _, label in found])
        hashes = hash_all([path for path, _ in found])
        photos = [Photo(path, -1, "train", sha) for (path, _), sha in zip(found, hashes, strict=True)]
        table, _ = features.extract(photos, prepared, SILENT)
        with threads_for(1):
            _groups(name, table, hashes, labels)
            _first(table, hashes, labels)
            if len(names) > 2:
                _new(photos, table, prepared, labels, names)


def _groups(name: str, table: FeatureTable, hashes: list[str], labels: Labels) -> None:
    points = space.components(table, hashes)
    found = grouping.find(points, None, seed=0, progress=SILENT)
    named = np.empty(len(labels), np.int64)
    for group in range(found.count):
        members = found.members(group)
        named[members] = labels[members[0]]
    usual = np.bincount(labels).max() / len(labels)
    print(
        f"\n{name}: {found.count} groups for {labels.max() + 1} classes, silhouette {found.silhouette:.2f}; "
        f"adjusted Rand {adjusted_rand_score(labels, found.of):.2f}, "
        f"NMI {normalized_mutual_info_score(labels, found.of):.2f}; right after naming {found.count} of "
        f"them: {100 * (named == labels).mean():.1f} % (the largest class alone: {100 * usual:.1f} %)"
    )


def _first(table: FeatureTable, hashes: list[str], labels: Labels) -> None:
    everything = np.array(hashes)
    rows = table.rows(hashes)
    print("| labels | label these first | at random | gain, points |\n| ---: | ---: | ---: | ---: |")
    for count in COUNTS:
        ours, chance = [], []
        for seed in range(SPLITS):
            tested = part(labels, 0.5, seed)
            pool = np.flatnonzero(~tested)
            points = space.components(table, everything[pool].tolist())
            near = neighbours.nearness(points, seed)
            left_out = neighbours.odd(near)
            chosen = first.choose(points, near, count, unsure=None, left_out=left_out, seed=seed)
            random = np.random.default_rng(seed).permutation(len(pool))[:count]
            ours.append(_accuracy(rows, labels, pool[chosen], tested))
            chance.append(_accuracy(rows, labels, pool[random], tested))
        _print(f"{count}", ours, chance)
    ours, chance = [], []
    for seed in range(SPLITS):
        tested = part(labels, 0.5, seed)
        pool = np.flatnonzero(~tested)
        order = np.random.default_rng(seed).permutation(len(pool))
        begun, rest = order[:20], np.sort(order[20:])
        answers = _model(rows, labels, pool[begun]).predict_proba(_scaled(rows, rows[pool[rest]]))
        two = np.partition(answers, -2, axis=1)[:, -2:]
        points = space.components(table, everything[pool[rest]].tolist())
        near = neighbours.nearness(points, seed)
        unsure = 1 - (two[:, 1] - two[:, 0])
        chosen = first.choose(points, near, 20, unsure=unsure, left_out=neighbours.odd(near), seed=seed)
        ours.append(_accuracy(rows, labels, np.append(pool[begun], pool[rest[chosen]]), tested))
        chance.append(_accuracy(rows, labels, pool[order[:40]], tested))
    _print("20 at random, then 20", ours, chance)


def _print(name: str, ours: list[float], chance: list[float]) -> None:
    gains = 100 * (np.array(ours) - np.array(chance))
    half = stats.t.ppf(0.975, len(gains) - 1) * gains.std(ddof=1) / np.sqrt(len(gains))
    print(
        f"| {name} | {100 * np.mean(ours):.1f} % | {100 * np.mean(chance):.1f} % | "
        f"{gains.mean():+.1f} ({gains.mean() - half:+.1f} to {gains.mean() + half:+.1f}) |",
        flush=True,
    )


def _scaled(rows: Floats, chosen: Floats) -> Floats:
    return np.asarray((chosen - rows.mean(axis=0)) / np.sqrt(rows.var(axis=0).mean()), np.float32)


def _model(rows: Floats, labels: Labels, chosen: Labels) -> LogisticRegression:
    return LogisticRegression(C=0.01, max_iter=500).fit(_scaled(rows, rows[chosen]), labels[chosen])


def _accuracy(rows: Floats, labels: Labels, chosen: Labels, tested: NDArray[np.bool_]) -> float:
    if len(np.unique(labels[chosen])) < 2:
        return float((labels[tested] == labels[chosen[0]]).mean())
    answers = _model(rows, labels, chosen).predict(_scaled(rows, rows[tested]))
    return float((answers == labels[tested]).mean())


def _new(
    photos: list[Photo], table: FeatureTable, prepared: Prepared, labels: Labels, names: list[str]
) -> None:
    hashes = [photo.sha256 for photo in photos]
    rows = table.rows(hashes)
    print("| unknown class | told to be new | of the others |\n| --- | ---: | ---: |")
    everything = np.array(hashes)
    for left_out, name in enumerate(names):
        trained = part(labels, 0.5, 0) & (labels != left_out)
        numbers = np.unique(labels[trained])
        solved = head.fit(rows[trained], np.searchsorted(numbers, labels[trained]), held_out=None)
        seen = np.flatnonzero(~trained)
        points = space.components(table, everything[seen].tolist())
        groups = grouping.find(points, None, seed=0, progress=SILENT)
        known = tuple(names[number] for number in numbers)
        answers = solved.probabilities(rows[seen])
        guide = Guide(
            "", known, solved.reject_threshold, tuple(np.array(photos, object)[trained]), None, solved, None
        )
        unknown = guide.strange([photos[place] for place in seen], answers, table, prepared)
        found = suggesting.by_model(groups, answers, known, unknown)
        new = np.array([label.startswith("new-") for label in found.labels])
        is_new = labels[seen] == left_out
        print(
            f"| {name} | {100 * new[is_new].mean():.0f} % | {100 * new[~is_new].mean():.0f} % |", flush=True
        )


if __name__ == "__main__":
    main()
