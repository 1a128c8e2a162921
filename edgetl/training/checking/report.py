"""What a check gives back."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgetl.training.checking.findings import SEVERITIES, Finding, Severity

SCHEMA = 1


@dataclass(frozen=True)
class CheckReport:
    """What ``edgetl check`` found."""

    data: Path
    """The folder or CSV file."""
    root: Path
    """What the photos lie below."""
    created: str
    """When, in UTC."""
    photos: Mapping[str, int]
    """How many that can be decoded are in ``train``, ``val`` and ``test``."""
    labels: tuple[str, ...]
    findings: tuple[Finding, ...]
    """Worst first."""
    features: bool
    """Whether they were computed: without, shift, suspects and near duplicates are not looked for."""
    fixable: int
    """Files that ``--fix`` would move away, or lines that it would take out of the CSV file."""
    moved: tuple[Path, ...]
    """Where the files stood that it moved, or that it took out."""
    fixed: Path | None
    """The quarantine folder that they are in now, or the new CSV file; None where nothing was fixed."""
    left: tuple[Finding, ...]
    """Errors that are there still: those that fixing did not mend, and all where nothing was fixed."""
    seconds: float

    def of(self, severity: Severity) -> tuple[Finding, ...]:
        """The findings of one severity."""
        return tuple(finding for finding in self.findings if finding.severity == severity)

    @property
    def passed(self) -> bool:
        """Whether there was no error."""
        return not self.of("error")

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {
            "schema": SCHEMA,
            "data": str(self.data),
            "created": self.created,
            "photos": dict(self.photos),
            "labels": list(self.labels),
            "passed": self.passed,
            "counts": {severity: len(self.of(severity)) for severity in SEVERITIES},
            "findings": [finding.to_dict() for finding in self.findings],
            "features": self.features,
            "fixable": self.fixable,
            "moved": [str(path) for path in self.moved],
            "fixed": str(self.fixed) if self.fixed else None,
            "left": [finding.kind for finding in self.left],
            "seconds": self.seconds,
        }
