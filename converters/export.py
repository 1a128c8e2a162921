"""``edgetl export``: a run or a user's own model in, a checked bundle out."""

import time
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed, wait
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgetl import files, isolated
from edgetl.benchmarks import machine
from edgetl.bundle import MANIFEST, Bundle
from edgetl.converters import bundling, calibration, jobs, ladder, subject
from edgetl.converters.adoption.options import ModelOptions
from edgetl.converters.aware import fit
from edgetl.converters.calibration import PixelSet
from edgetl.converters.formats import AUTO, Format
from edgetl.converters.gate import Limits
from edgetl.converters.jobs import Job
from edgetl.converters.pick import pick
from edgetl.converters.request import CALIBRATED, Recipe
from edgetl.converters.subject import Subject
from edgetl.converters.workshop import Attempt, Base, Workshop
from edgetl.errors import ConversionError, GateError, RunError
from edgetl.files import scratch_folder
from edgetl.manifest import Variant
from edgetl.progress import SILENT, Progress
from edgetl.reports.units import format_share, format_size
from edgetl.runtime import engines

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
    quantize_aware: bool = False,
    compatible: Sequence[str] = (),
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
        quantize_aware: fine-tune with simulated int8 where int8 is over the limits without.
        compatible: kinds of devices that the bundle is for, see ``edgetl settings --kind``; none: any.
        force: replace the bundle that stands at ``out``.
        progress: hears of each step and of each variant's score.

    Raises:
        UsageError: a format, precision, number or option is not offered, ``out`` exists, or there are more
            labels than a manifest may hold.
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
    bundling.refuse_strange_kinds(compatible)
    planned = jobs.planned(source, formats, precisions)
    for format_, _ in planned:
        engines.for_format(format_.name)
    with scratch_folder() as scratch:
        if out is not None:
            files.refuse_place(Path(out), replace=force, marker=MANIFEST)
        item = _open(source, data, options, scratch, progress)
        bundling.refuse_too_many_labels(item.contract.labels)
        if quantize_aware:
            fit.check(item, planned)
        place = Path(out) if out is not None else item.place
        files.refuse_place(place, replace=force, marker=MANIFEST)
        jobs.check_space(place, scratch, item, planned, calibration_images)
        for note in item.notes:
            progress.warn(note)
        if item.tasks and embedding:
            progress.warn("the bundle can be taught no classes on the device: it has several tasks or labels")
        count = jobs.workers()
        shop = _workshop(
            item, planned, calibration_images, limits, scratch, progress, embedding, count, quantize_aware
        )
        attempts = _make_all(shop, planned, recipe or Recipe(), count)
        kept = [attempt for attempt in attempts if attempt.reason is None or keep_failing]
        if not kept:
            raise GateError(f"no variant is good enough, and nothing was written: {attempts[0].reason}")
        here = machine.describe().label
        variants = bundling.timed(shop, kept)
        best = pick(variants, limits, here)
        with files.new_folder(place, replace=force, marker=MANIFEST) as bundle:
            seconds = time.perf_counter() - start
            bundling.write(bundle, place.name, shop, kept, variants, best, here, seconds, tuple(compatible))
    rows = tuple(
        Scored(
            next((variant for variant in variants if variant.name == attempt.variant.name), attempt.variant),
            attempt.seconds,
            attempt.reason,
            attempt.doubt,
        )
        for attempt in attempts
    )
    # Nobody can have signed it yet, whatever this machine requires of others' bundles.
    written = Bundle.open(place, require_signature=False)
    return Exported(written, rows, time.perf_counter() - start, best.unmet)


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
    for task in score.tasks:
        text += f"; {task.name} {format_share(task.accuracy.value)} ({task.drop.value:+.1f})"
    if row.reason is not None:
        return f"{text}  FAILED: {row.reason}"
    return text if row.doubt is None else f"{text}; {row.doubt}"


def _open(
    source: Path, data: str | Path | None, options: ModelOptions | None, scratch: Path, progress: Progress
) -> Subject:
    if subject.is_run(source):
        return subject.of_run(source, data, options)
    room = scratch / "own"
    room.mkdir()
    return subject.of_model(source, data, options, room, progress)


