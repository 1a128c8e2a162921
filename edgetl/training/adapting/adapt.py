"""``--unlabelled``: ways of adapting are tried, judged beside doing nothing, and adopted where they help."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from edgetl.progress import Progress
from edgetl.training import features
from edgetl.training.adapting import aligning, batchnorm, judging, selftraining
from edgetl.training.adapting import target as targets
from edgetl.training.adapting.judging import Judges, Verdict
from edgetl.training.adapting.target import Target
from edgetl.training.arrays import Doubles, Floats, Labels
from edgetl.training.checking import suspects
from edgetl.training.config import TrainConfig
from edgetl.training.dataset import Dataset, Photo
from edgetl.training.features import FeatureTable
from edgetl.training.heads import head as heads
from edgetl.training.heads.head import Head
from edgetl.training.prepare import Prepared

METHODS = ("means", "CORAL", "self-training", "batch norm")
_COMPARED = 3000
"""Photos of either side that are looked at to tell how far the target is from train."""


@dataclass(frozen=True)
class Adapted:
    """What came of the unlabelled pictures."""

    description: dict[str, Any]
    """For ``run.json``: what was tried, what each gave, whether one was adopted and why."""
    head: Head
    """The adapted one, or the one that there was."""
    prepared: Prepared
    """The backbone it answers features of."""
    table: FeatureTable
    """Its features of all photos."""

    @property
    def adopted(self) -> bool:
        """Whether anything has changed."""
        return self.description["adopted"] is not None

    @property
    def summary(self) -> str:
        """What came of it, in a line."""
        return f"unlabelled pictures: {self.description['why']}"


def target_of(
    wanted: TrainConfig, photos: Dataset, strangers: Sequence[Photo], progress: Progress
) -> Target | None:
    """The pictures to adapt to, checked before the slow work; None where there are none, or no use of them.

    Raises:
        DatasetError: ``--unlabelled`` names no folder, or one without unlabelled pictures.
    """
    if wanted.unlabelled is None:
        return None
    found = targets.read(wanted.unlabelled, photos, strangers, progress)
    obstacles = {
        "--fine-tune trains the backbone on for the train photos": wanted.fine_tune != "off",
        "--hidden has no counterpart among the adapted heads": bool(wanted.hidden),
        "--keep-head keeps the head as it is": bool(wanted.keep_head),
    }
    for reason, holds in obstacles.items():
        if holds:
            progress.warn(f"the head is not adapted to {wanted.unlabelled}: {reason}")
            return None
    return found


def adapt(
    photos: Dataset,
    prepared: Prepared,
    table: FeatureTable,
    head: Head,
    target: Target,
    wanted: TrainConfig,
    progress: Progress,
) -> Adapted:
    """Try every method, and take the best of those that help beyond noise.

    Args:
        photos: that can be read.
        prepared: the backbone.
        table: its features of the photos.
        head: linear, solved on train: doing nothing.
        target: what to adapt to.
        wanted: the options.
        progress: hears of each step.

    Raises:
        DatasetError: none of the unlabelled pictures can be read.
    """
    seen, lost = features.extract((*target.pictures, *target.labelled), prepared, progress)
    features.warn_unreadable(lost, progress)
    target = target.without(lost)
    random = np.random.default_rng(wanted.seed)
    unlabelled = seen.rows([photo.sha256 for photo in target.pictures])
    train = photos.split("train")
    rows = table.rows([photo.sha256 for photo in train])
    told: dict[str, Any] = {
        "folder": str(target.folder),
        "pictures": len(target.pictures),
        "labelled": len(target.labelled),
        "told_from_train": judging.likeness(
            rows[random.permutation(len(rows))[:_COMPARED]], unlabelled[:_COMPARED], wanted.seed
        ),
        "adopted": None,
        "methods": [],
    }
    judges, obstacle = judging.find(target.labelled, photos, table, unlabelled[:_COMPARED], wanted.seed)
    if judges is None:
        return Adapted(told | {"why": f"nothing adopted: {obstacle}"}, head, prepared, table)
    labels = np.array([photo.label for photo in train], np.int64)
    weights = np.ones(len(labels))
    if wanted.suspects == "downweight":
        weights = np.asarray(suspects.judge(rows, labels, seed=wanted.seed).weights, np.float64)
    hashes = [photo.sha256 for photo in train]
    trial = _Trial(rows, labels, weights, hashes, unlabelled, head, judges, prepared, wanted)
    verdicts: list[Verdict] = []
    backbones = dict.fromkeys(METHODS, prepared)
    with progress.step("adapt the head", total=3) as advance:
        for name, method in trial.methods().items():
            verdicts.append(trial.judge(name, method(), prepared, progress))
            advance(1)
    there = batchnorm.adapted(
        *(prepared, target.pictures),
        classes=len(photos.labels),
        name="the unlabelled pictures",
        seed=wanted.seed,
        progress=progress,
    )
    if there is not None:
        backbones["batch norm"] = there
        solved = trial.by_own_statistics(train, len(photos.labels), progress)
        verdicts.append(trial.judge("batch norm", solved, there, progress))
    found = judging.best(verdicts)
    told |= {
        "judged_on": judges.source,
        "nothing": {
            "accuracy": verdicts[0].decision.head_accuracy,
            "loss": verdicts[0].decision.head_loss,
        },
        "methods": [verdict.describe() for verdict in verdicts],
    }
    if found is None:
        why = f"nothing adopted: no method beat doing nothing beyond noise on {judges.source}"
        return Adapted(told | {"why": why}, head, prepared, table)
    told |= {"adopted": found.name, "why": f"{found.name} adopted, {found.decision.why}, on {judges.source}"}
    backbone = backbones[found.name]
    if backbone.key != prepared.key:
        table, _ = features.extract(photos.photos, backbone, progress)
    adopted = replace(found.head, layers=prepared.layers, scales=prepared.scales)
    return Adapted(told, adopted, backbone, table)


@dataclass(frozen=True)
class _Trial:
    """What all methods are given."""

    rows: Floats
    """float32 (n, features), of the train photos."""
    labels: Labels
    weights: Doubles
    hashes: list[str]
    unlabelled: Floats
    """float32 (m, features)."""
    plain: Head
    judges: Judges
    prepared: Prepared
    wanted: TrainConfig

    def solve(
        self,
        rows: Floats,
        labels: Labels,
        weights: Doubles,
        strength: float | None = None,
        hashes: list[str] | None = None,
    ) -> Head:
        """A head of the options; of no given strength, cross-validation chooses one."""
        return heads.fit(
            rows,
            labels,
            held_out=None,
            class_weights=self.plain.class_weights,
            strengths=heads.STRENGTHS if strength is None else (strength,),
            weights=weights,
            label_smoothing=self.wanted.label_smoothing,
            hashes=hashes,
            seed=self.wanted.seed,
        )

    def methods(self) -> dict[str, Callable[[], Head]]:
        """Those that leave the backbone as it is, by name."""

        def aligned(move: Callable[[Floats, Floats], Floats]) -> Head:
            moved = move(self.rows, self.unlabelled)
            return self.solve(moved, self.labels, self.weights, hashes=self.hashes)

        return {
            "means": partial(aligned, aligning.means),
            "CORAL": partial(aligned, aligning.coral),
            "self-training": partial(
                selftraining.train,
                *(self.rows, self.labels, self.weights, self.unlabelled, self.plain, self.solve),
            ),
        }

    def by_own_statistics(self, train: Sequence[Photo], classes: int, progress: Progress) -> Head:
        """A head solved on train photos as the backbone sees them with the train photos' own statistics.

        Each side is normalised by its own statistics (AdaBN), the exported model by the target's. Train
        photos normalised by the target's gave heads that were worse than doing nothing.
        """
        here = batchnorm.adapted(
            self.prepared,
            train,
            classes=classes,
            name="the train photos",
            seed=self.wanted.seed,
            progress=progress,
        )
        assert here is not None  # it has statistics: those of the target were taken already
        table, _ = features.extract(train, here, progress)
        return self.solve(table.rows(self.hashes), self.labels, self.weights, hashes=self.hashes)

    def judge(self, name: str, head: Head, prepared: Prepared, progress: Progress) -> Verdict:
        """Hold a head beside doing nothing, on the judges as this backbone and as the given one sees them."""
        hashes = [photo.sha256 for photo in self.judges.photos]
        before, _ = features.extract(self.judges.photos, self.prepared, progress)
        plain, _ = judging.honest(self.plain, before.rows(hashes), self.judges.truth)
        table, _ = features.extract(self.judges.photos, prepared, progress)
        return judging.judge(
            name, head, table.rows(hashes), plain, self.judges, len(METHODS), self.wanted.seed
        )
