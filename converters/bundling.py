"""Write what an export made as one bundle."""

import json
import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import numpy as np

import edgetl
from edgetl import files, limits, settings
from edgetl.bundle import MANIFEST, SUFFIX, Bundle, entry_of
from edgetl.converters import exemplars, golden, latency, sbom
from edgetl.converters.calibration import PixelSet
from edgetl.converters.pick import Pick
from edgetl.converters.workshop import Attempt, Workshop
from edgetl.errors import UsageError
from edgetl.manifest import Manifest, Variant
from edgetl.reports import pages
from edgetl.runtime import engines
from edgetl.runtime.healthy import recorder
from edgetl.training.run import library_versions
from edgetl.wording import brief, is_one_line, shown

_OTHER_BYTES = 20_000
"""Of a manifest beside its labels, at most: variants, files, provenance."""
_MOST_CLASSES = 40
"""Of a confusion matrix that the manifest holds and a page shows."""


def refuse_too_many_labels(labels: Sequence[str]) -> None:
    """Refuse labels that no manifest may hold, before the minutes of an export.

    Raises:
        UsageError: they are too many.
    """
    most = limits.current().manifest_bytes
    if len(json.dumps(labels, indent=1, ensure_ascii=False).encode()) + _OTHER_BYTES > most:
        name = limits.variable("manifest_bytes")
        raise UsageError(
            f"{len(labels)} labels do not fit into a manifest of {most} bytes: set {name} higher here and on "
            "every device"
        )


def timed(shop: Workshop, kept: Sequence[Attempt]) -> tuple[Variant, ...]:
    """The variants with their latencies, measured side by side with one thread now that nothing else runs."""
    started = {}
    try:
        with shop.progress.step("measure latencies"):
            for attempt in kept:
                row = engines.for_format(attempt.variant.format)
                started[attempt.variant.name] = engines.start(row, attempt.contents, num_threads=1)
            found = latency.measure(started, shop.scored.load()[:1])
    finally:
        for engine in started.values():
            engine.close()
    return tuple(
        replace(
            attempt.variant,
            latency_s=found[attempt.variant.name],
            refused=attempt.reason and _on_one_line(attempt.reason),
            recipe=_on_one_line(attempt.variant.recipe),
            recorded_by=recorder(engines.for_format(attempt.variant.format)),
        )
        for attempt in kept
    )


def refuse_strange_kinds(compatible: Sequence[str]) -> None:
    """Refuse kinds of devices that no device can be.

    Raises:
        UsageError: one is not written as a kind.
    """
    for kind in compatible:
        if not re.fullmatch(settings.KIND, kind):
            raise UsageError(
                f"{brief(kind)!r} is no kind of a device: give 1 to 64 letters, digits and . _ -"
            )


def write(
    folder: Path,
    name: str,
    shop: Workshop,
    kept: Sequence[Attempt],
    variants: tuple[Variant, ...],
    best: Pick,
    here: str,
    seconds: float,
    compatible: tuple[str, ...] = (),
) -> None:
    """Fill the folder that becomes the bundle.

    Args:
        folder: to write into; not yet in its place.
        name: of the folder it will be.
        shop: the model, its photos and its answers.
        kept: what goes into the bundle.
        variants: the same as the manifest has them.
        best: the recommended one.
        here: where the latencies were measured.
        seconds: what the export took.
        compatible: kinds of devices that it is for; none: any.

    Raises:
        WriteError: the disk is full.
    """
    item = shop.subject
    for attempt in kept:
        files.make_folders(folder / attempt.variant.name)
        for name_of_file, content in attempt.contents.items():
            files.write_bytes(folder / attempt.variant.name / name_of_file, content)
    libraries = dict(shop.libraries)
    for attempt in kept:
        libraries |= attempt.libraries
    manifest = Manifest(
        name=_on_one_line(name.removesuffix(SUFFIX)),
        created=datetime.now(timezone.utc).isoformat(timespec="seconds"),
        edgetl=edgetl.__version__,
        contract=item.contract,
        variants=variants,
        pick=best.name,
        pick_reason=_on_one_line(best.reason),
        reject_threshold=item.reject_threshold,
        golden=golden.write(folder, shop.scored, shop.reference, kept),
        measured_on=_on_one_line(here),
        embedding=shop.embedding,
        exemplars=exemplars.write(folder, shop.exemplars),
        tasks=item.tasks,
        compatible=compatible,
        provenance={
            **item.provenance,
            "calibration": _pictures(shop.calibrating),
            "scored": _pictures(shop.scored),
            **_confusion(shop),
            "libraries": {**library_versions(), **libraries},
            "seconds": round(seconds, 1),
        },
    )
    sbom.write(folder, manifest)
    files.write_text(folder / "labels.txt", "\n".join(item.contract.labels) + "\n")
    files.write_text(folder / "report.html", pages.bundle_page(manifest, item.run))
    documents = tuple(entry_of(folder, folder / name) for name in ("labels.txt", "report.html", sbom.NAME))
    files.write_text(folder / MANIFEST, replace(manifest, documents=documents).to_json())
    # What was written can be read back, before it becomes the bundle.
    Bundle.open(folder, require_signature=False)


def _on_one_line(text: str) -> str:
    """As a manifest takes it: the name of a folder, a layer or a machine may hold anything."""
    return text if is_one_line(text) else shown(text)


def _confusion(shop: Workshop) -> dict[str, Any]:
    """Counts of the trained model's answers to the scored pictures, a row for each true class; empty where a
    matrix would be too large to be read."""
    classes = len(shop.subject.contract.labels)
    if classes > _MOST_CLASSES or shop.subject.tasks:
        return {}
    counts = np.zeros((classes, classes), np.int64)
    np.add.at(counts, (shop.scored.truth, shop.reference.argmax(axis=1)), 1)
    return {"confusion": {"split": shop.subject.split, "counts": counts.tolist()}}


def _pictures(pictures: PixelSet | None) -> dict[str, Any]:
    """Fingerprint and class coverage of a set of pictures."""
    if pictures is None:
        return {"images": 0, "fingerprint": None, "classes": 0}
    classes = len({photo.label for photo in pictures.photos})
    return {"images": len(pictures.photos), "fingerprint": pictures.fingerprint, "classes": classes}
