"""``edgetl train``: photos in, a run out."""

import time
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from edgetl import files
from edgetl.errors import UsageError
from edgetl.progress import SILENT, Progress
from edgetl.reports import confusion, pages
from edgetl.training import columns as cells
from edgetl.training import dataset as datasets
from edgetl.training import describing, features, keras_file, prepare, run, starting, task_rules, tasked
from edgetl.training.adapting import adapt
from edgetl.training.choosing import wishes
from edgetl.training.config import TrainConfig, read_config
from edgetl.training.dataset import Dataset
from edgetl.training.distilling import teach
from edgetl.training.heads import head as heads
from edgetl.training.heads import layers, solving
from edgetl.training.scoring import assessing, sheets
from edgetl.training.tuning import tune
from edgetl.wording import agreeing, counted

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
    if resume and wanted.fine_tune == "off":
        raise UsageError("--resume goes on with a fine-tuning: add --fine-tune last, or leave it out")
    place = Path(out)
    files.refuse_place(place, replace=force, marker=run.DESCRIPTION)
    wishes.check(wanted)
    start = starting.start_of(wanted)
    choice = _choose(wanted, start)
    wanted = wanted if start is None else start.settled(wanted)
    engine = prepare.choose_engine(wanted.features)
    tuning = tune.resolve(
        wanted.fine_tune,
        epochs=wanted.epochs,
        augment=wanted.augment,
        precision=wanted.precision,
        seed=wanted.seed,
    )
    with progress.step("read the photos"):
        columns = cells.columns_of(wanted.tasks, multi_label=wanted.multi_label)
        photos = datasets.read(wanted.data, columns)
    task_rules.check(wanted, photos)
    for sentence in task_rules.advice(photos, wanted):
        progress.warn(sentence)
    if start is not None and wanted.keep_head:
        starting.check_labels(start.run, photos.labels)
    _advise(photos, progress)
    if start is not None and start.advise(photos, wanted, progress):
        # Heads of folds would be rated by photos that the backbone knows, or in place of the kept head.
        wanted = replace(wanted, folds="none")
    strangers = assessing.strangers(wanted, photos, progress)
    if photos.tasks and choice is not None:
        layered = replace(wanted, layers="last" if wanted.layers == "auto" else wanted.layers)
        return tasked.train(
            *(photos, layered, choice, engine, place, strangers),
            force=force,
            started=started,
            progress=progress,
        )
    lessons = teach.plan(wanted, photos, strangers, progress)
    target = None if lessons is not None else adapt.target_of(wanted, photos, strangers, progress)
    with files.new_folder(place, replace=force, marker=run.DESCRIPTION) as folder:
        found = None
        if choice is None:
            found = wishes.search(photos, wanted, engine, progress)
            wanted = wishes.settled(wanted, found)
            choice = found.choice
        prepared = prepare.prepare(choice, engine=engine, classes=len(photos.labels), progress=progress)
        table, unreadable = features.extract(photos.photos, prepared, progress)
        features.warn_unreadable(unreadable, progress)
        photos = photos.without(unreadable)
        with progress.step("solve the head"):
            if start is not None and wanted.keep_head:
                head, compared = start.head(photos.labels), None
                prepared, table = prepared.reading(head.layers), table.part(head.layers)
            else:
                solved = solving.solve(photos, prepared, table, wanted, progress)
                head, compared = solved.head, solved.compared
                prepared, table = solved.prepared, solved.table
        adapted = taught = None
        if target is not None:
            adapted = adapt.adapt(photos, prepared, table, head, target, wanted, progress)
            progress.note(adapted.summary)
            if adapted.adopted:
                head, prepared, table = adapted.head, adapted.prepared, adapted.table
        if lessons is not None:
            taught = teach.teach(lessons, photos, table, prepared, head, wanted, progress)
            progress.note(taught.summary)
            head = replace(taught.head, layers=prepared.layers, scales=prepared.scales)
        strangers, unknown = assessing.rows_of_strangers(strangers, prepared, progress)
        with progress.step("score the head"):
            splits = [split for split in datasets.SPLITS if photos.split(split)]
            rows = {split: solving.rows_of(photos, table, split) for split in splits}
            # Heads of folds are neither adapted nor taught: their score would be another model's.
            changed = any(one is not None and one.adopted for one in (adapted, taught))
            scored = replace(wanted, folds="none") if changed else wanted
            metrics = assessing.assess(photos, rows, head, scored, unknown, progress)
        head = replace(head, reject_threshold=metrics.rejection.threshold)
        contract = choice.contract.with_labels(photos.labels)
        template = prepare.build_classifier(prepared, len(photos.labels), head.hidden, progress)
        model = keras_file.with_head(template, head.unscaled)
        tuned = None
        if tuning is not None:
            tuned = tune.tune(
                *(photos, prepared, table, head, tuning),
                strangers=strangers,
                taught=taught,
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
        files.write_json(folder / "environment.json", describing.environment())
        description = {
            **describing.basis(prepared, contract, photos, unreadable, model, wanted.seed),
            "head": head.describe(),
            **({} if found is None else {"choice": found.to_dict()}),
            **({} if compared is None else {"layers": compared.to_dict()}),
            **({} if adapted is None else {"adaptation": adapted.description}),
            **({} if taught is None else {"distillation": taught.description}),
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
    layers.check(wanted.layers)
    if wanted.hidden and wanted.fine_tune != "off":
        raise UsageError("fine-tuning starts from a linear head: choose --hidden or --fine-tune, not both")
    if wanted.suspects not in ("keep", "downweight"):
        raise UsageError(f"suspects {wanted.suspects!r} is not offered: choose keep or downweight")
    if wanted.fine_tune != "off" and wanted.suspects != "keep":
        raise UsageError(
            "fine-tuning learns from every photo alike: choose --suspects downweight or --fine-tune, not both"
        )
    if wanted.fine_tune != "off" and wanted.keep_head:
        raise UsageError("--keep-head keeps a head and --fine-tune trains it on: choose one of them")
    if wanted.seed < 0:
        raise UsageError(f"seed {wanted.seed} is not offered: choose 0 or more")
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
            f"{counted(len(leaks), 'photo')} of val and test {agreeing(len(leaks), 'stands', 'stand')} in "
            "train too, byte for byte, which makes the accuracy look better than it is; the first is "
            f"{leaks[0].path}; edgetl check names all, and what else is wrong"
        )
    scored = len(photos.split(photos.scored_split))
    if scored < _FEW:
        progress.warn(
            f"accuracy is measured on {counted(scored, 'photo')} only: mind its interval; edgetl check says "
            "what it can tell"
        )
