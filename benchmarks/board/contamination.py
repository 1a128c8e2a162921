"""What makes the figures of a run invalid: rules on the samples taken while it ran, in one table."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from edgetl.benchmarks.board import trends
from edgetl.benchmarks.board.sampling import Sample
from edgetl.benchmarks.board.trends import Share
from edgetl.benchmarks.state import THROTTLING

_UNDER_VOLTAGE = 0
CLOCK_DROP = 0.05
_MIB = 1 << 20


@dataclass(frozen=True)
class Rule:
    """One line of the table."""

    name: str
    """The rules of one name watch the same thing: the first that finds it speaks for all."""
    threshold: float
    """What is still allowed."""
    unit: str
    source: str
    """Where the threshold comes from."""
    find: Callable[[Sequence[Sample], float], str | None]
    """The reason, with the way out; None when the run is clean, or the data that would tell is missing."""


def contamination(samples: Sequence[Sample], *, names: Sequence[str] | None = None) -> tuple[str, ...]:
    """Why the figures of a run are not to be believed, in the order of the table; see :func:`by_rule`."""
    return tuple(by_rule(samples, names=names).values())


def by_rule(samples: Sequence[Sample], *, names: Sequence[str] | None = None) -> dict[str, str]:
    """The reasons by the names of the rules that were broken; empty when nothing was found.

    Args:
        samples: those taken while it ran, the first at its start and the last at its end.
        names: the rules to apply; None applies all of :data:`RULES`.
    """
    found: dict[str, str] = {}
    for rule in RULES:
        if rule.name in found or (names is not None and rule.name not in names):
            continue
        if (reason := rule.find(samples, rule.threshold)) is not None:
            found[rule.name] = reason
    return found


def _firmware(samples: Sequence[Sample], allowed: float) -> str | None:
    words = [
        word for _, said in trends.slowdowns(samples) for word in said if word != THROTTLING[_UNDER_VOLTAGE]
    ]
    if len(words) <= allowed:
        return None
    return f"the board was slowed while it was measured ({', '.join(dict.fromkeys(words))}): cool it"


def _under_voltage(samples: Sequence[Sample], allowed: float) -> str | None:
    times = sum(THROTTLING[_UNDER_VOLTAGE] in said for _, said in trends.slowdowns(samples))
    if times <= allowed:
        return None
    return "the board had too little voltage while it was measured: give it the power supply made for it"


def _processor(samples: Sequence[Sample], allowed: float) -> str | None:
    counts = [sample.slowed_count for sample in samples if sample.slowed_count is not None]
    times = counts[-1] - counts[0] if counts else 0
    if times <= allowed:
        return None
    return f"the processor slowed itself {times} times for its heat: cool it"


def _others_at_times(samples: Sequence[Sample], allowed: float) -> str | None:
    spans = trends.spans(samples)
    taken = [
        (span, cores) for span in spans if (cores := trends.others(*span)) is not None and cores > allowed
    ]
    if not Share(len(taken), len(spans)).matters:
        return None
    (began, _), _ = taken[0]
    seconds = sum(last.at_s - first.at_s for (first, last), _ in taken)
    return (
        f"other programs took up to {max(cores for _, cores in taken):.1f} cores for {seconds:.1f} of "
        f"{_lasted(samples):.1f} s, from second {began.at_s - samples[0].at_s:.1f} on: stop them"
    )


def _others_on_average(samples: Sequence[Sample], allowed: float) -> str | None:
    cores = trends.others(samples[0], samples[-1]) if samples else None
    if cores is None or cores <= allowed:
        return None
    return f"other programs took {cores:.2f} of a core throughout: stop them"


def _steal(samples: Sequence[Sample], allowed: float) -> str | None:
    cores = _mean(samples, "steal_s")
    if cores is None or cores <= allowed:
        return None
    return f"the host took {cores:.2f} of a core from this virtual machine: measure when it is idle"


def _clock(samples: Sequence[Sample], allowed: float) -> str | None:
    clocks = [clock for _, clock in trends.busy_clocks(samples)]
    slow = [clock for clock in clocks if clock < (1 - allowed) * max(clocks)]
    if not Share(len(slow), len(clocks)).matters:
        return None
    return (
        f"the clock changed between {min(slow) / 1e6:.0f} and {max(clocks) / 1e6:.0f} MHz: cool the machine, "
        "or fix it with sudo cpupower frequency-set -g performance"
    )


def _rising(samples: Sequence[Sample], allowed: float) -> str | None:
    rise = trends.rise_at_end(samples)
    if rise is None or rise <= allowed:
        return None
    degrees = [sample.temperature_c for sample in samples if sample.temperature_c is not None]
    return (
        f"the temperature was still rising at the end ({degrees[0]:.0f} to {degrees[-1]:.0f} °C, at least "
        f"{rise:.0f} degrees a minute): measure longer, or see with --soak where it ends"
    )


def _swap(samples: Sequence[Sample], allowed: float) -> str | None:
    moved = [sample.swapped_bytes for sample in samples if sample.swapped_bytes is not None]
    mebibytes = (moved[-1] - moved[0]) / _MIB if moved else 0
    if mebibytes <= allowed:
        return None
    return f"{mebibytes:.0f} MiB went to swap or came back: close other programs, or take a smaller variant"


def _stalled(samples: Sequence[Sample], allowed: float) -> str | None:
    share = _mean(samples, "stalled_s")
    if share is None or share <= allowed:
        return None
    return f"programs waited for memory in {100 * share:.0f} % of the time: close other programs"


def _mean(samples: Sequence[Sample], field: Literal["steal_s", "stalled_s"]) -> float | None:
    return trends.rate(samples[0], samples[-1], field) if samples else None


def _lasted(samples: Sequence[Sample]) -> float:
    return samples[-1].at_s - samples[0].at_s


_PI = "Raspberry Pi documentation, get_throttled"
_FIVE = "a difference of 5 % is to be found, and time follows the clock"
RULES = (
    Rule("throttled", 0, "samples", _PI, _firmware),
    Rule("under-voltage", 0, "samples", _PI, _under_voltage),
    Rule("processor slowed", 0, "times", "Linux, thermal_throttle/package_throttle_count", _processor),
    Rule(
        "others", 0.25, "cores, in more than 1 of 20 spans and twice",
        "three times the largest error of one span (0.08 cores); 1 in 20 is what p95 shows", _others_at_times,
    ),
    Rule(
        "others", 0.1, "cores, on average",
        "at most 10 % of an inference on all cores, which waits for the slowest", _others_on_average,
    ),
    Rule("steal", 0.1, "cores, on average", "as for others: both take the cores away", _steal),
    Rule("clock", CLOCK_DROP, "of the highest, in more than 1 of 20 samples and twice", _FIVE, _clock),
    Rule("rising", 2, "degrees Celsius a minute", "a board without a fan has some 30 degrees to go: it "
         "would be at its limit within a quarter of an hour", _rising),
    Rule("swap", 1, "MiB", "a quiet soak of 60,000 inferences grows by less (DESIGN.md 9.8)", _swap),
    Rule("memory", 0.01, "of the time", "our choice: a fifth of the 5 % that are to be found", _stalled),
)  # fmt: skip
"""All rules, the weightiest first. ``docs/board_state.md`` shows them."""
