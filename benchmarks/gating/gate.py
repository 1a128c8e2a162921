"""Limits that a benchmark must keep, for CI: ``edgetl bench --assert "p95_ms<30" --baseline old.json``."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from edgetl.benchmarks.comparing.compare import Pair, Row, compare
from edgetl.benchmarks.comparing.summary import change
from edgetl.benchmarks.gating import limits
from edgetl.benchmarks.reading import read_report
from edgetl.benchmarks.results import BenchReport
from edgetl.errors import GateError, ReportError, UsageError
from edgetl.manifest import Manifest

DEFAULT_MAX_REGRESSION = "5%"


@dataclass(frozen=True)
class Gate:
    """What is asked of a benchmark."""

    limits: tuple[limits.Limit, ...]
    baseline: BenchReport | None
    max_regression: float
    """Share by which a median may be longer than the baseline's."""

    @property
    def asks(self) -> bool:
        """Whether there is anything to hold a report against."""
        return bool(self.limits) or self.baseline is not None


@dataclass(frozen=True)
class Check:
    """What became of one rule for one result."""

    subject: str
    """``tflite-int8, 1 thread``."""
    rule: str
    passed: bool | None
    """None where the rule does not apply."""
    detail: str
    """The value, and why it does or does not do."""


def prepare(
    assertions: Sequence[str], baseline: Path | None, max_regression: str | None, manifest: Manifest
) -> Gate:
    """Understand what was typed and read the baseline, before the minutes of measuring.

    Args:
        assertions: such as ``p95_ms<30`` or ``tflite-int8:top1>0.9``.
        baseline: an earlier report, or its folder.
        max_regression: such as ``5%``, which is what None takes.
        manifest: of the bundle, which knows the variants.

    Raises:
        UsageError: a limit or a percentage that cannot be understood, or a largest regression without a
            baseline.
        ReportError: the baseline is no report.
    """
    if max_regression is not None and baseline is None:
        raise UsageError("--max-regression needs something to compare with: add --baseline")
    return Gate(
        limits=tuple(limits.limit(text, manifest) for text in assertions),
        baseline=None if baseline is None else read_report(baseline),
        max_regression=limits.regression(max_regression or DEFAULT_MAX_REGRESSION),
    )


def evaluate(gate: Gate, report: BenchReport, manifest: Manifest) -> tuple[Check, ...]:
    """Hold a report against the gate.

    What is unknown fails, and so does a result that could not be measured or is invalid: a gate with nothing
    to look at stays shut. Limits are for single pictures, since the times of a batch are those of all of it.
    """
    checks = [*_failures(report)]
    for limit in gate.limits:
        checks += _against_limit(limit, report, manifest)
    if gate.baseline is not None:
        checks += _against_baseline(gate.max_regression, gate.baseline, report)
    return tuple(checks)


def text(checks: Sequence[Check]) -> str:
    """A line for each check."""
    words = {True: "passed ", False: "FAILED ", None: "skipped"}
    return "\n".join(
        f"{words[check.passed]}  {check.subject}: {check.rule}: {check.detail}" for check in checks
    )


def refuse_failed(checks: Sequence[Check]) -> None:
    """Raise if a check failed.

    Raises:
        GateError: with the sentence of each that did.
    """
    failed = [f"{check.subject}: {check.detail}" for check in checks if check.passed is False]
    if failed:
        raise GateError(f"{len(failed)} of {len(checks)} checks failed: {'; '.join(failed)}")


def _failures(report: BenchReport) -> Iterator[Check]:
    rows: tuple[Row, ...] = (*report.results, *report.throughput)
    for result in rows:
        if result.status == "failed":
            yield Check(result.name, "is measured", False, f"it failed: {result.reason}")
        elif result.invalid is not None:
            yield Check(result.name, "is valid", False, f"it is invalid: {result.invalid}")
    if not report.measured:
        yield Check(report.bundle, "is measured", False, "nothing could be measured")


def _against_limit(limit: limits.Limit, report: BenchReport, manifest: Manifest) -> Iterator[Check]:
    asked = [row for row in report.results if limit.variant in (None, row.variant) and row.batch == 1]
    subjects = {limit.metric.subject(row): row for row in asked if row.status == "measured"}
    scores = {variant.name: variant.score for variant in manifest.variants}
    for subject, result in subjects.items():
        value = limit.metric.value(result, scores.get(result.variant))
        if value is None:
            detail = (
                f"{limit.metric.name} is unknown ({limit.metric.unknown}), so {limit.text} cannot be told"
            )
            yield Check(subject, limit.text, False, detail)
        else:
            passed = limit.holds(value)
            words = "as asked" if passed else f"and {limit.text} was asked for"
            yield Check(subject, limit.text, passed, f"{limit.metric.name} is {value:.4g}, {words}")
    if limit.variant is not None and not subjects:
        reason = next((row.reason for row in asked if row.reason), "--variant did not name it")
        yield Check(limit.variant, limit.text, False, f"it was not measured: {reason}")


def _against_baseline(most: float, baseline: BenchReport, report: BenchReport) -> Iterator[Check]:
    rule = f"at most {100 * most:g} % slower than the baseline"
    try:
        comparison = compare(baseline, report)
    except ReportError as error:  # nothing in common
        yield Check(report.bundle, rule, False, f"the baseline (A) does not fit: {error}")
        return
    if comparison.obstacle is not None:
        yield Check(report.bundle, rule, False, f"the baseline (A) does not fit: {comparison.obstacle}")
        return
    for pair in comparison.pairs:
        yield _against_pair(most, pair, rule)
    for result in comparison.only_b:
        yield Check(result.name, rule, None, "the baseline does not have it")


def _against_pair(most: float, pair: Pair, rule: str) -> Check:
    if pair.ratio is None:
        return Check(pair.name, rule, False, f"it cannot be told: {pair.reason}")
    found = f"{pair.verdict}, {change(pair.ratio)}"
    if pair.verdict == "slower" and pair.ratio.value > 1 + most:
        return Check(pair.name, rule, False, f"{found}, and {100 * most:g} % is allowed")
    unsure = "; more --rounds would tell whether it is above the limit" if pair.ratio.high > 1 + most else ""
    return Check(pair.name, rule, True, f"{found}{unsure}")
