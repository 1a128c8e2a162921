"""What the machine itself did is taken out of a comparison, and nothing else is."""

from dataclasses import replace

import bench_reports as make
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgetl.benchmarks.comparing import summary
from edgetl.benchmarks.comparing.compare import compare
from edgetl.benchmarks.comparing.levelling import FOLLOWS, level
from edgetl.benchmarks.running.raw import ProcessRun
from edgetl.benchmarks.running.yardstick import Yardstick

WORK = "20 products"


def beside(process: ProcessRun, *taken_s: float, work: str = WORK) -> ProcessRun:
    """The process with a yardstick laid on after every so many inferences."""
    step = len(process.inference_s) // len(taken_s)
    after = tuple(step * (number + 1) for number in range(len(taken_s)))
    return replace(process, yardstick=Yardstick(work, taken_s, after))


def processes(
    speeds: list[float], *, scale: float = 1.0, follows: float = 1.0, seed: int = 0
) -> list[ProcessRun]:
    """Inferences of 10 ms times ``scale`` on a machine that takes ``speeds`` times as long for everything."""
    random = np.random.default_rng(seed)
    return [
        beside(
            make.process(0.01 * scale * speed**follows * float(np.exp(random.normal(0, 0.001))), seed=number),
            *(1e-4 * speed * np.exp(random.normal(0, 0.001, 5))),
        )
        for number, speed in enumerate(speeds)
    ]


QUICK, SLOW = [1.0, 1.04, 0.97, 1.02], [1.12, 1.2, 1.15, 1.1]


def test_a_machine_that_was_slower_is_not_a_slower_model() -> None:
    a, b = (
        make.report(make.result(processes=processes(QUICK))),
        make.report(make.result(processes=processes(SLOW, seed=1))),
    )
    (pair,) = compare(a, b).pairs
    assert pair.level is not None
    assert pair.level.machine == pytest.approx(np.mean(SLOW) / np.mean(QUICK), rel=0.01)
    assert pair.level.follows == 1.0
    assert pair.ratio is not None
    assert pair.ratio.value == pytest.approx(1.0, abs=0.01)
    assert pair.verdict == "no clear difference"
    assert "the machine itself was 13.4 % slower in B" in summary.text(compare(a, b))


def test_a_slower_model_is_found_on_a_machine_that_grew_faster_by_more() -> None:
    a = make.report(make.result(processes=processes(SLOW)))
    b = make.report(make.result(processes=processes(QUICK, scale=1.1, seed=1)))
    (pair,) = compare(a, b).pairs
    assert pair.verdict == "slower"
    assert pair.ratio is not None
    assert pair.ratio.low < 1.1 < pair.ratio.high


def test_times_that_do_not_follow_the_machine_stay_as_they_are() -> None:
    first, second = processes(QUICK, follows=0.0), processes(SLOW, follows=0.0, seed=1)
    found = level(first, second)
    assert found is not None
    assert found.follows == 0.0
    assert found.first == tuple(pytest.approx(each.inference_s) for each in first)
    (pair,) = compare(
        make.report(make.result(processes=first)), make.report(make.result(processes=second))
    ).pairs
    assert summary.levelled(compare(make.report(make.result(processes=first)), make.report(pair.b))) is None


def test_a_change_in_the_middle_of_a_process_is_taken_out_where_it_happened() -> None:
    steady = [beside(make.process(0.01, seed=number), *[1e-4] * 10) for number in range(4)]
    jumps = []
    for process in steady:
        times = (*process.inference_s[:40], *(2 * time for time in process.inference_s[40:]))
        jumps.append(beside(replace(process, inference_s=times), *[1e-4] * 4, *[2e-4] * 6))
    # Processes that all jump alike do not show how far times follow; one that did not jump does.
    found = level([*jumps[:3], steady[3]], steady)
    assert found is not None
    assert found.follows == 1.0
    assert [float(np.median(times)) for times in found.first] == pytest.approx(
        [float(np.median(times)) for times in found.second], rel=0.001
    )


def test_a_large_change_of_the_machine_widens_the_interval() -> None:
    random = np.random.default_rng(5)
    noisy = [float(np.exp(random.normal(0, 0.02))) for _ in range(8)]
    widths = []
    for times in (1.0, 1.3):
        first = processes([1.0, 1.03, 0.98, 1.01])
        second = processes([times * each for each in (1.02, 0.99, 1.0, 1.03)])
        shaken = [
            replace(process, inference_s=tuple(time * each for time in process.inference_s))
            for process, each in zip((*first, *second), noisy, strict=True)
        ]
        a, b = (make.report(make.result(processes=part)) for part in (shaken[:4], shaken[4:]))
        (pair,) = compare(a, b).pairs
        assert pair.ratio is not None
        widths.append(pair.ratio.high / pair.ratio.low)
    assert widths[1] > 1.05 * widths[0]


@pytest.mark.parametrize(
    "other",
    [
        [make.process(seed=number) for number in range(4)],
        [beside(make.process(seed=number), 1e-4, work="another work") for number in range(4)],
    ],
    ids=["an older report", "another numpy"],
)
def test_without_the_same_yardstick_in_all_processes_nothing_is_levelled(other: list[ProcessRun]) -> None:
    assert level(processes(QUICK), other) is None
    (pair,) = compare(
        make.report(make.result(processes=processes(QUICK))), make.report(make.result(processes=other))
    ).pairs
    assert pair.level is None
    assert pair.ratio is not None


def test_three_processes_in_all_are_too_few_to_learn_from() -> None:
    assert level(processes(QUICK)[:1], processes(SLOW)[:2]) is None


@given(
    speeds=st.lists(st.floats(0.5, 2.0), min_size=4, max_size=10),
    follows=st.sampled_from(FOLLOWS),
    change=st.floats(0.5, 2.0),
)
def test_any_machine_is_taken_out_and_any_change_of_the_model_stays(
    speeds: list[float], follows: float, change: float
) -> None:
    half = len(speeds) // 2
    first = processes(speeds[:half], follows=follows)
    second = processes(speeds[half:], follows=follows, scale=change)
    found = level(first, second)
    assert found is not None
    ratio = np.median(np.concatenate(found.second)) / np.median(np.concatenate(found.first))
    scatter = max(np.std(np.log(part)) for part in (speeds[:half], speeds[half:]))
    if scatter > 0.05:  # else nothing shows how far the times follow
        assert found.follows == follows
        assert ratio == pytest.approx(change, rel=0.02)
