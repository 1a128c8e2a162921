"""What is typed after --assert and --max-regression."""

import bench_reports as make
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgetl.benchmarks.gating import limits
from edgetl.benchmarks.gating.metrics import METRICS
from edgetl.errors import UsageError

MANIFEST = make.manifest()


@given(
    st.sampled_from([name for name, metric in METRICS.items() if not metric.is_share]),
    st.sampled_from(["<", "<=", ">", ">="]),
    st.floats(min_value=-1e6, max_value=1e6),
    st.sampled_from([None, *(variant.name for variant in MANIFEST.variants)]),
    st.sampled_from(["", " ", "  "]),
)
def test_what_is_written_is_understood(
    name: str, comparison: str, bound: float, variant: str | None, space: str
) -> None:
    text = f"{variant}:{space}" if variant else ""
    found = limits.limit(f"{text}{name}{space}{comparison}{space}{bound!r}", MANIFEST)
    assert (found.variant, found.metric.name, found.comparison) == (variant, name, comparison)
    assert found.bound == bound


@pytest.mark.parametrize(
    ("comparison", "kept", "broken"),
    [("<", 29.9, 30.0), ("<=", 30.0, 30.1), (">", 30.1, 30.0), (">=", 30.0, 29.9)],
)
def test_limits_hold_as_they_are_written(comparison: str, kept: float, broken: float) -> None:
    limit = limits.limit(f"p95_ms{comparison}30", MANIFEST)
    assert limit.holds(kept)
    assert not limit.holds(broken)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is no limit: write a metric"),
        ("p95_ms", "is no limit"),
        ("p95_ms=30", "is no limit"),
        ("p95_ms<30ms", "is no limit"),
        ("p95_ms<nan", "is no limit"),
        ("30>p95_ms", "is no limit"),
        ("__import__('os').getcwd()<1", "is no limit"),
        ("p95_ms<30 or 1<2", "is no limit"),
        ("p95<30", "metric 'p95' is not known: choose median_ms, p95_ms, .*; did you mean p95_ms?"),
        ("tflite-int9:p95_ms<30", "variant 'tflite-int9' is not known: .*; did you mean tflite-int8?"),
        ("top1>90", "asks for 90, and top1 is a share between 0 and 1"),
        ("p95_ms<1e999", "asks for 1e999"),
    ],
)
def test_what_cannot_be_a_limit_is_refused_with_the_way_out(text: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        limits.limit(text, MANIFEST)


@given(st.text(max_size=20))
def test_any_other_text_is_refused_with_a_sentence(text: str) -> None:
    refused = ""
    try:
        limits.limit(text, MANIFEST)
    except UsageError as error:
        refused = str(error)
    assert "choose" in refused or "write" in refused


@pytest.mark.parametrize(("text", "share"), [("5%", 0.05), (" 2.5 % ", 0.025), ("1%", 0.01), ("100%", 1.0)])
def test_regressions_are_percentages(text: str, share: float) -> None:
    assert limits.regression(text) == pytest.approx(share)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("5", "no percentage"),
        ("0.05", "no percentage"),
        ("-5%", "no percentage"),
        ("0.5%", "nothing below 1 %"),
    ],
)
def test_what_is_no_percentage_or_too_small_to_tell_is_refused(text: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        limits.regression(text)
