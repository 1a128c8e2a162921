"""``edgetl export``: a run in, a checked bundle out."""

import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import edgetl
from edgetl import files, isolated
from edgetl.bundle import MANIFEST, SUFFIX, Bundle, entry_of
from edgetl.converters import calibration, golden, verification
from edgetl.converters.calibration import PixelSet
from edgetl.converters.formats import Format, parse_formats, parse_precisions
from edgetl.converters.request import ConversionRequest
from edgetl.errors import GateError, RunError, UsageError
from edgetl.manifest import Manifest, Variant
from edgetl.progress import SILENT, Progress
from edgetl.reports import pages
from edgetl.reports.units import format_share, format_size
from edgetl.runtime import engines
from edgetl.training.run import Run, library_versions

TOLERANCES = {"float32": 1e-3, "int8": 0.1}
"""Largest difference of a probability that the self-test allows: sums in another order for float; for
int8 other kernels too, whose rounding moved outputs by up to 5 of 255 steps between engines."""

_PREFERRED = {
    "tflite-int8": "LiteRT runs int8 on every 64-bit Raspberry Pi",
    "onnx-int8": "ONNX Runtime runs int8 on every 64-bit Raspberry Pi",
    # Seen under emulation: on a Cortex-A72 it fails to compile or answers wrongly.
    "openvino-int8": "OpenVINO runs int8 on a Raspberry Pi 5, not on a Pi 4",
    "tflite-float32": "LiteRT runs it on every 64-bit Raspberry Pi",
    "onnx-float32": "ONNX Runtime runs it on every 64-bit Raspberry Pi",
    "openvino-float32": "OpenVINO runs it on every 64-bit Raspberry Pi",
}
"""Which variant is recommended: the first in this order that is within the limits, and why."""


@dataclass(frozen=True)
class Scored:
    """A variant and how it did; ``reason`` says why it is not in the bundle, None when it is."""

    variant: Variant
    seconds: float
    """What converting it took."""
    reason: str | None


@dataclass(frozen=True)
class Exported:
    """What an export did."""

    bundle: Bundle
    scored: tuple[Scored, ...]
    """Every variant, those that failed the gate too."""

    @property
    def failed(self) -> tuple[Scored, ...]:
        """Those that are not in the bundle."""
        return tuple(row for row in self.scored if row.reason is not None)


def export(
    run: str | Path,
    *,
    formats: str | Sequence[str] = ("tflite", "onnx", "openvino"),
    precisions: str | Sequence[str] = ("float32", "int8"),
    out: str | Path | None = None,
    data: str | Path | None = None,
    calibration_images: int = 500,
    max_drop: float = 1.0,
    min_agreement: float = 0.0,
    force: bool = False,
    progress: Progress = SILENT,
) -> Exported:
    """Convert a run to every format and precision asked for, score each, and write a bundle.

    Args:
        run: the folder ``edgetl train`` wrote.
        formats: any of ``tflite``, ``onnx``, ``openvino``; a list or one text with commas.
        precisions: any of ``float32``, ``int8``.
        out: the bundle to write; None writes ``RUN/NAME.edgetl``.
        data: where the photos are now, when they have moved since the training.
        calibration_images: train photos that int8 is calibrated on.
        max_drop: percentage points; a variant that loses more is not put into the bundle.
        min_agreement: share of pictures, 0 to 1; likewise.
        force: replace the bundle that stands at ``out``.
        progress: hears of each step and of each variant's score.

    Raises:
        UsageError: a format, precision or number is not offered, or ``out`` exists.
        RunError: no run there, or its photos are gone.
        MissingPackageError: an engine to score a variant with is not installed.
        ConversionError: a library could not convert the model.
        GateError: no variant is within the limits; nothing is written.
        WriteError: the disk is full.
    """
    rows = list(_plan(parse_formats(formats), precisions))
    if calibration_images < 1 or max_drop < 0 or not 0 <= min_agreement <= 1:
        raise UsageError("calibration images are 1 or more, --max-drop is 0 or more, --min-agreement 0 to 1")
    for format_, _ in rows:
        engines.for_format(format_.name)
    trained = Run.open(run, data=data)
    place = Path(out) if out is not None else trained.path / f"{trained.name}{SUFFIX}"
    files.refuse_place(place, replace=force, marker=MANIFEST)
    split = trained.dataset.scored_split
    with (
        tempfile.TemporaryDirectory(prefix="edgetl-") as scratch,
        files.new_folder(place, replace=force, marker=MANIFEST) as folder,
    ):
        sets = _decode(trained, split, calibration_images, Path(scratch), progress)
        with progress.step(f"ask the Keras model for its answers on {len(sets.scored.photos)} pictures"):
            reference: NDArray[np.float32] = isolated.call(
                "edgetl.training.build:predict",
                trained.model,
                sets.scored.pixels,
                doing="running the Keras model",
            )
        kept: dict[str, NDArray[np.float32]] = {}
        scored: list[Scored] = []
        libraries: dict[str, str] = {}
        for format_, precision in rows:
            variant, seconds, versions = _convert(trained, format_, precision, folder, sets, progress)
            libraries |= versions
            with engines.start(
                engines.for_format(format_.name),
                {Path(file.path).name: (folder / file.path).read_bytes() for file in variant.files},
            ) as engine:
                outputs = verification.answers(engine, sets.scored.load(), variant.name, progress)
            variant = replace(
                variant, score=verification.score(reference, outputs, sets.scored.truth, split=split)
            )
            row = Scored(variant, seconds, _refusal(variant, max_drop, min_agreement))
            scored.append(row)
            progress.note(describe(row))
            if row.reason is None:
                kept[variant.name] = outputs
            else:
                _remove(folder, variant)
        variants = tuple(row.variant for row in scored if row.reason is None)
        if not variants:
            raise GateError(f"no variant is good enough, and nothing was written: {scored[0].reason}")
        pick, reason = _pick(variants, max_drop)
        manifest = Manifest(
            name=place.name.removesuffix(SUFFIX),
            created=datetime.now(timezone.utc).isoformat(timespec="seconds"),
            edgetl=edgetl.__version__,
            contract=trained.contract,
            variants=variants,
            pick=pick,
            pick_reason=reason,
            reject_threshold=trained.description["head"]["reject_threshold"],
            golden=golden.write(folder, sets.scored, reference, kept),
            provenance=_provenance(trained, sets, libraries),
        )
        files.write_text(folder / MANIFEST, manifest.to_json())
        files.write_text(folder / "labels.txt", "\n".join(trained.contract.labels) + "\n")
        files.write_text(folder / "report.html", pages.bundle_page(manifest, trained))
        Bundle.open(folder)  # what was written can be read back, before it becomes the bundle
    return Exported(Bundle.open(place), tuple(scored))


