"""What a check finds: a sentence, how bad it is, and the photos it is about."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

Severity = Literal["error", "warning", "note"]

SEVERITIES: tuple[Severity, ...] = ("error", "warning", "note")
"""Worst first. An error: training refuses the data or leaves photos out, or its score would be too good. A
warning: something that usually costs accuracy. A note: good to know."""


@dataclass(frozen=True)
class PhotoNote:
    """One photo, file or folder that a finding is about."""

    path: Path
    split: str | None = None
    """``train``, ``val`` or ``test``; None for what is no photo of the dataset."""
    label: str | None = None
    note: str = ""
    """What is special about it, in a few words."""
    group: int | None = None
    """Photos that belong together, such as copies of each other, have the same number."""
    score: float | None = None
    """Figure it was found by; its meaning is the finding's."""

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {
            "path": str(self.path),
            "split": self.split,
            "label": self.label,
            "note": self.note,
            "group": self.group,
            "score": self.score,
        }


@dataclass(frozen=True)
class Finding:
    """Something a check found."""

    kind: str
    """In a few words; the heading of its section: ``unreadable files``."""
    severity: Severity
    title: str
    """What, how many, why it matters and what to do."""
    photos: tuple[PhotoNote, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {
            "kind": self.kind,
            "severity": self.severity,
            "title": self.title,
            "photos": [photo.to_dict() for photo in self.photos],
        }
