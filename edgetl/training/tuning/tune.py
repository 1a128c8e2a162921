"""Fine-tuning, from the side that asks for it: what is needed is laid out, a child process trains."""

import contextlib
import hashlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from edgetl import extras, files, isolated
from edgetl.errors import MissingPackageError
from edgetl.progress import Progress
from edgetl.training.arrays import Floats, Labels
from edgetl.training.dataset import Dataset, Photo
from edgetl.training.distilling.school import Lesson, School
from edgetl.training.distilling.teach import Taught
from edgetl.training.features import FeatureTable
from edgetl.training.heads import head as heads
from edgetl.training.heads.head import Head
from edgetl.training.prepare import Prepared, has_gpu
from edgetl.training.tuning import tables, work
from edgetl.training.tuning.options import TuningOptions
from edgetl.training.tuning.work import Outcome, Task

_FEWEST_JUDGES = 8
"""Held-out photos under which no gain could be told from noise, whatever it was."""


@dataclass(frozen=True)
class Tuned:
    """What a fine-tuning came to."""

    description: dict[str, Any]
    """For ``run.json``: what was tried, the curves, whether it was adopted and why."""
    outcome: Outcome | None
    """None when there was nothing to try it with."""
    model: bytes | None
    """The ``.keras`` file, when it was adopted."""
    folder: Path
    """Where it worked; :meth:`clean` removes it once the run is written."""

    @property
    def summary(self) -> str:
        """What came of it, in a line."""
        return f"fine-tuning {'adopted' if self.model else 'not adopted'}, {self.description['why']}"

    def head(self, head: Head) -> Head:
        """The head with the fine-tuned model's temperature and threshold; its values are in the model."""
        assert self.outcome is not None
        return replace(
            head,
            temperature=self.outcome.temperature,
            reject_threshold=self.outcome.reject_threshold,
            chosen_on=f"{head.chosen_on}, then fine-tuned",
        )

    def probabilities(self, photos: Dataset) -> dict[str, Floats]:
        """Answers of the tuned network, float32 (n, classes), to the scored split and to train."""
        assert self.outcome is not None
        scored = photos.scored_split
        return {scored: self.outcome.scored[: len(photos.split(scored))], "train": self.outcome.train}

    def of_strangers(self, photos: Dataset) -> Floats | None:
        """Its answers to the pictures of no class, float32 (n, classes); None when there were none."""
        assert self.outcome is not None
        found = self.outcome.scored[len(photos.split(photos.scored_split)) :]
        return found if len(found) else None

    def clean(self) -> None:
        """Remove what only a resumed training would need."""
        with contextlib.suppress(OSError):  # what is left is found again by its name
            files.remove_folder(self.folder)


def resolve(fine_tune: str, **options: Any) -> TuningOptions | None:
    """The options of a training, or None when none is wanted.

    Args:
        fine_tune: ``off``, ``last``, ``all`` or ``auto``.
        options: fields of :class:`TuningOptions`; None takes the default.

    Raises:
        UsageError: a value is not offered.
        MissingPackageError: the back end that ``KERAS_BACKEND`` names is not installed.
    """
    if fine_tune == "off":
        return None
    if not extras.is_installed(name := work.backend()):
        raise MissingPackageError(f"fine-tuning with KERAS_BACKEND={name} needs it: pip install {name}")
    blocks = fine_tune if fine_tune != "auto" else "all" if has_gpu() else "last"
    if options.get("precision") == "auto":
        options["precision"] = "mixed" if has_gpu() else "float32"
    return TuningOptions(blocks, **{name: value for name, value in options.items() if value is not None})


