"""A run: the folder that ``edgetl train`` writes and ``edgetl export`` reads."""

import csv
import hashlib
import io
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgetl import extras, files
from edgetl import tasks as rules
from edgetl.contract import Contract
from edgetl.errors import RunError
from edgetl.manifest import Interval
from edgetl.tasks import Task
from edgetl.training import columns as cells
from edgetl.training import kinds as of_photos
from edgetl.training.dataset import Dataset, Photo

MODEL = "model.keras"
DESCRIPTION = "run.json"
METRICS = "metrics.json"
SPLITS = "splits.csv"
SCHEMA = 1

_LIBRARIES = (
    "edgetl",
    "numpy",
    "pillow",
    "scikit-learn",
    "keras",
    "tensorflow-cpu",
    "tensorflow",
    "openvino",
    "onnxruntime",
)


@dataclass(frozen=True)
class Run:
    """What a run folder holds, less the model itself."""

    path: Path
    contract: Contract
    description: dict[str, Any]
    """``run.json``: backbone, weights and their licence, head, dataset fingerprint, reject threshold."""
    metrics: dict[str, Any]
    """``metrics.json``; see ``scoring.scores.Metrics``."""
    dataset: Dataset

    @property
    def name(self) -> str:
        """The folder's name, which is the bundle's name too."""
        return self.path.resolve().name

    @property
    def tasks(self) -> tuple[Task, ...]:
        """What the model answers; empty where exactly one of the contract's labels holds."""
        return self.dataset.tasks

    @property
    def accuracy(self) -> Interval:
        """Share of right answers on the scored split, 0 to 1; with several labels F1 over all of them."""
        return Interval(**self.metrics["accuracy"])

    @property
    def model(self) -> Path:
        """The trained Keras model."""
        return self.path / MODEL

    @classmethod
    def open(cls, path: str | Path, *, data: str | Path | None = None) -> "Run":
        """Read a run.

        Args:
            path: the folder ``edgetl train`` wrote.
            data: where the photos are now, when they have moved.

        Raises:
            RunError: no run there, or not a whole one, or its model is not the one that was trained.
        """
        folder = Path(path)
        files.recover(folder)
        if not (folder / DESCRIPTION).is_file():
            state = "does not exist" if not folder.exists() else f"is no run: it has no {DESCRIPTION}"
            raise RunError(f"{folder} {state}; write one with edgetl train")
        try:
            description = json.loads((folder / DESCRIPTION).read_text("utf-8"))
            metrics = json.loads((folder / METRICS).read_text("utf-8"))
            digest = hashlib.sha256((folder / MODEL).read_bytes()).hexdigest()
            schema = description["schema"]
            if schema != SCHEMA:
                raise RunError(f"{folder} has schema {schema} and this edgetl reads {SCHEMA}: train it again")
            if digest != description["model_sha256"]:
                raise RunError(
                    f"{folder / MODEL} is not the file that was trained (SHA-256 differs): train it again"
                )
            contract = Contract.from_dict(description["contract"])
            root = Path(data) if data is not None else Path(description["dataset"]["root"])
            tasks = rules.from_list(description.get("tasks", []))
            dataset = read_splits(folder / SPLITS, root, contract.labels, tasks)
        except (OSError, ValueError, KeyError, TypeError) as error:
            if isinstance(error, RunError):
                raise
            raise RunError(
                f"{folder} is not a whole run ({type(error).__name__}: {error}): train it again"
            ) from error
        return cls(folder, contract, description, metrics, dataset)


def splits_csv(dataset: Dataset) -> str:
    """The text of ``splits.csv``, a dataset itself; paths are below the root."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    columns = [task.name for task in dataset.tasks] or ["label"]
    writer.writerow(["path", *columns, "split", "sha256"])
    for photo in dataset.photos:
        place = (
            photo.path.relative_to(dataset.root) if photo.path.is_relative_to(dataset.root) else photo.path
        )
        written = [dataset.name_of(photo)]
        if dataset.tasks:
            said = of_photos.answers_of(dataset.kinds[photo.label], dataset.tasks)
            written = [cells.text_of([name], [one]) for name, one in zip(columns, said, strict=True)]
        writer.writerow([place.as_posix(), *written, photo.split, photo.sha256])
    return text.getvalue()


def read_splits(file: Path, root: Path, labels: tuple[str, ...], tasks: tuple[Task, ...] = ()) -> Dataset:
    """The dataset of a ``splits.csv``; the photos themselves are not touched."""
    numbers = {label: number for number, label in enumerate(labels)}
    kinds: dict[of_photos.Kind, int] = {}

    def label(line: dict[str, str]) -> int:
        if not tasks:
            return numbers[line["label"]]
        columns = [cells.Column(task.name, task.several) for task in tasks]
        said = [cells.labels_of(column, line[column.name]) for column in columns]
        return kinds.setdefault(of_photos.kind_of(said, tasks), len(kinds))

    with file.open(newline="", encoding="utf-8", errors="surrogateescape") as lines:
        photos = tuple(
            Photo(root / line["path"], label(line), line["split"], line["sha256"])
            for line in csv.DictReader(lines)
        )
    return Dataset(root, labels, photos, tasks, tuple(kinds))


def library_versions() -> dict[str, str]:
    """Installed versions of what has a say in the result."""
    versions = {name: extras.version(name) for name in _LIBRARIES}
    return {name: version for name, version in versions.items() if version}
