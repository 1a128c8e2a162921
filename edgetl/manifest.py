"""What a bundle says of itself: the dataclasses behind ``manifest.json``, read strictly. numpy-free.

Unknown keys, absolute paths, ``..``, duplicate keys and NaN are refused: a manifest decides which bytes
are handed to an engine written in C++.
"""

import json
import re
import unicodedata
from dataclasses import asdict, dataclass, field
from pathlib import PurePosixPath
from typing import Any

import edgetl
from edgetl import limits, strict_json
from edgetl import tasks as rules
from edgetl.contract import Contract
from edgetl.errors import BundleError
from edgetl.sealing import sealed, unseal
from edgetl.tasks import Task
from edgetl.wording import brief, is_one_line

SCHEMA = 2
"""Version of the layout; a bundle with a higher one was written by a newer edgetl."""
OLDEST = 1
"""The oldest layout that is read: it has no seal, and does not name the documents."""

NAME = "manifest.json"
SIGNATURES = "manifest.dsse.json"
"""Who vouches for the manifest, and so for every file that it names (``edgetl.signing``)."""

_MAX_PATH_BYTES = 200
MAX_FILE_BYTES = 2**32 - 1
"""Of one file: what FAT and a zip hold. A TFLite model has half of that at most."""
_SINCE_2 = ("documents", "compatible", "minimum_edgetl")


@dataclass(frozen=True)
class FileEntry:
    """A file of the bundle and what it must be."""

    path: str
    """Relative to the bundle, with forward slashes."""
    sha256: str
    size_bytes: int

    def __post_init__(self) -> None:
        path = PurePosixPath(self.path)
        if path.is_absolute() or not path.parts or ".." in path.parts or "\\" in self.path:
            raise BundleError(f"the manifest names the file {self.path!r}, which is not inside the bundle")
        # What one file system takes for another name, cuts off, or shows as something else.
        # What begins with a dot is hidden, and half-written things of ours are called so.
        odd = any(part.endswith((".", " ")) or part.startswith((".", " ", "~")) for part in path.parts)
        if odd or not self.path.isprintable() or ":" in self.path or path.as_posix() != self.path:
            raise BundleError(f"the manifest names the file {self.path!r}, which not every disk can hold")
        if len(self.path.encode()) > _MAX_PATH_BYTES:
            raise BundleError(f"the manifest names a file of more than {_MAX_PATH_BYTES} bytes: {self.path}")
        if not re.fullmatch("[0-9a-f]{64}", self.sha256) or not 0 <= self.size_bytes <= MAX_FILE_BYTES:
            raise BundleError(f"the manifest's hash or size of {self.path} is no hash or size")


@dataclass(frozen=True)
class Interval:
    """A figure and its 95 % confidence interval, in the unit of its field."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class TaskScore:
    """How a variant did at one of several tasks, on the pictures that say something of it."""

    name: str
    images: int
    accuracy: Interval
    """As :attr:`Score.accuracy`."""
    drop: Interval
    """As :attr:`Score.drop`."""
    agreement: float
    """As :attr:`Score.agreement`."""


@dataclass(frozen=True)
class Score:
    """How a variant did on pictures it was neither trained nor calibrated on."""

    split: str
    """``test`` or ``val``."""
    images: int
    accuracy: Interval
    """Share of right answers, 0 to 1; Wilson interval. Where a picture may have any number of labels, or
    there are several tasks: F1 over all labels together, the same figure where each picture has one label;
    bootstrap interval."""
    drop: Interval
    """Float Keras accuracy minus the variant's, percentage points, paired on the same images."""
    agreement: float
    """Share of images, 0 to 1, on which top-1 equals the float Keras model's; with any number of labels the
    F1 of the one's labels with the other's."""
    largest_difference: float | None = None
    """Of any probability on any image from the float Keras model's."""
    tasks: tuple[TaskScore, ...] = ()
    """The same of each task; empty where there is but one."""


@dataclass(frozen=True)
class Arithmetic:
    """What a model file computes in, whatever it is called."""

    precision: str
    """``float32``, ``float16``, ``dynamic``, ``int8``, ``int16x8`` or ``mixed``."""
    int8_operators: float
    """Share of the computing operators that are really int8, 0 to 1."""
    int8_macs: float
    """Share of the multiply-accumulates that are really int8, 0 to 1."""
    in_float: tuple[str, ...]
    """The largest operators of an int8 model that stayed in float."""