def describe(row: Scored) -> str:
    """One line: what it is, how large, how right, how like the trained model."""
    variant, score = row.variant, row.variant.score
    if score is None:
        raise ValueError(f"{variant.name} has not been scored")
    text = (
        f"{variant.name:<17}{format_size(variant.size_bytes):>9}  "
        f"accuracy {format_share(score.accuracy.value)}  drop {score.drop.value:+.1f} points "
        f"({score.drop.low:+.1f} to {score.drop.high:+.1f})  agreement {format_share(score.agreement)}"
    )
    return text if row.reason is None else f"{text}  LEFT OUT: {row.reason}"


@dataclass(frozen=True)
class _Sets:
    calibration: PixelSet
    scored: PixelSet


def _plan(formats: Sequence[Format], precisions: str | Sequence[str]) -> Iterator[tuple[Format, str]]:
    for format_ in formats:
        for precision in parse_precisions(precisions, format_):
            yield format_, precision


def _decode(trained: Run, split: str, count: int, scratch: Path, progress: Progress) -> _Sets:
    photos = trained.dataset.split(split)
    seen = {photo.sha256 for photo in photos}
    calibrating = [photo for photo in trained.dataset.split("train") if photo.sha256 not in seen]
    if not calibrating:
        raise RunError(
            f"{trained.path} has no train photo that is not in {split} too, so none to calibrate on"
        )
    chosen = calibration.stratified(calibrating, count)
    contract = trained.contract
    return _Sets(
        calibration.decode_set(
            chosen, contract, scratch / "calibration.npy", what="calibration photos", progress=progress
        ),
        calibration.decode_set(
            photos, contract, scratch / "scored.npy", what=f"{split} photos", progress=progress
        ),
    )


def _convert(
    trained: Run, format_: Format, precision: str, folder: Path, sets: _Sets, progress: Progress
) -> tuple[Variant, float, dict[str, str]]:
    name = f"{format_.name}-{precision}"
    room = folder / name
    room.mkdir()
    request = ConversionRequest(
        model=trained.model.resolve(),
        precision=precision,
        out=room.resolve(),
        calibration=sets.calibration.pixels if precision == "int8" else None,
        contract=trained.contract,
    )
    with progress.step(f"convert to {name}"):
        converted = isolated.call(f"{format_.module}:convert", request, doing=f"converting to {name}")
    entries = tuple(entry_of(folder, room / file) for file in converted.files)
    variant = Variant(name, format_.name, precision, entries, score=None, tolerance=TOLERANCES[precision])
    return variant, converted.seconds, converted.libraries


def _refusal(variant: Variant, max_drop: float, min_agreement: float) -> str | None:
    score = variant.score
    if score is None:
        raise ValueError(f"{variant.name} has not been scored")
    if score.drop.value > max_drop:
        return f"{variant.name} loses {score.drop.value:.1f} points, more than --max-drop {max_drop:g}"
    if score.agreement < min_agreement:
        return (
            f"{variant.name} agrees on {format_share(score.agreement)} of the pictures, "
            f"less than --min-agreement {min_agreement:g}"
        )
    return None


def _remove(folder: Path, variant: Variant) -> None:
    for file in variant.files:
        (folder / file.path).unlink()
    (folder / variant.name).rmdir()


def _pick(variants: Sequence[Variant], max_drop: float) -> tuple[str, str]:
    names = {variant.name: variant for variant in variants}
    best = names[next(name for name in _PREFERRED if name in names)]
    smallest = " and is the smallest" if best.size_bytes == min(v.size_bytes for v in variants) else ""
    points = f"{max_drop:g} point{'' if max_drop == 1 else 's'}"
    return best.name, (
        f"{best.name} is within {points} of the trained model{smallest}, and {_PREFERRED[best.name]}"
    )


def _provenance(trained: Run, sets: _Sets, libraries: dict[str, str]) -> dict[str, Any]:
    described = trained.description
    return {
        "run_created": described["created"],
        "backbone": described["backbone"],
        "weights": {key: described["weights"][key] for key in ("source", "licence", "sha256")},
        "dataset": {key: described["dataset"][key] for key in ("fingerprint", "photos")},
        "calibration": {"images": len(sets.calibration.photos), "fingerprint": sets.calibration.fingerprint},
        "scored": {"images": len(sets.scored.photos), "fingerprint": sets.scored.fingerprint},
        "libraries": {**library_versions(), **libraries},
        "seed": described["seed"],
    }