def _workshop(
    item: Subject,
    wanted: Sequence[Job],
    calibration_images: int,
    limits: Limits,
    scratch: Path,
    progress: Progress,
    embedding: bool,
    count: int,
    quantize_aware: bool,
) -> Workshop:
    calibrating: PixelSet | None = None
    if jobs.steps(wanted):
        try:
            calibrating = calibration.decode_set(
                item.calibrating(calibration_images),
                item.contract,
                scratch / "calibration.npy",
                what="calibration photos",
                progress=progress,
            )
        except RunError:
            if jobs.needs_pictures(wanted):
                raise
            progress.warn("no photos are left to round weights by: float16 rounds each weight by itself")
    scored = calibration.decode_set(
        item.scored, item.contract, scratch / "scored.npy", what=f"{item.split} photos", progress=progress
    )
    threads = max(1, engines.available_cores() // count)
    return Workshop(
        *(item, calibrating, scored, limits, scratch, progress),
        embedding=embedding,
        threads=threads,
        quantize_aware=quantize_aware,
    )


def _make_all(shop: Workshop, wanted: Sequence[Job], recipe: Recipe, count: int) -> list[Attempt]:
    """Every variant, in the order of the jobs; as many at a time as there are workers."""
    formats = list(dict.fromkeys(format_.name for format_, _ in wanted))
    steps = jobs.steps(wanted)
    # Rounding weights reads the ONNX graph, whatever formats are asked for.
    drawn = formats if "onnx" in formats or shop.calibrating is None else [*formats, "onnx"]
    if shop.quantize_aware and "tflite" not in drawn:
        drawn = [*drawn, "tflite"]
    pool = ThreadPoolExecutor(count)
    started: list[Future[Any]] = []
    try:
        graphs = pool.submit(_graphs, shop, formats, drawn)
        reference = pool.submit(shop.ask_reference)
        started += [graphs, reference]
        folder = graphs.result()
        taught = shop.embedding and not shop.subject.tasks
        noted = pool.submit(shop.note_exemplars, wanted[0][0], folder) if taught else None
        started += [noted] if noted is not None else []
        base = shop.base(shop.subject.model, folder, steps)
        reference.result()

        def make(job: Job) -> Attempt:
            format_, precision = job
            attempt = (
                ladder.climb(format_, shop, base, drawn)
                if precision == AUTO
                else _made(shop, format_, precision, base, recipe, drawn)
            )
            shop.progress.note(describe(attempt))
            return attempt

        # The longest first, so that no core waits for it at the end.
        order = sorted(wanted, key=lambda job: job[1] not in (*CALIBRATED, AUTO))
        futures = {(job[0].name, job[1]): pool.submit(make, job) for job in order}
        started += futures.values()
        # As they end, so that the first that fails is heard of at once.
        for future in as_completed(started):
            future.result()
        return _without_twins([futures[format_.name, precision].result() for format_, precision in wanted])
    except BaseException:
        # Ctrl-C reaches this thread alone; what the others wait for has to be ended.
        pool.shutdown(wait=False, cancel_futures=True)
        isolated.stop_all()
        # A thread may be about to start its next process.
        while wait(started, timeout=0.2).not_done:
            isolated.stop_all()
        raise
    finally:
        pool.shutdown(wait=True)


def _graphs(shop: Workshop, formats: Sequence[str], drawn: Sequence[str]) -> Path:
    """The float graphs; without the one that is only drawn to round weights by, where it cannot be."""
    try:
        return shop.graphs(shop.subject.model, drawn, "write the float graphs")
    except ConversionError as error:
        if list(drawn) == list(formats):
            raise
        shop.progress.warn(f"weights are rounded one by one, for the model has no ONNX graph: {error}")
        return shop.graphs(shop.subject.model, formats, "write the other float graphs")


def _made(
    shop: Workshop, format_: Format, precision: str, base: Base, recipe: Recipe, drawn: Sequence[str]
) -> Attempt:
    attempt = shop.make(format_, precision, base, recipe, _WORDS[precision])
    assert isinstance(attempt, Attempt)  # only the ladder asks for speed
    if precision == "int8" and shop.quantize_aware and attempt.reason is not None:
        return ladder.retrained(format_, shop, base, drawn, attempt)
    return attempt


def _without_twins(attempts: Sequence[Attempt]) -> list[Attempt]:
    """The ladder may end at a precision that was asked for as well: one of the two is enough."""
    return list({attempt.variant.name: attempt for attempt in attempts}.values())
