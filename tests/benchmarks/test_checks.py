"""Advice: a quiet board gets none, and every weakness gets its sentence."""

from dataclasses import replace

import bench_reports as make
import pytest

from edgetl.benchmarks.checks import check
from edgetl.benchmarks.results import BenchReport
from edgetl.benchmarks.running.yardstick import Yardstick
from edgetl.benchmarks.state import State


def states(**last: object) -> tuple[State, State]:
    """A quiet start, and an end that differs from it."""
    return make.QUIET, replace(make.QUIET, **last)  # type: ignore[arg-type]


def of(*processes: object) -> BenchReport:
    return make.report(make.result(processes=processes))  # type: ignore[arg-type]


def test_a_quiet_board_gets_no_advice() -> None:
    assert check(make.report()) == ()


@pytest.mark.parametrize(
    ("report", "sentence"),
    [
        (
            make.report(machine=replace(make.PI, is_board=False, kind="AMD EPYC")),
            "a PC run (AMD EPYC): which variant is fastest can differ on a board",
        ),
        (make.report(states=states(throttled=0x40004)), "slowed while it was measured (throttled)"),
        (make.report(states=states(throttled=0x10000)), "slowed while it was measured (under-voltage)"),
        (
            make.report(states=(replace(make.QUIET, throttled=0x80000),) * 2),
            "slowed since it was started (soft temperature limit), but not while it was measured",
        ),
        (make.report(states=states(temperature_c=62.0)), "the CPU went from 45 to 62 °C"),
        (make.report(machine=replace(make.PI, governor="ondemand")), "governor is ondemand"),
        (
            of(
                *(
                    replace(make.process(seed=n), yardstick=Yardstick("", (1e-4 * (1 + 0.02 * n),), (9,)))
                    for n in range(4)
                )
            ),
            "the machine itself was up to 6 % slower in some processes than in others",
        ),
        (make.report(states=(replace(make.QUIET, load_average=1.7),) * 2), "load average 1.70"),
        (of(replace(make.process(), steady=False)), "still changing when the warm-up ended: tflite-int8"),
        (of(make.process(spread=0.3)), "the times vary by 10 % or more: tflite-int8, 1 thread"),
        (of(make.process(0.0100), make.process(0.0112)), "known to no better than 5 %: tflite-int8"),
        (of(make.process(runs=20)), "too few runs for a p95: tflite-int8, 1 thread; --percentile 95"),
        (of(make.process(first_s=0.2)), "the first inference takes 5 times the median or more"),
    ],
)
def test_every_weakness_gets_one_sentence(report: BenchReport, sentence: str) -> None:
    (advice,) = check(report)
    assert sentence in advice


def test_a_cooler_end_is_no_weakness() -> None:
    assert check(make.report(states=states(temperature_c=38.0))) == ()


def test_unknown_states_are_no_weakness() -> None:
    unknown = State(None, None, None, None)
    assert check(make.report(machine=replace(make.PI, governor=None), states=(unknown, unknown))) == ()


def test_many_rows_with_one_weakness_share_a_sentence() -> None:
    rows = [make.result(f"tflite-{number}", processes=[make.process(runs=20)]) for number in range(5)]
    (advice,) = check(make.report(*rows))
    assert "tflite-2, 1 thread and 2 more" in advice


def test_a_failed_row_needs_no_advice() -> None:
    assert check(make.report(make.failed())) == ()
