"""What is exported: a run, or a user's own model with photos to calibrate and to score it."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgetl import isolated
from edgetl.bundle import SUFFIX
from edgetl.contract import Contract
from edgetl.converters import calibration
from edgetl.converters.adoption.adopt import Adopted
from edgetl.converters.adoption.options import ModelOptions, kind_of
from edgetl.errors import DatasetError, RunError, UsageError
from edgetl.progress import Progress
from edgetl.tasks import Task
from edgetl.training import dataset
from edgetl.training.dataset import Photo
from edgetl.training.kinds import Truth
from edgetl.training.run import Run

FEWEST_CALIBRATING = 8
"""Fewer pictures cannot show the range of an activation."""
_WRONG_FOR_RUNS = (
    "a run knows its own size, labels and normalisation: these flags are for a model of your own"
)


@dataclass(frozen=True)
class Subject:
    """A trained model, the photos to judge it by, and what is known of both."""

    name: str
    model: Path
    """A convention model: see ``graphs.write``."""
    contract: Contract
    photos: tuple[Photo, ...]
    """Those that may calibrate; none of them is scored."""
    scored: tuple[Photo, ...]
    split: str
    """Where the scored photos come from."""
    place: Path
    """Where the bundle goes unless told otherwise."""
    reject_threshold: float | None
    """Of a model with one answer."""
    provenance: dict[str, Any]
    notes: tuple[str, ...] = ()
    """What the user should know."""
    run: Run | None = None
    tasks: tuple[Task, ...] = ()
    """What the model answers; empty where exactly one of the contract's labels holds."""

    def truth(self, photos: Sequence[Photo]) -> Truth | None:
        """What is said of photos to each task; None where each has one label."""
        return self.run.dataset.truth(photos) if self.run is not None and self.tasks else None

    def calibrating(self, count: int) -> tuple[Photo, ...]:
        """At most ``count`` photos to calibrate on, as evenly from the classes as they allow.

        Raises:
            UsageError: fewer are asked for than can show a range.
            RunError: there are too few, or all are of one class.
        """
        if count < FEWEST_CALIBRATING:
            raise UsageError(
                f"--calibration-images {count} is too few to show the range of an activation: "
                f"give {FEWEST_CALIBRATING} or more"
            )
        chosen = calibration.stratified(self.photos, count)
        if len(chosen) < FEWEST_CALIBRATING:
            raise RunError(
                f"only {len(chosen)} photos are left to calibrate on, apart from those that score: int8 "
                f"needs {FEWEST_CALIBRATING} or more; give more photos with --data, or choose "
                "--precisions float32,float16"
            )
        classes = {photo.label for photo in chosen}
        if len(classes) < 2:
            name = (
                self.contract.labels[classes.pop()]
                if self.run is None
                else self.run.dataset.name_of(chosen[0])
            )
            raise RunError(
                f"all photos to calibrate on are of the class {name!r}: int8 "
                "needs photos of every class; give them with --data, or --precisions float32,float16"
            )
        return chosen


def is_run(path: Path) -> bool:
    """Whether a path is a run rather than a model."""
    return not path.exists() or (path.is_dir() and not (path / "saved_model.pb").is_file())


def of_run(path: Path, data: str | Path | None, options: ModelOptions | None) -> Subject:
    """A folder that ``edgetl train`` wrote.

    Raises:
        RunError: no run there, or not a whole one.
        UsageError: it is described by options that only a user's own model needs.
    """
    if options is not None and options != ModelOptions():
        raise UsageError(f"{path} is a run: {_WRONG_FOR_RUNS}")
    run = Run.open(path, data=data)
    described, split = run.description, run.dataset.scored_split
    scored = run.dataset.split(split)
    return Subject(
        name=run.name,
        model=run.model.resolve(),
        contract=run.contract,
        photos=_apart(run.dataset.split("train"), scored),
        scored=scored,
        split=split,
        place=run.path / f"{run.name}{SUFFIX}",
        reject_threshold=None if run.tasks else described["head"]["reject_threshold"],
        provenance={
            "run_created": described["created"],
            "backbone": described["backbone"],
            "weights": {key: described["weights"][key] for key in ("source", "licence", "sha256")},
            "dataset": {key: described["dataset"][key] for key in ("fingerprint", "photos")},
            "seed": described["seed"],
        },
        run=run,
        tasks=run.tasks,
    )


