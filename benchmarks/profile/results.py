"""What a profile yields."""

from collections.abc import Sequence
from dataclasses import dataclass

TOP = 10


@dataclass(frozen=True)
class Operator:
    """One operator of a model, as its engine runs it: fused with others, or added by the engine."""

    name: str
    """The engine's name or number of it."""
    kind: str
    """What it computes, in the engine's words: ``Conv``, ``Fully Connected (NC, QS8, QC8W) GEMM``."""
    seconds: float
    """Of one inference, mean. Profiling slows: read it as a share, not as a latency."""
    kernel: str | None
    """The code that ran it, where the engine tells: ``brgconv_avx512_f32``."""
    plain: str | None
    """Why it counts as not accelerated; None when it is."""


@dataclass(frozen=True)
class Kind:
    """All operators of one kind."""

    kind: str
    count: int
    share: float
    """Of the time of all operators, 0 to 1."""


@dataclass(frozen=True)
class Profile:
    """Where one variant spends its time. Shares are of the time of all operators, 0 to 1."""

    variant: str
    engine: str | None
    threads: int | None
    runs: int
    """Inferences that were profiled, after the warm-up; 0 when there are no figures."""
    reason: str | None
    """Why there are no figures here; None when there are."""
    operators: int = 0
    """How many there are."""
    total_s: float = 0.0
    """Of all operators in one inference."""
    top: tuple[Operator, ...] = ()
    """The ten that take longest, the longest first."""
    kinds: tuple[Kind, ...] = ()
    """All kinds, the longest first."""
    plain: tuple[Operator, ...] = ()
    """Those that are not accelerated, the longest first, ten at most."""
    plain_share: float = 0.0
    """Share of all that are not accelerated."""

    def share(self, operator: Operator) -> float:
        """The operator's share of the time."""
        return operator.seconds / self.total_s


def summed_up(variant: str, engine: str, threads: int, runs: int, operators: Sequence[Operator]) -> Profile:
    """The profile of the operators an engine told.

    Args:
        operators: not empty, and together of more than no time.
    """
    ordered = sorted(operators, key=lambda operator: operator.seconds, reverse=True)
    total = sum(operator.seconds for operator in ordered)
    groups: dict[str, list[float]] = {}
    for operator in ordered:
        groups.setdefault(operator.kind, []).append(operator.seconds)
    kinds = [Kind(kind, len(seconds), sum(seconds) / total) for kind, seconds in groups.items()]
    plain = [operator for operator in ordered if operator.plain is not None]
    return Profile(
        variant=variant,
        engine=engine,
        threads=threads,
        runs=runs,
        reason=None,
        operators=len(ordered),
        total_s=total,
        top=tuple(ordered[:TOP]),
        kinds=tuple(sorted(kinds, key=lambda kind: kind.share, reverse=True)),
        plain=tuple(plain[:TOP]),
        plain_share=sum(operator.seconds for operator in plain) / total,
    )
