"""``edgetl export``: a run or a user's own model in, a checked bundle out."""

import math
import os
import shutil
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import edgetl
from edgetl import files, isolated
from edgetl.benchmarks import machine
from edgetl.bundle import MANIFEST, SUFFIX, Bundle
from edgetl.converters import calibration, golden, ladder, latency, subject
from edgetl.converters.adoption.options import ModelOptions
from edgetl.converters.calibration import PixelSet
from edgetl.converters.formats import AUTO, FORMATS, Format, parse_formats, parse_precisions
from edgetl.converters.gate import Limits
from edgetl.converters.pick import Pick, pick
from edgetl.converters.request import CALIBRATED, Recipe
from edgetl.converters.subject import Subject
from edgetl.converters.workshop import Attempt, Base, Workshop
from edgetl.errors import GateError, UsageError, WriteError
from edgetl.manifest import Manifest, Variant
from edgetl.progress import SILENT, Progress
from edgetl.reports import pages
from edgetl.reports.units import format_share, format_size
from edgetl.runtime import engines
from edgetl.training.run import library_versions

_MEMORY_PER_WORKER = 3_000_000_000
"""Bytes; a process with TensorFlow and a model in it stays below."""
_WORDS = {
    "float32": "as it was trained",
    "float16": "weights in half precision",
    "dynamic": "int8 weights, activations quantized as they come",
    "int8": "every layer",
    "int16x8": "int8 weights, 16-bit activations",
}


@dataclass(frozen=True)
class Scored:
    """A variant and how it did; ``reason`` says why it failed the gate, None when it passed."""

    variant: Variant
    seconds: float
    """What converting it took."""
    reason: str | None
    doubt: str | None = None
    """Said when there are too few pictures to tell its drop from the limit."""


@dataclass(frozen=True)
class Exported:
    """What an export did."""

    bundle: Bundle
    scored: tuple[Scored, ...]
    """Every variant, those that failed the gate too."""
    seconds: float
    unmet: str | None = None
    """Which limit of latency or size no variant meets; None when the pick meets all."""

    @property
    def failed(self) -> tuple[Scored, ...]:
        """Those that failed the gate: not in the bundle, or marked in it."""
        return tuple(row for row in self.scored if row.reason is not None)


