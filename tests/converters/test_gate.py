"""The gate says no where a variant is worse than its limits, and says when pictures cannot tell."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgetl.converters.gate import Limits, doubt, refusal
from edgetl.errors import UsageError
from edgetl.manifest import Interval, Score


def score(
    drop: float = 0.0, low: float = -1.0, high: float = 1.0, *, agreement: float = 0.95, images: int = 200
) -> Score:
    return Score("test", images, Interval(0.9, 0.85, 0.93), Interval(drop, low, high), agreement)


def test_the_defaults_are_one_point_and_nine_tenths() -> None:
    limits = Limits()
    assert (limits.max_drop, limits.min_agreement) == (1.0, 0.9)
    assert limits.max_latency_s is None
    assert limits.max_size_bytes is None


@pytest.mark.parametrize("values", [(-0.1, 0.9), (1.0, -0.1), (1.0, 1.01), (math.nan, 0.9), (1.0, math.nan)])
def test_a_drop_or_an_agreement_that_can_be_no_limit_is_refused(values: tuple[float, float]) -> None:
    with pytest.raises(UsageError, match=r"--max-drop .* and --min-agreement .* do not go") as caught:
        Limits(*values)
    assert f"--max-drop {values[0]:g} " in str(caught.value)


@pytest.mark.parametrize("latency", [0.0, -0.01, math.nan])
def test_a_latency_of_nothing_is_no_limit(latency: float) -> None:
    with pytest.raises(UsageError, match="--max-latency and --max-size are above 0"):
        Limits(max_latency_s=latency)


@pytest.mark.parametrize("size", [0, -1])
def test_a_size_of_nothing_is_no_limit(size: int) -> None:
    with pytest.raises(UsageError, match="--max-latency and --max-size are above 0"):
        Limits(max_size_bytes=size)


def test_the_ends_of_the_scales_are_limits() -> None:
    assert refusal("tflite-int8", score(0.0, agreement=1.0), Limits(0.0, 1.0)) is None
    assert refusal("tflite-int8", score(100.0, agreement=0.0), Limits(100.0, 0.0)) is None


def test_a_loss_is_refused_by_name_figure_and_limit() -> None:
    told = refusal("tflite-int8", score(2.6), Limits(max_drop=1.5))
    assert told == "tflite-int8 loses 2.6 points, more than --max-drop 1.5"


def test_other_answers_are_refused_though_as_many_are_right() -> None:
    told = refusal("onnx-int8", score(-0.5, agreement=0.875), Limits())
    assert told == "onnx-int8 agrees on 87.5 % of the pictures, less than --min-agreement 0.9"


def test_the_loss_is_named_first_where_both_are_broken() -> None:
    told = refusal("onnx-int8", score(9.0, agreement=0.2), Limits())
    assert told is not None
    assert "loses 9.0 points" in told
    assert "agrees" not in told


@given(
    drop=st.floats(-100, 100),
    agreement=st.floats(0, 1),
    most=st.floats(0, 100),
    least=st.floats(0, 1),
)
def test_what_passes_is_within_both_limits_and_nothing_else(
    drop: float, agreement: float, most: float, least: float
) -> None:
    within = drop <= most and agreement >= least
    told = refusal("a", score(drop, agreement=agreement), Limits(most, least))
    assert (told is None) == within


def test_few_pictures_leave_doubt_and_are_counted() -> None:
    told = doubt(score(0.0, -2.0, 2.5, images=60), Limits())
    assert told == "60 pictures are too few to tell that from the limit of 1"


@pytest.mark.parametrize(("low", "high"), [(-0.5, 0.9), (1.1, 4.0)])
def test_an_interval_on_one_side_of_the_limit_leaves_no_doubt(low: float, high: float) -> None:
    assert doubt(score((low + high) / 2, low, high), Limits()) is None


@given(st.floats(-100, 0), st.floats(0, 100), st.floats(0, 100), st.integers(1, 10))
def test_answers_that_are_all_the_same_leave_no_doubt(
    low: float, high: float, limit: float, images: int
) -> None:
    same = score(0.0, low, high, agreement=1.0, images=images)
    assert doubt(same, Limits(max_drop=limit)) is None


@given(low=st.floats(-100, 100), width=st.floats(0, 100), limit=st.floats(0, 100))
def test_there_is_doubt_where_the_limit_lies_within_the_interval(
    low: float, width: float, limit: float
) -> None:
    told = doubt(score(low, low, low + width), Limits(max_drop=limit))
    assert (told is not None) == (low <= limit <= low + width)
