"""``edgetl train``: photos in, a run out."""

import hashlib
import os
import platform
import sys
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import numpy as np

import edgetl
from edgetl import files
from edgetl.errors import UsageError
from edgetl.progress import SILENT, Progress
from edgetl.reports import confusion, pages
from edgetl.training import dataset as datasets
from edgetl.training import features, keras_file, prepare, run, starting
from edgetl.training import head as heads
from edgetl.training.checking import suspects
from edgetl.training.choosing import wishes
from edgetl.training.config import TrainConfig, read_config
from edgetl.training.dataset import Dataset
from edgetl.training.logistic import Floats, Labels
from edgetl.training.scoring import assessing, sheets
from edgetl.training.tuning import tune

_FEW = 100
"""Scored photos under which a warning says how little the accuracy is worth."""


def train(
    data: str | Path | None = None,
    *,
    out: str | Path,
    config: str | Path | None = None,
    force: bool = False,
    resume: bool = False,
    progress: Progress = SILENT,
    **options: Any,
) -> run.Run:
    """Train a classifier on photos: features once, the head solved on them, fine-tuned if asked.

    Args:
        data: a folder ``<class>/*``, a folder ``{train,val,test}/<class>/*``, or a CSV of
            ``path,label[,split]``.
        out: the run folder to write.
        config: a ``run.toml`` whose options hold where none is given here.
        force: replace the run that stands at ``out``.
        resume: go on with a fine-tuning that was stopped; one that was not begun begins.
        progress: hears of each step.
        options: any field of :class:`~edgetl.training.config.TrainConfig` but ``data``.

    Returns:
        The run, as it lies on the disk.

    Raises:
        RunError: ``from_run`` is no run.
        DatasetError: the photos or labels cannot be trained on.
        GateError: the backbone is ``auto`` and none keeps to the limits.
        UsageError: an option is not one of those offered, or ``out`` exists.
        WeightsError: no pretrained weights for the backbone.
        WriteError: the disk is full.
    """
    started = time.perf_counter()
    wanted = _resolve(data, config, options)
    place = Path(out)
    files.refuse_place(place, replace=force, marker=run.DESCRIPTION)
    wishes.check(wanted)
    start = starting.start_of(wanted)
    choice = _choose(wanted, start)
    wanted = wanted if start is None else start.settled(wanted)
    engine = prepare.choose_engine(wanted.features)
    tuning = tune.resolve(wanted.fine_tune, epochs=wanted.epochs, augment=wanted.augment, seed=wanted.seed)
    with progress.step("read the photos"):
        photos = datasets.read(wanted.data)
    if start is not None and wanted.keep_head:
        starting.check_labels(start.run, photos.labels)
    _advise(photos, progress)
    strangers = assessing.strangers(wanted, photos, progress)
    with files.new_folder(place, replace=force, marker=run.DESCRIPTION) as folder:
        found = None
        if choice is None:
            found = wishes.search(photos, wanted, engine, progress)
            wanted = wishes.settled(wanted, found)
            choice = found.choice
        prepared = prepare.prepare(choice, engine=engine, classes=len(photos.labels), progress=progress)
        table, unreadable = features.extract(photos.photos, prepared, progress)
        for path, reason in unreadable.items():
            progress.warn(f"skipped: {reason if str(path) in reason else f'{path}: {reason}'}")
        photos = photos.without(unreadable)
        strangers, unknown = assessing.rows_of_strangers(strangers, prepared, progress)
        with progress.step("solve the head"):
            kept = start is not None and wanted.keep_head
            head = start.head(photos.labels) if start and kept else _solve(photos, table, wanted, progress)
        with progress.step("score the head"):
            rows = {split: rows_of(photos, table, split) for split in datasets.SPLITS if photos.split(split)}
            metrics = assessing.assess(photos, rows, head, wanted, unknown, progress)
        head = replace(head, reject_threshold=metrics.rejection.threshold)
        contract = choice.contract.with_labels(photos.labels)
        template = prepare.build_classifier(prepared, len(photos.labels), head.hidden, progress)
        model = keras_file.with_head(template, head)
        tuned = None
        if tuning is not None:
            tuned = tune.tune(
                *(photos, prepared, table, head, tuning),
                strangers=strangers,
                resume=resume,
                progress=progress,
            )
            progress.note(tuned.summary)
            if tuned.model is not None:
                model, head = tuned.model, tuned.head(head)
                metrics = assessing.assess_network(
                    photos, tuned.probabilities(photos), head, wanted, tuned.of_strangers(photos), progress
                )
                head = replace(head, reject_threshold=metrics.rejection.threshold)
        files.write_bytes(folder / run.MODEL, model)
        files.write_text(folder / "run.toml", wanted.to_toml())
        files.write_text(folder / "labels.txt", "\n".join(photos.labels) + "\n")
        files.write_text(folder / run.SPLITS, run.splits_csv(photos))
        files.write_json(folder / run.METRICS, asdict(metrics))
        files.write_json(folder / "environment.json", _environment())
        description = {
            "schema": run.SCHEMA,
            "created": datetime.now(timezone.utc).isoformat(timespec="seconds"),
            "edgetl": edgetl.__version__,
            "contract": contract.to_dict(),
            "backbone": {"name": choice.name, "size": choice.size, "width": choice.width},
            "weights": {**asdict(prepared.choice.weights), "path": str(prepared.choice.weights.path)},
            "features": {"engine": engine, "key": prepared.key},
            "head": head.describe(),
            "dataset": _describe(photos, unreadable),
            "model_sha256": hashlib.sha256(model).hexdigest(),
            "seed": wanted.seed,
            **({} if found is None else {"choice": found.to_dict()}),
            **({} if tuned is None else {"fine_tuning": tuned.description}),
            "seconds": round(time.perf_counter() - started, 3),
        }
        files.write_json(folder / run.DESCRIPTION, description)
        sheet = sheets.hardest(metrics.hardest, photos.root, contract, split=metrics.split)
        page = pages.run_page(place.resolve().name, asdict(metrics), description, sheet)
        files.write_text(folder / "report.html", page)
        files.write_text(folder / "confusion.svg", confusion.confusion_svg(photos.labels, metrics.confusion))
    if tuned is not None:
        tuned.clean()
    return run.Run.open(place)


