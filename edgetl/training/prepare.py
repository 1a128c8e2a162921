"""A backbone made ready once and kept: its Keras file, and the same network in a fast engine."""

import hashlib
import json
import os
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np

from edgetl import cache, extras, files, isolated
from edgetl.contract import Contract
from edgetl.errors import MissingPackageError, UsageError
from edgetl.progress import Progress
from edgetl.runtime import engines
from edgetl.runtime.base import AbstractEngine
from edgetl.runtime.quiet import native_output_hidden
from edgetl.training import backbones, sealed, weights
from edgetl.training.arrays import Floats
from edgetl.training.weights import WeightsSource

ENGINES = ("openvino", "onnxruntime", "keras")
"""What may extract features, fastest on a CPU first; ``keras`` is for machines with a GPU."""

DESCRIPTION = "backbone.json"
_LAYOUT = 4
"""Raise it when the same backbone would give other features: old cache entries are then left alone."""
_COPIES = 4
"""Of the weights that lie in the cache while a backbone is built: for Keras, for the engine, on the way from
one to the other, and under an empty head."""


@dataclass(frozen=True)
class BackboneChoice:
    """Which backbone, at which size, with which weights."""

    name: str
    size: int
    """Height and width of the input, pixels."""
    width: float
    """Width multiplier, 1.0 for the published network."""
    weights: WeightsSource
    crop: float | None = None
    """Share of a photo's largest centred square that is kept; None takes the backbone's own."""

    @property
    def row(self) -> backbones.Backbone:
        """Its line of the table."""
        return backbones.get(self.name)

    @property
    def contract(self) -> Contract:
        """What it expects of a picture."""
        contract = self.row.contract(self.size)
        return contract if self.crop is None else replace(contract, crop_fraction=self.crop)


Parts = tuple[tuple[str, int], ...]
"""The activation and the number of labels of each task of a model; none where there is one softmax."""


@dataclass(frozen=True)
class Prepared:
    """A backbone in the cache."""

    choice: BackboneChoice
    folder: Path
    engine: str
    """Which engine extracts its features."""
    layers: str = "last"
    """What a head reads of it: the ``last`` feature map, its ``blocks``, or ``both``."""
    evening: float = 1.0
    """What the blocks are multiplied by where a head reads both: they vary several times as much as the last
    map, which would hardly count beside them."""

    @property
    def columns(self) -> dict[str, slice]:
        """Which columns of a row of features belong to what; ``blocks`` is missing where there are none."""
        told = json.loads((self.folder / DESCRIPTION).read_text("utf-8"))["features"]
        last, blocks = told["last"], told["blocks"]
        return {"last": slice(0, last)} | ({"blocks": slice(last, last + blocks)} if blocks else {})

    @property
    def scales(self) -> Floats | None:
        """What the features that a head reads were multiplied by, float32 (features,); None: by nothing."""
        if self.evening == 1:
            return None
        columns = self.columns
        scales = np.ones(columns["blocks"].stop, np.float32)
        scales[columns["blocks"]] = self.evening
        return scales

    def reading(self, layers: str, evening: float = 1.0) -> "Prepared":
        """The same backbone, for a head that reads others of its layers."""
        return replace(self, layers=layers, evening=evening)

    @property
    def key(self) -> str:
        """Names the backbone, its weights, its pixels and its engine: equal keys, equal features."""
        return self.folder.name

    def classifier(self, classes: int, hidden: int = 0, parts: Parts = ()) -> Path:
        """The ``.keras`` file of the backbone with an empty head for so many classes."""
        return self.folder / classifier_name(classes, hidden, self.layers, parts)

    def start(self, *, num_threads: int | None = None) -> AbstractEngine:
        """Load the feature extractor: uint8 (n, h, w, 3) -> float32 (n, features)."""
        if self.engine == "keras":
            with native_output_hidden():
                from edgetl.training.keras_engine import KerasEngine  # Keras is loaded for a GPU alone

                return KerasEngine(
                    {"features.keras": (self.folder / "features.keras").read_bytes()}, num_threads=1
                )
        model = {path.name: path.read_bytes() for path in sorted((self.folder / self.engine).iterdir())}
        return engines.start(engines.get(self.engine), model, num_threads=num_threads)


def classifier_name(classes: int, hidden: int = 0, layers: str = "last", parts: Parts = ()) -> str:
    """The file with an empty head for so many classes, with so many hidden units, on such layers.

    Args:
        classes: of all tasks together.
        hidden: units, 0 for none.
        layers: ``last``, ``blocks`` or ``both``.
        parts: the tasks; none: one softmax.
    """
    end = "" if layers == "last" else f"-{layers}"
    if parts:
        # Of many tasks the names would be longer than those of files may be.
        text = "-".join(f"{activation}{count}" for activation, count in parts)
        return f"classifier-tasks-{hashlib.sha256(text.encode()).hexdigest()[:16]}{end}.keras"
    return f"classifier-{classes}{f'-{hidden}' if hidden else ''}{end}.keras"