@dataclass(frozen=True)
class Recorder:
    """What gave the answers that the self-test holds others against."""

    engine: str
    """As ``runtime.engines`` calls it."""
    version: str | None
    """Of its package; None for an engine of our own."""
    machine: str
    """Processor architecture, as ``platform.machine()`` has it: ``x86_64``."""


@dataclass(frozen=True)
class Variant:
    """One model of a bundle."""

    name: str
    """Format and precision: ``tflite-int8``."""
    format: str
    precision: str
    files: tuple[FileEntry, ...]
    score: Score | None
    tolerance: float
    """Largest difference of a probability that the self-test allows on another machine."""
    recipe: str = ""
    """How it was made, in a few words: ``every layer in int8``."""
    arithmetic: Arithmetic | None = None
    """Read back from the file; None when it was not."""
    latency_s: float | None = None
    """Median seconds of one picture on ``Manifest.measured_on`` with one thread; None: not measured."""
    refused: str | None = None
    """Why it failed the gate and was kept all the same (``--keep-failing``); None when it passed."""
    recorded_by: Recorder | None = None
    """Whose answers the self-test has; None where it is not known."""

    @property
    def size_bytes(self) -> int:
        """Size of all its files together."""
        return sum(file.size_bytes for file in self.files)


@dataclass(frozen=True)
class Golden:
    """The self-test that travels with the bundle."""

    pictures: tuple[FileEntry, ...]
    """Encoded pictures, as they were found in the dataset."""
    expected: FileEntry
    """``.npz``: ``pixels`` uint8 (n, h, w, 3), ``keras`` float32 (n, classes); ``probes``, how m mixtures of
    those pictures are made (``runtime/probes.py``), missing where there are none; and one array per variant,
    float32 (n + m, classes)."""