def export(
    model: str | Path,
    *,
    formats: str | Sequence[str] | None = None,
    precisions: str | Sequence[str] = ("float32", AUTO),
    out: str | Path | None = None,
    data: str | Path | None = None,
    options: ModelOptions | None = None,
    recipe: Recipe | None = None,
    calibration_images: int = 500,
    max_drop: float = 1.0,
    min_agreement: float = 0.9,
    max_latency_s: float | None = None,
    max_size_bytes: int | None = None,
    keep_failing: bool = False,
    embedding: bool = False,
    force: bool = False,
    progress: Progress = SILENT,
) -> Exported:
    """Convert a model to every format and precision asked for, score each, and write a bundle.

    Args:
        model: the folder ``edgetl train`` wrote; or a Keras model, SavedModel folder or ``.onnx`` file.
        formats: any of ``tflite``, ``onnx``, ``openvino``; a list or one text with commas. None takes all
            that can be made of the model.
        precisions: any of ``float32``, ``float16``, ``dynamic``, ``int8``, ``int16x8``, of which each
            format gets those it has, and ``auto``, the first rung of ``ladder.climb`` that is good enough.
        out: the bundle to write; None writes ``RUN/NAME.edgetl``, or beside the user's own model.
        data: where the photos are now, when they have moved since the training; for a user's own model the
            photos to calibrate and to score it on, as a folder of classes or a CSV file.
        options: what the user says of their own model.
        recipe: how ``int8`` and ``int16x8`` are made; ``auto`` has its own.
        calibration_images: photos that int8 is calibrated on, 8 or more.
        max_drop: percentage points; a variant that loses more is not put into the bundle.
        min_agreement: share of pictures, 0 to 1; likewise.
        max_latency_s: seconds of one picture on this machine, which the recommended variant keeps to.
        max_size_bytes: likewise, of its files.
        keep_failing: put variants that failed into the bundle too, marked.
        embedding: add the features in front of the head as a second output of every variant.
        force: replace the bundle that stands at ``out``.
        progress: hears of each step and of each variant's score.

    Raises:
        UsageError: a format, precision, number or option is not offered, or ``out`` exists.
        RunError: no run there, its photos are gone, or too few of them can calibrate.
        DatasetError: the photos given for a model cannot be used.
        MissingPackageError: an engine to score a variant with is not installed.
        ConversionError: a library could not convert the model, or a file is not what it is called.
        GateError: no variant is within the limits; nothing is written.
        WriteError: the disk is full.
    """
    start = time.perf_counter()
    source = Path(model)
    limits = Limits(max_drop, min_agreement, max_latency_s, max_size_bytes)
    jobs = planned(source, formats, precisions)
    for format_, _ in jobs:
        engines.for_format(format_.name)
    with tempfile.TemporaryDirectory(prefix="edgetl-") as folder:
        scratch = Path(folder)
        if out is not None:
            files.refuse_place(Path(out), replace=force, marker=MANIFEST)
        item = _open(source, data, options, scratch, progress)
        place = Path(out) if out is not None else item.place
        files.refuse_place(place, replace=force, marker=MANIFEST)
        _check_space(place, scratch, item, jobs, calibration_images)
        for note in item.notes:
            progress.warn(note)
        count = workers()
        shop = _workshop(item, jobs, calibration_images, limits, scratch, progress, embedding, count)
        attempts = _make_all(shop, jobs, recipe or Recipe(), count)
        kept = [attempt for attempt in attempts if attempt.reason is None or keep_failing]
        if not kept:
            raise GateError(f"no variant is good enough, and nothing was written: {attempts[0].reason}")
        here = machine.describe().label
        variants = _timed(shop, kept)
        best = pick(variants, limits, here)
        with files.new_folder(place, replace=force, marker=MANIFEST) as bundle:
            _write(bundle, place, shop, kept, variants, best, here, embedding, time.perf_counter() - start)
    rows = tuple(
        Scored(
            next((variant for variant in variants if variant.name == attempt.variant.name), attempt.variant),
            attempt.seconds,
            attempt.reason,
            attempt.doubt,
        )
        for attempt in attempts
    )
    return Exported(Bundle.open(place), rows, time.perf_counter() - start, best.unmet)


def planned(
    source: Path, formats: str | Sequence[str] | None, precisions: str | Sequence[str]
) -> list[tuple[Format, str]]:
    """Which variants an export makes, in the order of the manifest.

    Raises:
        UsageError: a format or precision is not offered, or cannot be made of this kind of model, or no
            format has one of the precisions.
    """
    # No maintained converter makes TFLite of ONNX.
    possible = [name for name in FORMATS if source.suffix.lower() != ".onnx" or name != "tflite"]
    rows = parse_formats(possible if formats is None else formats)
    if any(row.name not in possible for row in rows):
        raise UsageError(
            f"{source} is an .onnx file, of which no TFLite file can be made: choose --formats "
            f"{','.join(possible)}, or give the Keras model or SavedModel it was made of"
        )
    return [(row, precision) for row in rows for precision in parse_precisions(precisions, row, rows)]


def describe(row: Scored | Attempt) -> str:
    """One line: what it is, how large, how right, how like the trained model."""
    variant, score = row.variant, row.variant.score
    if score is None:
        raise ValueError(f"{variant.name} has not been scored")
    text = (
        f"{variant.name:<17}{format_size(variant.size_bytes):>9}  "
        f"accuracy {format_share(score.accuracy.value)}  drop {score.drop.value:+.1f} points "
        f"({score.drop.low:+.1f} to {score.drop.high:+.1f})  agreement {format_share(score.agreement)}"
    )
    if row.reason is not None:
        return f"{text}  FAILED: {row.reason}"
    return text if row.doubt is None else f"{text}; {row.doubt}"


