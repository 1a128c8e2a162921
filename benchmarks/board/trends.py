"""What samples of a machine's state say together: loads, clocks, what slowed it, how its temperature rose."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import numpy as np

from edgetl.benchmarks.board.sampling import Sample
from edgetl.benchmarks.state import THROTTLING

_SPAN_S = 0.4
"""Processor time is counted in ticks of 10 ms: of a shorter span their rounding is a large part."""
_COMPUTING = 0.8
"""Cores of ours from which on a clock counts: an idle core's says nothing."""
_END_S = 60.0
_FEWEST = 10
_STEP_C = 0.55
"""The coarsest sensor of a Pi: 0.538 degrees a step in BCM2837, 0.487 in BCM2711, 0.550 in BCM2712
(``coefficients`` of the thermal zones in the kernel's device trees)."""
_SIGMAS = 2.0


@dataclass(frozen=True)
class Share:
    """How many of all samples were touched."""

    touched: int
    of: int

    @property
    def matters(self) -> bool:
        """Whether it was no blip: twice at least, and more than the 1 in 20 that a p95 leaves out."""
        return self.touched >= 2 and self.touched > 0.05 * self.of


def spans(samples: Sequence[Sample]) -> list[tuple[Sample, Sample]]:
    """Neighbouring samples; those that follow the one before by less than 0.4 s are left out."""
    kept = list(samples[:1])
    for sample in samples[1:]:
        if sample.at_s - kept[-1].at_s >= _SPAN_S:
            kept.append(sample)
    return list(pairwise(kept))


def rate(first: Sample, last: Sample, field: Literal["own_s", "steal_s", "stalled_s"]) -> float | None:
    """Seconds of something in each second from one sample to another; None where it is unknown."""
    before, after = getattr(first, field), getattr(last, field)
    lasted = last.at_s - first.at_s
    return None if before is None or after is None or lasted <= 0 else (after - before) / lasted


def others(first: Sample, last: Sample) -> float | None:
    """Cores that were busy from one sample to another with what is not the benchmark's; None where unknown.

    Slightly below 0 where nothing else runs: the kernel counts the whole and the parts apart.
    """
    if first.busy_s is None or last.busy_s is None:
        return None
    own, lasted = rate(first, last, "own_s"), last.at_s - first.at_s
    return None if own is None else (last.busy_s - first.busy_s) / lasted - own


def busy_clocks(samples: Sequence[Sample]) -> Iterator[tuple[Sample, int]]:
    """The highest clock of all cores at each sample before which the benchmark was computing, in hertz."""
    for first, last in spans(samples):
        own = rate(first, last, "own_s")
        if own is not None and own >= _COMPUTING and last.clocks_hz:
            yield last, max(last.clocks_hz)


def slowdowns(samples: Sequence[Sample]) -> Iterator[tuple[Sample, tuple[str, ...]]]:
    """Each sample with what the firmware says slowed the board at it, or since the sample before.

    The high bits stay set until the board is started anew, so those of the first sample are old.
    """
    old = None
    for sample in samples:
        if sample.throttled is not None:
            since_start = sample.throttled >> 16
            old = since_start if old is None else old
            bits = sample.throttled | since_start & ~old
            yield sample, tuple(word for bit, word in THROTTLING.items() if bits >> bit & 1)
            old |= since_start


def rise_at_end(samples: Sequence[Sample]) -> float | None:
    """How fast the temperature rose in the last minute, or in the second half of a run shorter than two.

    Returns:
        The lower end of the slope's interval of some 95 %, in degrees a minute; None when there are fewer
        than 10 readings, or it rose by less than two steps of the sensor.
    """
    if not samples:
        return None
    since = max(samples[-1].at_s - _END_S, (samples[0].at_s + samples[-1].at_s) / 2)
    told = [
        (sample.at_s - since, sample.temperature_c)
        for sample in samples
        if sample.at_s >= since and sample.temperature_c is not None
    ]
    if len(told) < _FEWEST:
        return None
    seconds, degrees = np.array(told).T
    slope, start = np.polyfit(seconds, degrees, 1)
    if slope * (seconds[-1] - seconds[0]) < 2 * _STEP_C:
        return None
    # The textbook's error of a fitted slope.
    scatter = float(np.sum((degrees - start - slope * seconds) ** 2)) / (len(told) - 2)
    error = (scatter / float(np.sum((seconds - seconds.mean()) ** 2))) ** 0.5
    return 60 * float(slope - _SIGMAS * error)
