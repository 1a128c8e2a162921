"""What a soak yields: latency over time, in windows, with the state of the board, and when it throttled."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from edgetl.benchmarks import stats
from edgetl.benchmarks.board import trends
from edgetl.benchmarks.board.contamination import CLOCK_DROP, contamination
from edgetl.benchmarks.board.sampling import Cost, Sample
from edgetl.benchmarks.board.soaking import SoakRequest
from edgetl.benchmarks.state import THROTTLING

_FROM_OUTSIDE = ("others", "steal", "swap", "memory")
"""The rules that say that a curve is not the board's own; what heat and power do is what it shows."""
_HEAT = tuple(word for bit, word in THROTTLING.items() if bit)


@dataclass(frozen=True)
class SoakWindow:
    """One stretch of a soak."""

    start_s: float
    """Since the soak began; likewise the end."""
    end_s: float
    samples: int
    """Inferences."""
    median_s: float
    p95_s: float | None
    """None with fewer than 59 inferences."""
    temperature_c: float | None
    """The last reading in the window, degrees Celsius."""
    clock_hz: int | None
    """The lowest of the readings while it was computing, each the highest of all cores."""
    power_w: float | None
    """Mean of the readings."""

    @property
    def text(self) -> str:
        """One line, for the progress."""
        parts = [f"{self.end_s:.0f} s: {1000 * self.median_s:.1f} ms"]
        parts += [] if self.temperature_c is None else [f"{self.temperature_c:.0f} °C"]
        parts += [] if self.clock_hz is None else [f"{self.clock_hz / 1e6:.0f} MHz"]
        return ", ".join(parts)


@dataclass(frozen=True)
class SoakCurve:
    """A soak of one variant."""

    variant: str
    engine: str
    threads: int
    asked_s: float
    ended: str | None
    """Why it ended before that; None when it did not."""
    windows: tuple[SoakWindow, ...]
    first_s: float
    """Median inference of the first window."""
    sustained_s: float
    """Median of the medians of the last quarter of the windows: what the board keeps up."""
    slowdown: float
    """``sustained_s`` over ``first_s``."""
    throttled_after_s: float | None
    """Seconds until the board throttled; None when it did not, or when it does not tell (``watched``)."""
    throttled_by: str | None
    """What told it."""
    watched: tuple[str, ...]
    """What would have told: ``firmware``, ``processor``, ``clock``; empty where nothing does."""
    contamination: tuple[str, ...]
    """What others did to the machine meanwhile, as in ``contamination.contamination``."""
    sampling: Cost
    """What the sampling itself cost."""


def window_of(told: dict[str, Any], start_s: float, samples: Sequence[Sample]) -> SoakWindow:
    """A window from what the process told of it.

    Args:
        told: ``start_s`` and ``end_s`` by ``time.monotonic()``, and ``inference_s``, not empty.
        start_s: when the soak began, by the same clock.
        samples: those taken in the window.
    """
    times = told["inference_s"]
    degrees = [sample.temperature_c for sample in samples if sample.temperature_c is not None]
    watts = [sample.power_w for sample in samples if sample.power_w is not None]
    return SoakWindow(
        start_s=told["start_s"] - start_s,
        end_s=told["end_s"] - start_s,
        samples=len(times),
        median_s=stats.median(times),
        p95_s=stats.percentile(times, 0.95),
        temperature_c=degrees[-1] if degrees else None,
        clock_hz=min((clock for _, clock in trends.busy_clocks(samples)), default=None),
        power_w=sum(watts) / len(watts) if watts else None,
    )


def curve(
    request: SoakRequest,
    windows: Sequence[SoakWindow],
    samples: Sequence[Sample],
    sampling: Cost,
    ended: str | None,
) -> SoakCurve:
    """The curve of one or more windows, and of the samples from the soak's first moment to its last."""
    last = windows[-max(1, len(windows) // 4) :]
    first_s, sustained_s = windows[0].median_s, stats.median([window.median_s for window in last])
    after_s, by = next(_throttling(samples), (None, None))
    return SoakCurve(
        variant=request.variant,
        engine=request.engine,
        threads=request.threads,
        asked_s=request.seconds,
        ended=ended,
        windows=tuple(windows),
        first_s=first_s,
        sustained_s=sustained_s,
        slowdown=sustained_s / first_s,
        throttled_after_s=after_s,
        throttled_by=by,
        watched=_watched(samples),
        contamination=contamination(samples, names=_FROM_OUTSIDE),
        sampling=sampling,
    )


def _throttling(samples: Sequence[Sample]) -> Iterator[tuple[float, str]]:
    """When the board throttled, since the first sample, and what told so; the earliest sign first."""
    start_s = samples[0].at_s if samples else 0.0
    signs = (*_by_firmware(samples), *_by_processor(samples), *_by_clock(samples))
    yield from sorted((at_s - start_s, by) for at_s, by in signs)


def _by_firmware(samples: Sequence[Sample]) -> Iterator[tuple[float, str]]:
    for sample, words in trends.slowdowns(samples):
        if heat := [word for word in words if word in _HEAT]:
            yield sample.at_s, ", ".join(heat)


def _by_processor(samples: Sequence[Sample]) -> Iterator[tuple[float, str]]:
    told = [(sample.at_s, sample.slowed_count) for sample in samples if sample.slowed_count is not None]
    for at_s, count in told:
        if count > told[0][1]:
            yield at_s, "the processor slowed itself"


def _by_clock(samples: Sequence[Sample]) -> Iterator[tuple[float, str]]:
    highest, low = 0, 0
    for sample, clock in trends.busy_clocks(samples):
        highest = max(highest, clock)
        low = low + 1 if clock < (1 - CLOCK_DROP) * highest else 0
        if low == 2:  # one reading may have met a pause
            yield sample.at_s, f"the clock fell from {highest / 1e6:.0f} to {clock / 1e6:.0f} MHz"


def _watched(samples: Sequence[Sample]) -> tuple[str, ...]:
    told = {
        "firmware": any(sample.throttled is not None for sample in samples),
        "processor": any(sample.slowed_count is not None for sample in samples),
        "clock": next(trends.busy_clocks(samples), None) is not None,
    }
    return tuple(name for name, known in told.items() if known)
