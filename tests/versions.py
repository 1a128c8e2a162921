"""Bundles of one name that were exported one after the other."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

from support import write_fake_bundle

from edgetl.bundle import MANIFEST, Bundle


def export(room: Path, number: int, labels: Sequence[str] = ("ant", "bee", "cat"), **changes: object) -> Path:
    """Write the n-th version of a bundle, which gives most of what it has to the label of that number.

    Args:
        room: an empty folder, or one with other versions.
        number: 0 to 27.
        labels: the class names.
        changes: of the manifest.
    """
    room.mkdir(exist_ok=True)
    (room / str(number)).mkdir()
    rest = 0.1 / (len(labels) - 1)
    answer = [0.9 if place == number % len(labels) else rest for place in range(len(labels))]
    folder = write_fake_bundle(room / str(number) / "insects.edgetl", labels=labels, probabilities=answer)
    created = f"2026-11-{1 + number:02}T12:00:00+00:00"
    manifest = dataclasses.replace(Bundle.open(folder).manifest, **{"created": created, **changes})  # type: ignore[arg-type]
    (folder / MANIFEST).write_text(manifest.to_json())
    return folder
