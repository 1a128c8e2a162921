"""``edgetl export --dry-run``: what would be done, what is missing, and how long the last one took."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from edgetl import extras, files
from edgetl.bundle import MANIFEST, SUFFIX, Bundle
from edgetl.converters import jobs, subject
from edgetl.converters.adoption.options import ModelOptions, kind_of
from edgetl.converters.aware import fit
from edgetl.errors import BundleError, EdgetlError, MissingPackageError, RunError, UsageError
from edgetl.reports.units import format_duration
from edgetl.runtime import engines
from edgetl.training import dataset

_NEEDED = ("tensorflow", "keras", "tf2onnx", "onnx", "onnxruntime", "openvino", "nncf", "ai_edge_quantizer")


@dataclass(frozen=True)
class Plan:
    """What an export would do."""

    model: str
    variants: tuple[str, ...]
    photos: str
    """How many calibrate and how many score."""
    out: str
    workers: int
    """Variants made side by side."""
    missing: tuple[str, ...]
    """What would make it fail; empty when nothing stands in the way."""
    last_seconds: float | None
    """What the export took whose bundle stands at ``out``; None when there is none."""

    def lines(self) -> Iterator[tuple[str, str]]:
        """Names and texts to print."""
        yield "model", self.model
        yield "variants", ", ".join(self.variants)
        yield "photos", self.photos
        yield "out", self.out
        yield "at a time", f"{self.workers} variant{'s' if self.workers > 1 else ''}"
        yield "last time", format_duration(self.last_seconds) if self.last_seconds else "no bundle there yet"
        yield "missing", "; ".join(self.missing) or "nothing"


def plan(
    model: str | Path,
    *,
    formats: str | Sequence[str] | None = None,
    precisions: str | Sequence[str] = ("float32", "auto"),
    out: str | Path | None = None,
    data: str | Path | None = None,
    options: ModelOptions | None = None,
    calibration_images: int = 500,
    quantize_aware: bool = False,
    force: bool = False,
) -> Plan:
    """Say what ``export`` would do, with the same arguments; nothing is loaded, converted or written.

    Raises:
        UsageError: a format or precision is not offered.
    """
    source = Path(model)
    planned = jobs.planned(source, formats, precisions)
    missing = [
        f"{package} is not installed: pip install 'edgetl[train]'"
        for package in _NEEDED
        if not extras.is_installed(package)
    ]
    for format_ in dict.fromkeys(format_ for format_, _ in planned):
        try:
            engines.for_format(format_.name)
        except MissingPackageError as error:
            missing.append(str(error))
    photos, place = "unknown", Path(out) if out is not None else None
    try:
        if subject.is_run(source):
            found = subject.of_run(source, data, options)
            place = place or found.place
            gone = [photo.path for photo in (*found.photos, *found.scored) if not photo.path.is_file()]
            if gone:
                raise RunError(
                    f"{gone[0]}, a photo of this run, is gone: give the folder of photos with --data"
                )
            photos = f"{len(found.scored)} {found.split} photos score"
            if quantize_aware:
                fit.check(found, planned)
            if jobs.needs_pictures(planned):
                # Raises where there are too few.
                photos = f"{len(found.calibrating(calibration_images))} calibrate int8, {photos}"
        else:
            kind_of(source)
            place = place or source.resolve().parent / f"{subject.name_of(source)}{SUFFIX}"
            if data is None:
                raise UsageError(f"{source} needs photos to calibrate and to score it: add --data PHOTOS")
            photos = f"{len(dataset.find(data))}, a part of which calibrates int8 and the rest scores"
    except EdgetlError as error:
        missing.append(str(error))
    try:
        if place is not None:
            files.refuse_place(place, replace=force, marker=MANIFEST)
    except UsageError as error:
        missing.append(str(error))
    return Plan(
        model=str(source),
        variants=tuple(f"{format_.name}-{precision}" for format_, precision in planned),
        photos=photos,
        out=str(place) if place else "unknown",
        workers=jobs.workers(),
        missing=tuple(missing),
        last_seconds=_last_seconds(place),
    )


def _last_seconds(place: Path | None) -> float | None:
    if place is None or not (place / MANIFEST).is_file():
        return None
    try:
        seconds = Bundle.open(place, require_signature=False).manifest.provenance.get("seconds")
    except BundleError:
        return None
    return float(seconds) if isinstance(seconds, (int, float)) else None
