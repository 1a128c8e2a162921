"""Several tasks, or a task of several labels: a head for each on the same features, in one model."""

import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from edgetl import files
from edgetl.progress import Progress
from edgetl.reports import pages
from edgetl.runtime.answers import said
from edgetl.tasks import Task
from edgetl.training import describing, features, keras_file, prepare, run
from edgetl.training.arrays import Floats, Labels
from edgetl.training.config import TrainConfig
from edgetl.training.dataset import SPLITS, Dataset, Photo
from edgetl.training.features import FeatureTable
from edgetl.training.heads import layers, several, solving
from edgetl.training.heads.head import STRENGTHS, Head
from edgetl.training.heads.several import SeveralHead
from edgetl.training.prepare import BackboneChoice, Prepared
from edgetl.training.scoring import assessing, sheets
from edgetl.training.scoring import several as several_scores
from edgetl.training.scoring.hardest import Hard


@dataclass(frozen=True)
class Solved:
    """The heads of all tasks, side by side as the one layer of the model."""

    tasks: tuple[Task, ...]
    """With the thresholds that were chosen."""
    heads: tuple[Head | SeveralHead, ...]
    metrics: dict[str, Any]
    """``metrics.json``."""
    hidden_kernel: Floats | None = None
    hidden_bias: Floats | None = None
    """A head that tasks share has no hidden layer."""

    @property
    def kernel(self) -> Floats:
        """float32 (features, outputs)."""
        return np.concatenate([head.kernel for head in self.heads], axis=1)

    @property
    def bias(self) -> Floats:
        """float32 (outputs,)."""
        return np.concatenate([head.bias for head in self.heads])

    def describe(self) -> dict[str, Any]:
        """What ``run.json`` says of them."""
        return {
            "tasks": [asdict(task) for task in self.tasks],
            "heads": {task.name: head.describe() for task, head in zip(self.tasks, self.heads, strict=True)},
        }

    @property
    def hardest(self) -> Mapping[str, tuple[Hard, ...]]:
        """The hardest pictures of each task."""
        return {
            name: tuple(Hard(**hard) for hard in found["hardest"])
            for name, found in self.metrics["tasks"].items()
        }


def train(
    photos: Dataset,
    wanted: TrainConfig,
    choice: BackboneChoice,
    engine: str,
    place: Path,
    strangers: tuple[Photo, ...],
    *,
    force: bool,
    started: float,
    progress: Progress,
) -> run.Run:
    """Features once, a head for each task, one run.

    Args:
        photos: of several tasks, or of one of several labels.
        wanted: the options, checked; ``layers`` says which, since tasks share them.
        choice: the backbone.
        engine: for the features.
        place: of the run.
        strangers: pictures of none of the classes.
        force: replace the run that stands there.
        started: when the training began, as ``time.perf_counter`` tells.
        progress: hears of each step.
    """
    with files.new_folder(place, replace=force, marker=run.DESCRIPTION) as folder:
        parts = tuple((task.activation, len(task.labels)) for task in photos.tasks)
        prepared = prepare.prepare(
            choice, engine=engine, classes=len(photos.labels), progress=progress, parts=parts
        )
        prepared = prepared.reading(wanted.layers)
        table, unreadable = features.extract(photos.photos, prepared, progress)
        features.warn_unreadable(unreadable, progress)
        photos = photos.without(unreadable)
        _, unknown = assessing.rows_of_strangers(strangers, prepared, progress)
        solved = solve(photos, prepared, table, wanted, unknown, progress)
        contract = choice.contract.with_labels(photos.labels)
        # Not before the slow work: another training may have put its backbone in place of ours since.
        template = prepare.build_classifier(prepared, len(photos.labels), 0, progress, parts)
        model = keras_file.with_head(template, solved)
        files.write_bytes(folder / run.MODEL, model)
        files.write_text(folder / "run.toml", wanted.to_toml())
        files.write_text(folder / "labels.txt", "\n".join(photos.labels) + "\n")
        files.write_text(folder / run.SPLITS, run.splits_csv(photos))
        files.write_json(folder / run.METRICS, solved.metrics)
        files.write_json(folder / "environment.json", describing.environment())
        description = {
            **describing.basis(prepared, contract, photos, unreadable, model, wanted.seed),
            **solved.describe(),
            "seconds": round(time.perf_counter() - started, 3),
        }
        files.write_json(folder / run.DESCRIPTION, description)
        shown = {
            name: sheets.hardest(found, photos.root, contract, split=photos.scored_split)
            for name, found in solved.hardest.items()
        }
        page = pages.run_page(place.resolve().name, solved.metrics, description, shown)
        files.write_text(folder / "report.html", page)
    return run.Run.open(place)