def _resolve(data: str | Path | None, config: str | Path | None, options: Mapping[str, Any]) -> TrainConfig:
    values = read_config(config) if config is not None else {}
    values |= {name: value for name, value in options.items() if value is not None}
    if data is not None:
        values["data"] = str(data)
    if "data" not in values:
        raise UsageError("no photos are named: give a folder or a CSV file, or a --config that does")
    try:
        wanted = TrainConfig(**values)
    except TypeError as error:
        raise UsageError(f"train has no such option: {error}") from None
    heads.check(wanted.class_weights, wanted.label_smoothing, wanted.hidden)
    if wanted.hidden and wanted.fine_tune != "off":
        raise UsageError("fine-tuning starts from a linear head: choose --hidden or --fine-tune, not both")
    if wanted.suspects not in ("keep", "downweight"):
        raise UsageError(f"suspects {wanted.suspects!r} is not offered: choose keep or downweight")
    return wanted


def _choose(wanted: TrainConfig, start: starting.Start | None) -> prepare.BackboneChoice | None:
    """The backbone that is named; None where it is to be searched for."""
    if start is not None:
        return start.choice
    if wanted.backbone == wishes.AUTO:
        return None
    return prepare.choose(
        wanted.backbone,
        size=wanted.size,
        width=wanted.width,
        weights_file=Path(wanted.weights) if wanted.weights else None,
        crop=wanted.crop,
    )


def _advise(photos: Dataset, progress: Progress) -> None:
    leaks = photos.leaks()
    if leaks:
        progress.warn(
            f"{len(leaks)} photos of val and test stand in train too, byte for byte, and make the accuracy "
            f"look better than it is; the first is {leaks[0].path}; edgetl check names all, and what else "
            "is wrong"
        )
    scored = len(photos.split(photos.scored_split))
    if scored < _FEW:
        progress.warn(
            f"accuracy is measured on {scored} photos only: mind its interval; edgetl check says what it "
            "can tell"
        )


def _solve(
    photos: Dataset, table: features.FeatureTable, wanted: TrainConfig, progress: Progress
) -> heads.Head:
    held_out = None
    # Where val is all there is to score on, choosing on it too would flatter the score.
    if photos.scored_split == "test" and photos.split("val"):
        held_out = rows_of(photos, table, "val")
    rows, labels = rows_of(photos, table, "train")
    weights = None
    if wanted.suspects == "downweight":
        doubts = suspects.judge(rows, labels, seed=wanted.seed)
        weights = doubts.weights
        progress.warn(f"{doubts.share:.1%} of the train labels seem to be wrong: such photos count less")
    head = heads.fit(
        rows,
        labels,
        held_out=held_out,
        class_weights=wanted.class_weights,
        weights=weights,
        label_smoothing=wanted.label_smoothing,
        hidden=wanted.hidden,
        seed=wanted.seed,
    )
    if wanted.hidden and not head.hidden:
        progress.warn(
            f"the head stays linear: with a hidden layer of {wanted.hidden} units it answers held-out "
            "photos no better"
        )
    return head


def rows_of(photos: Dataset, table: features.FeatureTable, split: str) -> tuple[Floats, Labels]:
    """Features, float32 (n, features), and labels, int64 (n,), of the photos of a split."""
    chosen = photos.split(split)
    labels = np.fromiter((photo.label for photo in chosen), np.int64, len(chosen))
    return table.rows([photo.sha256 for photo in chosen]), labels


def _describe(photos: Dataset, unreadable: Mapping[Path, str]) -> dict[str, Any]:
    return {
        "root": str(photos.root.resolve()),
        "fingerprint": photos.fingerprint,
        "photos": {split: len(photos.split(split)) for split in datasets.SPLITS},
        "classes": {
            photos.labels[label]: count
            for label, count in sorted(Counter(p.label for p in photos.photos).items())
        },
        "skipped": {str(path): reason for path, reason in unreadable.items()},
    }


def _environment() -> dict[str, Any]:
    return {
        "python": sys.version.split()[0],
        "platform": platform.platform(),
        "machine": platform.machine(),
        "cores": os.cpu_count(),
        "libraries": run.library_versions(),
    }