def of_model(
    path: Path, data: str | Path | None, options: ModelOptions | None, scratch: Path, progress: Progress
) -> Subject:
    """A Keras model, SavedModel folder or ``.onnx`` file that edgetl did not train.

    Raises:
        UsageError: it is none of these, there are no photos, or the options do not describe it.
        ConversionError: it is no image classifier, or cannot be rewritten.
        DatasetError: the photos cannot be used.
    """
    kind_of(path)
    if data is None:
        raise UsageError(
            f"{path} needs photos to calibrate and to score it: add --data PHOTOS, a folder with one folder "
            "of photos per class, or a CSV file with the columns path,label"
        )
    options = options or ModelOptions()
    rows = dataset.find(data)
    labels = options.labels or tuple(sorted({label for _, label, _ in rows}))
    photos, scored = _parted(_labelled(rows, labels, Path(data)), Path(data))
    with progress.step(f"read {path.name}"):
        adopted: Adopted = isolated.call(
            "edgetl.converters.adoption.adopt:adopt",
            path.resolve(),
            options,
            labels,
            scratch,
            doing=f"reading {path.name}",
        )
    name = name_of(path)
    return Subject(
        name=name,
        model=adopted.model,
        contract=adopted.contract,
        photos=photos,
        scored=scored,
        split="test",
        place=path.resolve().parent / f"{name}{SUFFIX}",
        reject_threshold=None,
        provenance={
            "model": {
                "file": path.name,
                "kind": adopted.kind,
                "sha256": adopted.source_sha256,
                "input": adopted.input_found,
            },
        },
        notes=adopted.notes,
    )


def name_of(path: Path) -> str:
    """What a user's own model is called: its file without the suffix, or its folder."""
    place = path.resolve()
    return place.stem if place.is_file() else place.name


def _labelled(rows: Sequence[dataset.Row], labels: tuple[str, ...], data: Path) -> list[Photo]:
    numbers = {label: number for number, label in enumerate(labels)}
    for path, label, _ in rows:
        if label not in numbers:
            raise DatasetError(
                f"{path} has the label {label!r}, which the model's labels do not have: rename its folder in "
                f"{data}, or give the model's labels with --labels"
            )
    hashes = dataset.hash_all([path for path, _, _ in rows])
    return [
        Photo(path, numbers[label], split or "", digest)
        for (path, label, split), digest in zip(rows, hashes, strict=True)
    ]


def _parted(photos: Sequence[Photo], data: Path) -> tuple[tuple[Photo, ...], tuple[Photo, ...]]:
    """Those that calibrate and those that score: train against the rest, or else a third by content."""
    if any(photo.split for photo in photos):
        if not all(photo.split for photo in photos):
            raise DatasetError(f"{data} gives a split for some photos only: give it for all or for none")
        train = [photo for photo in photos if photo.split == "train"]
        scored = tuple(photo for photo in photos if photo.split in ("val", "test"))
        if not scored:
            raise DatasetError(f"{data} has no val and no test photos to score the model on")
    else:
        ordered = sorted(photos, key=lambda photo: photo.sha256)
        train, scored = ordered[: len(ordered) // 3], tuple(ordered[len(ordered) // 3 :])
    return _apart(train, scored), scored


def _apart(train: Sequence[Photo], scored: Sequence[Photo]) -> tuple[Photo, ...]:
    """Train photos whose very bytes are not scored too."""
    seen = {photo.sha256 for photo in scored}
    return tuple(photo for photo in train if photo.sha256 not in seen)