def solve(
    photos: Dataset,
    prepared: Prepared,
    table: FeatureTable,
    wanted: TrainConfig,
    unknown: Floats | None,
    progress: Progress,
) -> Solved:
    """Solve a head for each task on the photos that say something of it, and score it on such.

    Args:
        photos: that can be read.
        prepared: the backbone, as the heads read it.
        table: their features, as it gives them.
        wanted: the options.
        unknown: float32 (n, features), of pictures of none of the classes.
        progress: hears of each step.
    """
    tasks: list[Task] = []
    heads: list[Head | SeveralHead] = []
    metrics: dict[str, Any] = {}
    for number, task in enumerate(photos.tasks):
        part = photos.of_task(number)
        chosen = {split: solving.rows_of(part, table, split) for split in SPLITS if part.split(split)}
        head: Head | SeveralHead
        if task.several:
            with progress.step(f"solve and score the head of {task.name}"):
                head = _solve_several(part, prepared, table, wanted)
                metrics[task.name] = asdict(_score_several(part, chosen, head, wanted))
            tasks.append(replace(task, thresholds=head.thresholds))
        else:
            with progress.step(f"solve and score the head of {task.name}"):
                one = solving.solve(part, prepared, table, wanted, progress)
                # Heads of folds are solved on features as this one reads them.
                rows = {split: solving.rows_of(part, one.table, split) for split in chosen}
                scales = one.head.scales
                strange = unknown if unknown is None or scales is None else unknown * scales
                found = assessing.assess(part, rows, one.head, wanted, strange, progress)
            head = replace(one.head.unscaled, reject_threshold=found.rejection.threshold)
            metrics[task.name] = asdict(found)
            tasks.append(replace(task, reject_threshold=head.reject_threshold))
        heads.append(head)
    solved = Solved(tuple(tasks), tuple(heads), metrics)
    return replace(solved, metrics=_together(photos, table, solved, wanted.seed))


def _solve_several(
    part: Dataset, prepared: Prepared, table: FeatureTable, wanted: TrainConfig
) -> SeveralHead:
    reading, table = layers.reading(wanted.layers, prepared, table, part.split("train"))
    # As for a single label: where val is all there is to score on, choosing on it would flatter the score.
    chooses = part.scored_split == "test" and bool(part.split("val"))
    head = several.fit(
        *solving.rows_of(part, table, "train"),
        held_out=solving.rows_of(part, table, "val") if chooses else None,
        strengths=STRENGTHS,
        class_weights=wanted.class_weights,
        label_smoothing=wanted.label_smoothing,
        precision=wanted.min_precision,
        hashes=[photo.sha256 for photo in part.split("train")],
        seed=wanted.seed,
    )
    # Heads of all tasks stand side by side on the features as the backbone gives them.
    return head if reading.scales is None else replace(head, kernel=reading.scales[:, None] * head.kernel)


def _score_several(
    part: Dataset, rows: Mapping[str, tuple[Floats, Labels]], head: SeveralHead, wanted: TrainConfig
) -> several_scores.SeveralMetrics:
    split = part.scored_split
    (features, yes), (trained, known) = rows[split], rows["train"]
    found = head.probabilities(trained) >= np.asarray(head.thresholds, np.float32)
    tops, bottoms = several_scores.f1_parts(found, known > 0)
    return several_scores.measure(
        part.split(split),
        head.probabilities(features),
        yes > 0,
        part.labels,
        head.thresholds,
        temperature=head.temperature,
        train_micro_f1=float(tops.sum() / max(1.0, bottoms.sum())),
        split=split,
        root=part.root,
        seed=wanted.seed,
    )


def _together(photos: Dataset, table: FeatureTable, solved: Solved, seed: int) -> dict[str, Any]:
    """The figures of all tasks, and one over all: F1 of all answers, which of single labels is accuracy."""
    split = photos.scored_split
    scored = photos.split(split)
    truth = photos.truth(scored)
    probabilities = np.zeros(truth.holds.shape, np.float32)
    for number, (task, head) in enumerate(zip(solved.tasks, solved.heads, strict=True)):
        part = photos.of_task(number)
        if part.split(split):
            found = head.probabilities(solving.rows_of(part, table, split)[0])
            probabilities[truth.known[:, number], task.places] = found
    known = truth.known_outputs(solved.tasks)
    overall = several_scores.micro_f1(said(probabilities, solved.tasks) & known, truth.holds, seed=seed)
    return {"split": split, "images": len(scored), "accuracy": asdict(overall), "tasks": solved.metrics}
