"""Which variants an export makes, how many side by side, and whether the disks have room for them."""

import math
import shutil
from collections.abc import Sequence
from pathlib import Path

from edgetl.converters.formats import AUTO, FORMATS, Format, parse_formats, parse_precisions
from edgetl.converters.request import CALIBRATED
from edgetl.converters.results import Steps
from edgetl.converters.subject import Subject
from edgetl.errors import UsageError, WriteError
from edgetl.reports.units import format_size
from edgetl.runtime import engines

Job = tuple[Format, str]
"""A format and a precision, or ``auto``."""

_MEMORY_PER_WORKER = 3_000_000_000
"""Bytes; a process with TensorFlow and a model in it stays below."""


def planned(source: Path, formats: str | Sequence[str] | None, precisions: str | Sequence[str]) -> list[Job]:
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


def needs_pictures(jobs: Sequence[Job]) -> bool:
    """Whether any of the variants needs calibration pictures, if only to round its int8 weights well."""
    return any(precision in (*CALIBRATED, "dynamic", AUTO) for _, precision in jobs)


def steps(jobs: Sequence[Job]) -> list[Steps]:
    """What weights are rounded to for them, by pictures; float16 does without pictures where it must."""
    found: list[Steps] = ["int8"] if needs_pictures(jobs) else []
    return [*found, "float16"] if any(precision == "float16" for _, precision in jobs) else found


def workers() -> int:
    """How many variants are made side by side: one a core, as far as the memory goes."""
    return max(1, min(engines.available_cores(), _free_memory() // _MEMORY_PER_WORKER))


def _free_memory() -> int:
    """Bytes that can be had without swapping; enough for one worker where nobody says."""
    try:
        lines = Path("/proc/meminfo").read_text("ascii").splitlines()
    except OSError:
        return _MEMORY_PER_WORKER
    # Not "free": what the cache of files holds is given up when it is needed.
    found = [int(line.split()[1]) for line in lines if line.startswith("MemAvailable:")]
    return 1024 * found[0] if found else _MEMORY_PER_WORKER


def check_space(
    place: Path, scratch: Path, item: Subject, jobs: Sequence[Job], calibration_images: int
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