def choose(
    name: str, *, size: int | None, width: float, weights_file: Path | None, crop: float | None = None
) -> BackboneChoice:
    """Check the user's wishes against the table and find the weights.

    Raises:
        UsageError: no such backbone, size or width.
        WeightsError: no weights to be had; the message names the ways to get some.
    """
    row = backbones.get(name)
    chosen_size = size or row.default_size
    if not row.min_size <= chosen_size <= 1024:
        raise UsageError(
            f"size {chosen_size} is not offered for {name}: choose {row.min_size} to 1024 pixels"
        )
    if width not in row.widths:
        widths = ", ".join(f"{offered:g}" for offered in row.widths)
        raise UsageError(f"width {width:g} is not offered for {name}: choose {widths}")
    return BackboneChoice(name, chosen_size, width, weights.find(row, width, weights_file, chosen_size), crop)


def choose_engine(wanted: str = "auto") -> str:
    """The engine to extract features with.

    Raises:
        UsageError: there is no such engine.
        MissingPackageError: it is not installed.
    """
    if wanted == "auto":
        if has_gpu():
            return "keras"
        wanted = next((name for name in ENGINES if extras.is_installed(name)), "openvino")
    if wanted not in ENGINES:
        raise UsageError(f"feature engine {wanted!r} is not known: choose auto, {', '.join(ENGINES)}")
    if not extras.is_installed(wanted):
        raise MissingPackageError(f"extracting features with {wanted} needs it: pip install 'edgetl[train]'")
    return wanted


def has_gpu() -> bool:
    """Whether a GPU is here that Keras can use; asked of the system, since asking Keras takes seconds."""
    if os.environ.get("KERAS_BACKEND", "tensorflow") == "tensorflow" and extras.version("tensorflow") is None:
        return False  # tensorflow-cpu, whatever the driver shows
    return any(Path("/proc/driver/nvidia/gpus").glob("*"))


def prepare(
    choice: BackboneChoice, *, engine: str, classes: int, progress: Progress, parts: Parts = ()
) -> Prepared:
    """Find the backbone in the cache, or build it there (some seconds, in a process of its own).

    Args:
        choice: the backbone.
        engine: for its features.
        classes: of the empty head that is built with it.
        progress: hears of it.
        parts: the tasks of that head; none: one softmax.

    Raises:
        WeightsError: the weights do not fit the architecture.
        ConversionError: the network could not be turned into the engine's format.
    """
    identity = {"layout": _LAYOUT, "engine": engine, "pixels": choice.contract.pixels_key}
    identity |= {"backbone": choice.name, "size": choice.size, "width": choice.width}
    if choice.weights.path is None:
        with progress.step(f"download weights of {choice.name}"):
            downloaded = isolated.call(
                "edgetl.training.weights:download",
                choice.row,
                choice.width,
                choice.size,
                doing="downloading weights",
            )
        choice = replace(choice, weights=downloaded)
    identity["weights"] = choice.weights.sha256
    digest = hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()
    place = cache.folder() / "backbones" / f"{choice.name}-{digest[:16]}"
    prepared = Prepared(choice, place, engine)
    if not sealed.is_whole(place / DESCRIPTION, f"the cached {choice.name}", progress):
        if choice.weights.path is not None:
            # A full disk, met half-way by an engine written in C++, is an error without a name.
            room = _COPIES * choice.weights.path.stat().st_size
            cache.refuse_without_room(room, f"building {choice.name} takes")
        with (
            progress.step(f"prepare {choice.name} for {engine}"),
            files.new_folder(place, replace=True) as folder,
        ):
            widths = isolated.call(
                "edgetl.training.build:build_backbone",
                choice,
                engine,
                classes,
                folder,
                doing=f"building {choice.name}",
                environment=_backend(engine),
            )
            sealed.seal_file(folder / classifier_name(classes))
            source = asdict(choice.weights)["source"]
            sealed.seal(folder / DESCRIPTION, **identity, source=source, features=widths)
    build_classifier(prepared, classes, 0, progress, parts)
    return prepared


def build_classifier(
    prepared: Prepared, classes: int, hidden: int, progress: Progress, parts: Parts = ()
) -> Path:
    """The file of :meth:`Prepared.classifier`, built (in a process of its own) where it is not there yet."""
    place = prepared.classifier(classes, hidden, parts)
    if not sealed.is_whole_file(place, f"the cached classifier of {classes} classes", progress):
        with progress.step(f"build a classifier of {classes} classes"):
            isolated.call(
                "edgetl.training.build:build_classifier",
                prepared.folder,
                classes,
                hidden,
                prepared.layers,
                parts,
                doing="building the classifier",
                environment=_backend(prepared.engine),
            )
            sealed.seal_file(place)
    return place


def _backend(engine: str) -> dict[str, str]:
    """Keras on OpenVINO loads no TensorFlow: a backbone is ready in a third of the time."""
    return {"KERAS_BACKEND": "openvino"} if engine == "openvino" else {}
