"""What is typed after ``--assert`` and ``--max-regression``, understood without evaluating any of it."""

import difflib
import math
import operator
import re
from collections.abc import Iterable
from dataclasses import dataclass

from edgetl.benchmarks.comparing.compare import MARGIN
from edgetl.benchmarks.gating.metrics import METRICS, Metric
from edgetl.errors import UsageError
from edgetl.manifest import Manifest

_NUMBER = r"[0-9]*\.?[0-9]+"
_LIMIT = re.compile(
    rf"(?:([^:]+):)?\s*(\w+)\s*(<=|>=|<|>)\s*(-?{_NUMBER}(?:e[+-]?[0-9]+)?)\s*", re.IGNORECASE
)
_PERCENT = re.compile(rf"\s*({_NUMBER})\s*%\s*")
_HOLDS = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}


@dataclass(frozen=True)
class Limit:
    """One ``--assert``."""

    text: str
    """As it was typed: ``tflite-int8:p95_ms<30``."""
    variant: str | None
    """The one it is for; None for all that are measured."""
    metric: Metric
    comparison: str
    """``<``, ``<=``, ``>`` or ``>=``."""
    bound: float
    """In the unit of the metric."""

    def holds(self, value: float) -> bool:
        """Whether a value of the metric keeps it."""
        return bool(_HOLDS[self.comparison](value, self.bound))


def limit(text: str, manifest: Manifest) -> Limit:
    """Understand a limit: a metric, a comparison and a number, after ``VARIANT:`` or for all variants.

    Raises:
        UsageError: it cannot be read, or its metric, its variant or its number cannot be.
    """
    match = _LIMIT.fullmatch(text)
    if match is None:
        raise UsageError(
            f"{text!r} is no limit: write a metric, one of < <= > >=, and a number, such as p95_ms<30 or "
            f"{manifest.pick}:top1>0.9; metrics are {', '.join(METRICS)}"
        )
    variant, name, bound = match[1] and match[1].strip(), match[2].lower(), float(match[4])
    _refuse_unknown("metric", name, METRICS)
    if variant is not None:
        _refuse_unknown("variant", variant, [row.name for row in manifest.variants])
    metric = METRICS[name]
    if not math.isfinite(bound) or (metric.is_share and not 0 <= bound <= 1):
        raise UsageError(f"{text!r} asks for {match[4]}, and {name} is {metric.unit}: write one")
    return Limit(text.strip(), variant, metric, match[3], bound)


def regression(text: str) -> float:
    """The share in ``5%``.

    Raises:
        UsageError: it is no percentage, or one so small that ``compare`` never claims it.
    """
    match = _PERCENT.fullmatch(text)
    if match is None:
        raise UsageError(f"{text!r} is no percentage: write one such as 5%")
    share = float(match[1]) / 100
    if share < MARGIN:
        raise UsageError(
            f"a regression of {text} cannot be told from none: compare claims nothing below "
            f"{100 * MARGIN:g} %, so ask for that or more"
        )
    return share


def _refuse_unknown(kind: str, name: str, known: Iterable[str]) -> None:
    names = list(known)
    if name not in names:
        near = difflib.get_close_matches(name, names, n=1)
        hint = f"; did you mean {near[0]}?" if near else ""
        raise UsageError(f"{kind} {name!r} is not known: choose {', '.join(names)}{hint}")
