"""What the user allows, and which candidates keep to it."""

from collections.abc import Sequence
from dataclasses import dataclass

from edgetl.benchmarks.estimate import boards
from edgetl.errors import GateError, UsageError
from edgetl.manifest import Interval
from edgetl.reports.units import format_duration, format_duration_interval, format_size
from edgetl.training.choosing.candidates import Candidate
from edgetl.training.choosing.latency import Latency


@dataclass(frozen=True)
class Limits:
    """Upper limits; None is none."""

    latency_s: float | None = None
    """Seconds of one picture on the board. The upper end of an estimate's interval must keep to it, so that
    nine boards of ten do; of what is measured here, the median."""
    board: str | None = None
    """Key of the board that latencies are estimated for; None: they are measured on this machine."""
    size_bytes: int | None = None
    """Of the ``.tflite`` file in int8."""

    def check(self) -> None:
        """Refuse what makes no sense.

        Raises:
            UsageError: a limit that is not above 0, or a board that is not known.
        """
        if self.board is not None:
            boards.find(self.board)
        for name, value in (("--max-latency", self.latency_s), ("--max-size", self.size_bytes)):
            if value is not None and value <= 0:
                raise UsageError(f"{name} must be above 0, such as {'30ms' if 'latency' in name else '4MB'}")

    def broken_by(self, candidate: Candidate) -> str | None:
        """Which limit a candidate breaks, in words; None when it keeps to all, or is not measured yet."""
        if self.size_bytes is not None:
            if candidate.size_bytes is None:
                return "its size in int8 is not known"
            if candidate.size_bytes > self.size_bytes:
                return f"{format_size(candidate.size_bytes)} in int8, over {format_size(self.size_bytes)}"
        if self.latency_s is None:
            return None
        if candidate.latency is None:
            return None if self.board is None else f"nothing is known of its latency on a {self.board}"
        bound = _bound(candidate.latency)
        if bound > self.latency_s:
            takes = format_duration(bound)
            said = f"may take {takes}" if candidate.latency.kind == "estimated" else f"took {takes}"
            return f"{said}, over {format_duration(self.latency_s)}"
        return None

    def nothing_fits(self, candidates: Sequence[Candidate], untried: int = 0) -> GateError:
        """The error for when none keeps to the limits: it names the nearest with its figures.

        Args:
            candidates: one or more, all of which break a limit.
            untried: how many others there are.
        """
        wishes = []
        if self.latency_s is not None:
            where = "this machine" if self.board is None else boards.find(self.board).name
            wishes.append(f"--max-latency {format_duration(self.latency_s)} on {where}")
        if self.size_bytes is not None:
            wishes.append(f"--max-size {format_size(self.size_bytes)}")
        nearest = min(candidates, key=self._excess)
        figures = ", and ".join(
            said
            for said in (
                told(nearest.latency) if self.latency_s is not None and nearest.latency else "",
                f"about {format_size(nearest.size_bytes)} in int8" if nearest.size_bytes else "",
            )
            if said
        )
        tried = f" that were tried, of {len(candidates) + untried}," if untried else ""
        return GateError(
            f"none of the {len(candidates)} candidates{tried} keeps to {' and '.join(wishes)}: the nearest "
            f"is {nearest.name}, with {figures or 'nothing known of it'}; allow that, or give weights of a "
            "smaller backbone with --weights"
        )

    def _excess(self, candidate: Candidate) -> float:
        """By which factor the limits are exceeded, at the worst; infinite where a figure is not known."""
        factors = [0.0]
        if self.latency_s is not None:
            factors.append(_bound(candidate.latency) / self.latency_s if candidate.latency else float("inf"))
        if self.size_bytes is not None:
            factors.append((candidate.size_bytes or float("inf")) / self.size_bytes)
        return max(factors)


def told(latency: Latency) -> str:
    """``7.1 ms (6.3 – 8.0 ms), estimated for Raspberry Pi 4B``."""
    interval = format_duration_interval(Interval(latency.seconds, latency.low_s, latency.high_s))
    place = "for" if latency.kind == "estimated" else "on"
    return f"{format_duration(latency.seconds)} ({interval}), {latency.kind} {place} {latency.where}"


def _bound(latency: Latency) -> float:
    return latency.high_s if latency.kind == "estimated" else latency.seconds