def workers() -> int:
    """How many variants are made side by side: one a core, as far as the memory goes."""
    try:
        memory = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):
        memory = _MEMORY_PER_WORKER
    return max(1, min(engines.available_cores(), memory // _MEMORY_PER_WORKER))


def _open(
    source: Path, data: str | Path | None, options: ModelOptions | None, scratch: Path, progress: Progress
) -> Subject:
    if subject.is_run(source):
        return subject.of_run(source, data, options)
    room = scratch / "own"
    room.mkdir()
    return subject.of_model(source, data, options, room, progress)


def _check_space(
    place: Path, scratch: Path, item: Subject, jobs: Sequence[tuple[Format, str]], calibration_images: int
) -> None:
    """See that the disks have room before the slow work starts.

    Raises:
        WriteError: one has not.
    """
    size = sum(path.stat().st_size for path in _all_files(item.model))
    shares = {"float32": 1.0, "float16": 0.5, AUTO: 0.5}
    bundle = sum(size * shares.get(precision, 0.3) for _, precision in jobs)
    pictures = (len(item.scored) + min(calibration_images, len(item.photos))) * math.prod(item.contract.shape)
    nearest = next(parent for parent in place.resolve().parents if parent.is_dir())
    needs = {nearest: bundle, scratch: pictures + 4 * size + bundle}
    for disk, needed in needs.items():
        free = shutil.disk_usage(disk).free
        if free < needed:
            raise WriteError(
                f"{disk} has {format_size(free)} free and the export needs about {format_size(int(needed))} "
                "there: free some space, or choose another "
                + ("--out" if disk == nearest else "folder for scratch files with TMPDIR")
            )


def _all_files(model: Path) -> list[Path]:
    return [model] if model.is_file() else [path for path in model.rglob("*") if path.is_file()]


def _workshop(
    item: Subject,
    jobs: Sequence[tuple[Format, str]],
    calibration_images: int,
    limits: Limits,
    scratch: Path,
    progress: Progress,
    embedding: bool,
    count: int,
) -> Workshop:
    calibrating: PixelSet | None = None
    if needs_pictures(jobs):
        chosen = item.calibrating(calibration_images)
        calibrating = calibration.decode_set(
            chosen,
            item.contract,
            scratch / "calibration.npy",
            what="calibration photos",
            progress=progress,
        )
    scored = calibration.decode_set(
        item.scored, item.contract, scratch / "scored.npy", what=f"{item.split} photos", progress=progress
    )
    threads = max(1, engines.available_cores() // count)
    return Workshop(
        item, calibrating, scored, limits, scratch, progress, embedding=embedding, threads=threads
    )


def needs_pictures(jobs: Sequence[tuple[Format, str]]) -> bool:
    """Whether any of the variants is calibrated."""
    return any(precision in (*CALIBRATED, AUTO) for _, precision in jobs)


def _make_all(
    shop: Workshop, jobs: Sequence[tuple[Format, str]], recipe: Recipe, count: int
) -> list[Attempt]:
    """Every variant, in the order of the jobs; as many at a time as there are workers."""
    formats = list(dict.fromkeys(format_.name for format_, _ in jobs))
    calibrated = needs_pictures(jobs)
    # Rounding weights reads the ONNX graph, whatever formats are asked for.
    drawn = formats if "onnx" in formats or not calibrated else [*formats, "onnx"]
    pool = ThreadPoolExecutor(count)
    try:
        graphs = pool.submit(shop.graphs, shop.subject.model, drawn, "write the float graphs")
        reference = pool.submit(shop.ask_reference)
        base = shop.base(shop.subject.model, graphs.result(), calibrated=calibrated)
        reference.result()

        def make(job: tuple[Format, str]) -> Attempt:
            format_, precision = job
            attempt = (
                ladder.climb(format_, shop, base, drawn)
                if precision == AUTO
                else _made(shop, format_, precision, base, recipe)
            )
            shop.progress.note(describe(attempt))
            return attempt

        # The longest first, so that no core waits for it at the end.
        order = sorted(jobs, key=lambda job: job[1] not in (*CALIBRATED, AUTO))
        futures = {(job[0].name, job[1]): pool.submit(make, job) for job in order}
        # As they end, so that the first that fails is heard of at once.
        for future in as_completed(futures.values()):
            future.result()
        return _without_twins([futures[format_.name, precision].result() for format_, precision in jobs])
    except BaseException:
        # Ctrl-C reaches this thread alone; what the others wait for has to be ended.
        pool.shutdown(wait=False, cancel_futures=True)
        isolated.stop_all()
        raise
    finally:
        pool.shutdown(wait=True)


def _made(shop: Workshop, format_: Format, precision: str, base: Base, recipe: Recipe) -> Attempt:
    attempt = shop.make(format_, precision, base, recipe, _WORDS[precision])
    assert isinstance(attempt, Attempt)  # only the ladder asks for speed
    return attempt


def _without_twins(attempts: Sequence[Attempt]) -> list[Attempt]:
    """The ladder may end at a precision that was asked for as well: one of the two is enough."""
    return list({attempt.variant.name: attempt for attempt in attempts}.values())


def _timed(shop: Workshop, kept: Sequence[Attempt]) -> tuple[Variant, ...]:
    """The variants with their latencies, measured side by side with one thread now that nothing else runs."""
    started = {}
    try:
        with shop.progress.step("measure latencies"):
            for attempt in kept:
                contents = {
                    Path(entry.path).name: (attempt.folder / Path(entry.path).name).read_bytes()
                    for entry in attempt.variant.files
                }
                row = engines.for_format(attempt.variant.format)
                started[attempt.variant.name] = engines.start(row, contents, num_threads=1)
            found = latency.measure(started, shop.scored.load()[:1])
    finally:
        for engine in started.values():
            engine.close()
    return tuple(
        replace(attempt.variant, latency_s=found[attempt.variant.name], refused=attempt.reason)
        for attempt in kept
    )


def _write(
    folder: Path,
    place: Path,
    shop: Workshop,
    kept: Sequence[Attempt],
    variants: tuple[Variant, ...],
    best: Pick,
    here: str,
    embedding: bool,
    seconds: float,
) -> None:
    item = shop.subject
    for attempt in kept:
        (folder / attempt.variant.name).mkdir()
        for entry in attempt.variant.files:
            files.write_bytes(folder / entry.path, (attempt.folder / Path(entry.path).name).read_bytes())
    libraries = dict(shop.libraries)
    for attempt in kept:
        libraries |= attempt.libraries
    manifest = Manifest(
        name=place.name.removesuffix(SUFFIX),
        created=datetime.now(timezone.utc).isoformat(timespec="seconds"),
        edgetl=edgetl.__version__,
        contract=item.contract,
        variants=variants,
        pick=best.name,
        pick_reason=best.reason,
        reject_threshold=item.reject_threshold,
        golden=golden.write(
            folder, shop.scored, shop.reference, {attempt.variant.name: attempt.outputs for attempt in kept}
        ),
        measured_on=here,
        embedding=embedding,
        provenance={
            **item.provenance,
            "calibration": _pictures(shop.calibrating),
            "scored": _pictures(shop.scored),
            "libraries": {**library_versions(), **libraries},
            "seconds": round(seconds, 1),
        },
    )
    files.write_text(folder / MANIFEST, manifest.to_json())
    files.write_text(folder / "labels.txt", "\n".join(item.contract.labels) + "\n")
    files.write_text(folder / "report.html", pages.bundle_page(manifest, item.run))
    Bundle.open(folder)  # what was written can be read back, before it becomes the bundle


def _pictures(pictures: PixelSet | None) -> dict[str, Any]:
    """Fingerprint and class coverage of a set of pictures."""
    if pictures is None:
        return {"images": 0, "fingerprint": None, "classes": 0}
    classes = len({photo.label for photo in pictures.photos})
    return {"images": len(pictures.photos), "fingerprint": pictures.fingerprint, "classes": classes}