def tune(
    photos: Dataset,
    prepared: Prepared,
    features: FeatureTable,
    head: Head,
    options: TuningOptions,
    *,
    strangers: Sequence[Photo],
    taught: Taught | None = None,
    resume: bool,
    progress: Progress,
) -> Tuned:
    """Train the backbone on from a solved head, and say whether that helped.

    Args:
        photos: all readable.
        prepared: the backbone.
        features: of all photos.
        head: solved on the train photos.
        options: how.
        strangers: pictures of no class, to be answered too.
        taught: what came of a teacher, if there is one: the network is then trained with it and without.
        resume: go on where an earlier training of the very same was stopped; else it begins anew.
        progress: hears of each step.

    Raises:
        UsageError: no room for what must be kept, or the same training is under way elsewhere.
        ConversionError: the training failed.
        WriteError: the disk is full.
    """
    train, scored = photos.split("train"), photos.split(photos.scored_split)
    school = None if taught is None else taught.school
    learned = train if school is None else (*train, *school.pictures)
    val = photos.split("val") if photos.scored_split == "test" else ()
    labels = np.array([photo.label for photo in train])
    hashes = [photo.sha256 for photo in train]
    rows = features.rows(hashes)
    held = np.empty(0, np.int64) if val else _held_out(hashes, labels, options)
    judges = len(val) or len(held)
    described: dict[str, Any] = {"options": asdict(options), "judged_on": "val" if val else "held-out train"}
    others = (*val, *scored, *strangers)
    digest = work.identity(
        options,
        work.backend(),
        photos=photos.fingerprint,
        # Tables hold the photos in this order, and labels are looked up by it.
        order=[photo.sha256 for photo in (*learned, *others)],
        backbone=prepared.key,
        layers=prepared.layers,
        head=hashlib.sha256(head.kernel.tobytes() + head.bias.tobytes()).hexdigest(),
        class_weights=head.class_weights,
        **({} if school is None else {"teacher": school.identity}),
    )
    folder = work.folder(digest)
    if judges < _FEWEST_JUDGES:
        why = f"not tried: {judges} photos would judge it, and with fewer than {_FEWEST_JUDGES} no gain shows"
        return Tuned({**described, "adopted": False, "why": why}, None, None, folder)
    files.make_folders(folder)
    with work.alone(folder):
        if not resume and any(folder.iterdir()):
            progress.warn("the same fine-tuning was begun before and begins anew: --resume goes on with it")
            work.clear(folder)
        half = tables.lower(prepared, len(photos.labels), options.blocks, progress)
        versions = tables.versions(folder / work.TRAIN, len(learned), len(others), half, options)
        shared: dict[str, Any] = {"prepared": prepared, "half": half, "options": options}
        shared["progress"] = progress
        tables.write(folder / work.TRAIN, learned, versions=versions, name="train photos, once", **shared)
        tables.write(folder / work.SCORED, others, versions=None, name="other photos, once", **shared)
        if val:
            # Solved on train, its strength chosen on val: that favours the head a little, not its rival.
            rival, shown = head, features.rows([photo.sha256 for photo in val])
        else:
            rival = _without(held, rows, labels, hashes, head, taught, options)
            shown = rows[held]
        task = Task(
            classifier=prepared.classifier(len(photos.labels)),
            folder=folder,
            identity=digest,
            cut=half.cut,
            labels=labels,
            held=held,
            val=np.array([photo.label for photo in val], np.int64),
            balanced=head.class_weights == "balanced",
            judged_kernel=rival.unscaled.kernel * rival.temperature,
            judged_bias=rival.bias * rival.temperature,
            head_logits=shown @ rival.kernel + rival.bias,
            kernel=head.unscaled.kernel * head.temperature,
            bias=head.bias * head.temperature,
            options=options,
            taught=None if school is None else _targets(school, held),
        )
        outcome: Outcome = isolated.call(
            "edgetl.training.tuning.child:train",
            task,
            doing="fine-tuning",
            environment={"KERAS_BACKEND": work.backend()},
            progress=progress,
        )
    described |= {
        "cut": half.cut,
        "versions": versions,
        "layers": outcome.layers,
        "parameters": outcome.parameters,
        "backend": outcome.backend,
        "weights_sha256": outcome.weights_sha256,
        "epochs": outcome.history,
        "best_epoch": outcome.best_epoch,
        **asdict(outcome.decision),
        **({} if outcome.taught is None else {"teacher": asdict(outcome.taught)}),
    }
    model = (folder / work.MODEL).read_bytes() if outcome.decision.adopted else None
    return Tuned(described, outcome, model, folder)


def _without(
    held: Labels,
    rows: Floats,
    labels: Labels,
    hashes: Sequence[str],
    head: Head,
    taught: Taught | None,
    options: TuningOptions,
) -> Head:
    """The head as it would be without the photos that judge."""
    known = np.ones(len(labels), np.bool_)
    known[held] = False
    if taught is not None and taught.solve is not None:
        return replace(taught.solve(known), scales=head.scales)
    without = heads.fit(
        rows[known],
        labels[known],
        held_out=None,
        class_weights=head.class_weights,
        label_smoothing=head.label_smoothing,
        hashes=[sha256 for sha256, kept in zip(hashes, known, strict=True) if kept],
        seed=options.seed,
    )
    return replace(without, scales=head.scales)


def _targets(school: School, held: Labels) -> tuple[work.Targets, work.Targets]:
    """What to answer while the held-out photos judge, and once all are trained on."""
    everything = np.ones(len(school.labels), np.bool_)
    known = everything.copy()
    known[held] = False
    judged = school.lesson(known)
    final = judged if not len(held) else school.lesson(everything)
    return _plain(judged), _plain(final)


def _plain(lesson: Lesson) -> work.Targets:
    return work.Targets(lesson.targets, lesson.weights.astype(np.float32))


def _held_out(hashes: list[str], labels: Labels, options: TuningOptions) -> Labels:
    """Places of the photos that judge: a share of each class, by what is in the photos, copies together."""
    held: list[np.int64] = []
    for label in np.unique(labels):
        contents = sorted({hashes[place] for place in np.flatnonzero(labels == label)})
        # At least two different photos of a class stay to learn from.
        count = min(round(len(contents) * options.held_share), len(contents) - 2)
        order = np.random.default_rng((options.seed, int(label))).permutation(len(contents))
        chosen = {contents[place] for place in order[: max(0, count)]}
        held += [place for place in np.flatnonzero(labels == label) if hashes[place] in chosen]
    return np.sort(np.array(held, np.int64))
