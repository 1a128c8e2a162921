"""Options with a unit: what is understood, and what the refusal of the rest says."""

import contextlib

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgetl.cli.quantities import BYTES, SECONDS, SHARE


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("30ms", 0.03), ("0.03s", 0.03), ("30 ms", 0.03), (" 1.5S ", 1.5), (".5s", 0.5), ("2MS", 0.002)],
)
def test_times_are_seconds_inside(text: str, seconds: float) -> None:
    assert SECONDS.convert(text, None, None) == pytest.approx(seconds)


@pytest.mark.parametrize(
    ("text", "count"),
    [("4MB", 4_000_000), ("4000kB", 4_000_000), ("0.004GB", 4_000_000), ("4 mb", 4_000_000), ("1.5kb", 1500)],
)
def test_sizes_are_whole_bytes_inside(text: str, count: int) -> None:
    found = BYTES.convert(text, None, None)
    assert found == count
    assert isinstance(found, int)


@pytest.mark.parametrize(("text", "share"), [("5%", 0.05), ("0.5 %", 0.005), ("100%", 1.0)])
def test_shares_are_parts_of_one_inside(text: str, share: float) -> None:
    assert SHARE.convert(text, None, None) == pytest.approx(share)


@pytest.mark.parametrize("text", ["5", "0.05", "-5%", "5%%", "few"])
def test_what_is_no_share_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(click.BadParameter, match="is not a number with one of the units %, such as 5%"):
        SHARE.convert(text, None, None)


@pytest.mark.parametrize(
    "text", ["fast", "", "ms", "30", "30min", "-30ms", "3,5ms", "30ms40ms", "1e3ms", "4MB"]
)
def test_what_is_no_time_is_refused_with_the_units_and_an_example(text: str) -> None:
    with pytest.raises(click.BadParameter) as caught:
        SECONDS.convert(text, None, None)
    told = f"{text!r} is not a number with one of the units ms, s, such as 30ms"
    assert caught.value.message == told


@pytest.mark.parametrize("text", ["small", "4", "4000", "4 M", "4MiB", "-4MB", "30ms", "nanMB", "infMB"])
def test_what_is_no_size_is_refused_with_the_units_and_an_example(text: str) -> None:
    with pytest.raises(click.BadParameter) as caught:
        BYTES.convert(text, None, None)
    told = f"{text!r} is not a number with one of the units kb, mb, gb, such as 4MB"
    assert caught.value.message == told


@given(st.floats(0, 1e6, allow_nan=False), st.sampled_from([("ms", 1e-3), ("s", 1.0)]))
def test_a_number_as_it_is_printed_is_read_back(number: float, unit: tuple[str, float]) -> None:
    text = f"{number:.6f}"
    assert SECONDS.convert(text + unit[0], None, None) == pytest.approx(float(text) * unit[1])


@given(st.text(max_size=12))
def test_any_text_is_a_time_or_refused(text: str) -> None:
    with contextlib.suppress(click.BadParameter):
        assert SECONDS.convert(text, None, None) >= 0


def test_what_a_program_gives_is_taken_as_it_is() -> None:
    assert SECONDS.convert(0.25, None, None) == 0.25
    assert BYTES.convert(4_000_000, None, None) == 4_000_000


def test_the_command_refuses_a_limit_without_unit_before_it_does_anything() -> None:
    from click.testing import CliRunner

    from edgetl.cli.export import command

    done = CliRunner().invoke(command, ["nowhere", "--max-latency", "30"])
    assert done.exit_code == 2
    assert "'30' is not a number with one of the units ms, s, such as 30ms" in done.output