@dataclass(frozen=True)
class Manifest:
    """Everything a device needs to know of a bundle before it opens a model."""

    name: str
    created: str
    """UTC, ISO 8601."""
    edgetl: str
    """Version that wrote the bundle."""
    contract: Contract
    variants: tuple[Variant, ...]
    pick: str
    """Name of the recommended variant."""
    pick_reason: str
    reject_threshold: float | None
    """Scores below it are reported as unknown; None when it was not calibrated."""
    golden: Golden
    measured_on: str | None = None
    """The machine of the latencies, as ``benchmarks.machine`` names it."""
    embedding: bool = False
    """Whether every variant gives the features in front of its head as a second output."""
    exemplars: FileEntry | None = None
    """``.npz``: what the model sees in pictures of its classes, which a class taught on the device must not
    take (``runtime/teaching/exemplars.py``); None when no class can be taught."""
    provenance: dict[str, Any] = field(default_factory=dict)
    """Backbone, weights and their licence, dataset and calibration fingerprints, versions, seed."""
    schema: int = SCHEMA
    tasks: tuple[Task, ...] = ()
    """What is asked of a picture, in the order of the outputs; empty where exactly one of the contract's
    labels holds. An edgetl from before there were tasks refuses a bundle that has some."""
    documents: tuple[FileEntry, ...] = ()
    """What no engine reads: labels, report, bill of materials. With the other entries these are all files of
    the bundle but the manifest and its signatures; empty in layout 1, which did not name them."""
    compatible: tuple[str, ...] = ()
    """Kinds of devices that it is for, as their owner calls them (``settings.Settings.kind``); empty: any."""
    minimum_edgetl: str = "0.1.0"
    """The oldest edgetl that can use it: three numbers with dots."""

    def __post_init__(self) -> None:
        names = [variant.name for variant in self.variants]
        if len(self.contract.labels) < 2:
            raise BundleError("the manifest has fewer than two labels")
        if not names or len(set(names)) != len(names):
            raise BundleError("the manifest names no variant, or one twice")
        if self.pick not in names:
            raise BundleError(f"the manifest picks {self.pick!r}, which is not one of {', '.join(names)}")
        rules.check(self.tasks, self.contract.labels)
        if not re.fullmatch(r"\d{1,6}(\.\d{1,6}){2}", self.minimum_edgetl):
            raise BundleError(f"the manifest needs edgetl {self.minimum_edgetl!r}, which is no version")
        # They stand in lines of ours, which none of them may end or forge.
        texts = [self.name, self.created, self.edgetl, self.pick_reason, self.measured_on or ""]
        texts += self.compatible
        for variant in self.variants:
            texts += variant.name, variant.format, variant.precision, variant.recipe, variant.refused or ""
        if odd := [text for text in texts if not is_one_line(text)]:
            raise BundleError(
                f"the manifest says {brief(odd[0])!r}, and its texts are on one line, without control "
                "characters"
            )
        _check_places([entry.path for entry in self.entries])

    @property
    def entries(self) -> tuple[FileEntry, ...]:
        """Every file that the manifest names, in the order in which a packed bundle has them."""
        exemplars = (self.exemplars,) if self.exemplars is not None else ()
        models = (entry for variant in self.variants for entry in variant.files)
        return (*self.documents, *self.golden.pictures, self.golden.expected, *exemplars, *models)

    def to_json(self) -> str:
        """The text of ``manifest.json``, the inverse of :func:`parse`."""
        value = asdict(self)
        for part in (value, *(variant["score"] or {} for variant in value["variants"])):
            if not part.get("tasks", True):
                del part["tasks"]
        for variant in value["variants"]:
            if variant["recorded_by"] is None:
                del variant["recorded_by"]
        if self.schema > OLDEST:
            return sealed(value)
        kept = {name: part for name, part in value.items() if name not in _SINCE_2}
        return json.dumps(kept, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def _check_places(paths: list[str]) -> None:
    """Refuse names of which one would fall on another's place, on this disk or on one that ignores case.

    Raises:
        BundleError: there are such names.
    """
    taken: dict[str, str] = {_alike(name): name for name in (NAME, SIGNATURES)}
    folders: dict[str, str] = {}
    for path in paths:
        alike = _alike(path)
        if alike in taken or alike in folders:
            raise BundleError(
                f"the manifest names {path!r} and {(taken | folders)[alike]!r}, one place on some disks"
            )
        taken[alike] = path
        for parent in PurePosixPath(path).parents[:-1]:
            name = parent.as_posix()
            if _alike(name) in taken or folders.setdefault(_alike(name), name) != name:
                raise BundleError(
                    f"the manifest's {path!r} lies in a folder whose name stands for something else too"
                )


def _alike(path: str) -> str:
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", path).casefold())


def parse(data: bytes) -> Manifest:
    """Read the bytes of ``manifest.json``.

    Raises:
        BundleError: too large, no JSON, an unknown or missing key, a value of the wrong type, a
            path that leaves the bundle, or a schema newer than this edgetl.
    """
    most = limits.current().manifest_bytes
    if len(data) > most:
        raise BundleError(
            f"the manifest has more than {most} bytes: if its labels are so many, set "
            f"{limits.variable('manifest_bytes')} higher"
        )
    value = strict_json.read(data, "the manifest", max_bytes=most)
    schema = value.get("schema") if isinstance(value, dict) else None
    if isinstance(schema, int) and schema > SCHEMA:
        raise BundleError(
            f"the bundle has schema {schema} and this edgetl reads up to {SCHEMA}: "
            "pip install --upgrade edgetl"
        )
    if type(schema) is not int or schema < OLDEST:
        raise BundleError(f"the manifest's schema is {schema!r}, not {SCHEMA}: it is no edgetl bundle")
    if schema > OLDEST:
        try:
            unseal(data, value, "the manifest")
        except BundleError as error:
            raise BundleError(f"{error}: copy the bundle again, or export it anew") from None
    manifest = strict_json.build(Manifest, value, "manifest")
    if _numbers(manifest.minimum_edgetl) > _numbers(edgetl.__version__):
        raise BundleError(
            f"the bundle needs edgetl {manifest.minimum_edgetl} or newer, and this is {edgetl.__version__}: "
            "pip install --upgrade edgetl"
        )
    return manifest


def _numbers(version: str) -> tuple[int, ...]:
    """The numbers that a version begins with: of ``1.2.3rc1`` 1, 2 and 3."""
    return tuple(map(int, re.findall(r"\d+", version)[:3]))
