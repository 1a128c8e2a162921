"""Units at the edge."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgetl.manifest import Interval
from edgetl.reports import units


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.0382, "38.2 ms"),
        (0.000214, "0.214 ms"),
        (0.4121, "412 ms"),
        (0.99949, "999 ms"),
        (0.9996, "1.00 s"),
        (12.34, "12.3 s"),
        (0.0, "0.000 ms"),
        (None, "–"),
    ],
)
def test_durations_have_three_digits(seconds: float | None, text: str) -> None:
    assert units.format_duration(seconds) == text


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (4_623_000, "4.62 MB"),
        (999_700, "1.00 MB"),
        (999_400, "999 kB"),
        (12, "12 bytes"),
        (25_276_502_016, "25.3 GB"),
        (None, "–"),
    ],
)
def test_sizes_are_decimal(size: int | None, text: str) -> None:
    assert units.format_size(size) == text


def test_an_interval_has_one_unit() -> None:
    assert units.format_duration_interval(Interval(1.0, 0.9, 1.2)) == "0.900 – 1.20 s"
    assert units.format_duration_interval(None) == "–"


def test_shares_are_per_cent() -> None:
    assert units.format_share(0.9477) == "94.8 %"
    assert units.format_share_interval(Interval(0.9, 0.82, 0.9501)) == "82.0 – 95.0 %"
    assert (units.format_share(None), units.format_share_interval(None)) == ("–", "–")


@pytest.mark.parametrize(
    ("points", "text"), [(-0.31, "−0.3"), (1.26, "+1.3"), (-0.04, "0.0"), (0.0, "0.0"), (None, "–")]
)
def test_points_have_a_sign_unless_they_are_none(points: float | None, text: str) -> None:
    assert units.format_points(points) == text


@given(st.floats(min_value=1e-3, max_value=1e6))
def test_numbers_keep_their_value_to_three_digits(value: float) -> None:
    assert float(units.format_number(value)) == pytest.approx(value, rel=6e-3, abs=5e-4)
