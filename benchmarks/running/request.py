"""What the parent asks of a process that measures."""

from dataclasses import dataclass

_SILENCE_S = 600.0
"""A process that says nothing for so long beyond the time it was given hangs."""


@dataclass(frozen=True, kw_only=True)
class ProcessRequest:
    """What every measurement is told; each kind adds its own."""

    bundle: str
    variant: str
    engine: str
    runs: int
    """To measure, at least."""
    seconds: float
    """And for at least that long,"""
    at_most_s: float | None
    """but no longer than that; None for as long as it takes."""
    cores: tuple[int, ...] | None = None
    """Cores to run on; None leaves them to the system."""

    @property
    def what(self) -> str:
        """Who is at fault when no answer comes."""
        return self.engine

    @property
    def limit_s(self) -> float | None:
        """Seconds after which the process hangs; None where runs by number may take as long as they take."""
        return None if self.at_most_s is None and self.runs > 1 else self.seconds + _SILENCE_S
