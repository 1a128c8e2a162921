"""What is asked for becomes the effort of each process, a command that asks for the same, or a refusal."""

import shlex
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgetl.benchmarks import stats
from edgetl.benchmarks.parameters import Effort, Parameters
from edgetl.errors import UsageError

ASKED = Parameters(("tflite-int8",), (1, 2), 4, None, None)


def test_by_default_there_are_enough_runs_for_a_p95_unless_the_model_is_slow() -> None:
    assert ASKED.effort == Effort(runs=15, seconds=0.75, at_most_s=7.5)


def test_a_percentile_that_is_asked_for_has_no_limit() -> None:
    assert replace(ASKED, percentile=99).effort == Effort(runs=75, seconds=0.75, at_most_s=None)


def test_runs_and_duration_replace_the_default() -> None:
    assert replace(ASKED, runs=10).effort == Effort(runs=3, seconds=0.0, at_most_s=None)
    assert replace(ASKED, duration_s=10.0).effort == Effort(runs=1, seconds=2.5, at_most_s=None)
    both = replace(ASKED, duration_s=10.0, percentile=95)
    assert both.effort == Effort(runs=15, seconds=2.5, at_most_s=None)


@given(
    percentile=st.sampled_from([95, 99]),
    rounds=st.integers(min_value=1, max_value=50),
    duration_s=st.none() | st.floats(min_value=0.01, max_value=1e4),
)
def test_the_processes_together_have_enough_runs_for_the_percentile(
    percentile: int, rounds: int, duration_s: float | None
) -> None:
    asked = replace(ASKED, percentile=percentile, rounds=rounds, duration_s=duration_s)
    assert rounds * asked.effort.runs >= stats.samples_needed(percentile / 100)


def test_the_command_has_every_option_that_was_given() -> None:
    asked = Parameters(("a", "b"), (1, 4), 2, 60, 0.5, 95, (1, 4, 8), (1, 2), (2, 3))
    assert shlex.split(asked.command("my bundle")) == [
        *("edgetl", "bench", "my bundle", "--variant", "a", "--variant", "b", "--threads", "1,4"),
        *("--rounds", "2", "--runs", "60", "--duration", "0.5", "--percentile", "95"),
        *("--batch", "4,8", "--workers", "1,2", "--cores", "2,3"),
    ]


def test_the_command_is_short_when_nothing_was_given() -> None:
    assert ASKED.command("b") == "edgetl bench b --variant tflite-int8 --threads 1,2 --rounds 4"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"percentile": 90}, "percentile 90 is not offered: choose 95,99"),
        ({"percentile": 99, "runs": 100}, "100 runs are too few for a p99: ask for 299 or more"),
        ({"batches": (1, 0)}, "batches 1,0 cannot run anything"),
        ({"workers": (2, -1)}, "workers 2,-1 cannot run anything"),
        ({"threads": ()}, "threads none cannot run anything"),
        ({"cores": (100_000,)}, "core"),
    ],
)
def test_refuses_what_measures_nothing(changes: dict[str, object], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        replace(ASKED, **changes).check()  # type: ignore[arg-type]


def test_what_can_be_measured_is_not_refused() -> None:
    replace(ASKED, runs=299, percentile=99, duration_s=1.0, batches=(1, 8), workers=(1, 2)).check()
