"""The gate: which variants are too much worse than the trained model to be handed over."""

from dataclasses import dataclass

from edgetl.errors import UsageError
from edgetl.manifest import Score, TaskScore
from edgetl.reports.units import format_share


@dataclass(frozen=True)
class Limits:
    """What a variant may lose, and what the recommended one may take."""

    max_drop: float = 1.0
    """Percentage points of accuracy."""
    min_agreement: float = 0.9
    """Share of the pictures, 0 to 1, on which top-1 must be the trained model's. Where pictures are few,
    as many answers may turn right as turn wrong by luck: the drop is then small, and the model another."""
    max_latency_s: float | None = None
    """Median seconds of one picture, measured on this machine with one thread; for the pick alone."""
    max_size_bytes: int | None = None
    """Of a variant's files together; for the pick alone."""

    def __post_init__(self) -> None:
        # Written so that nan, which is neither above nor below, is refused too.
        if not (self.max_drop >= 0 and 0 <= self.min_agreement <= 1):
            raise UsageError(
                f"--max-drop {self.max_drop:g} and --min-agreement {self.min_agreement:g} do not go: "
                "the first is 0 points or more, the second 0 to 1"
            )
        given = [limit for limit in (self.max_latency_s, self.max_size_bytes) if limit is not None]
        if not all(limit > 0 for limit in given):
            raise UsageError("--max-latency and --max-size are above 0")


def refusal(name: str, score: Score, limits: Limits) -> str | None:
    """Why a variant fails, or None when it is within the limits, at every task where there are several."""
    for task in score.tasks:
        if reason := _refusal(f"{name} at the task {task.name!r}", task, limits):
            return reason
    return _refusal(name, score, limits)


def _refusal(name: str, score: Score | TaskScore, limits: Limits) -> str | None:
    if score.drop.value > limits.max_drop:
        return f"{name} loses {score.drop.value:.1f} points, more than --max-drop {limits.max_drop:g}"
    if score.agreement < limits.min_agreement:
        return (
            f"{name} agrees on {format_share(score.agreement)} of the pictures, "
            f"less than --min-agreement {limits.min_agreement:g}"
        )
    return None


def doubt(score: Score, limits: Limits) -> str | None:
    """Said when the pictures are too few to tell the drop from the limit; None when they are enough."""
    parts: tuple[Score | TaskScore, ...] = (*score.tasks, score)
    unsure = [
        part for part in parts if part.agreement < 1 and part.drop.low <= limits.max_drop <= part.drop.high
    ]
    if not unsure:
        return None
    return f"{unsure[0].images} pictures are too few to tell that from the limit of {limits.max_drop:g}"
