"""Sampling: what a sample holds, which are handed out, and what the sampling cost."""

import json
import threading
import time
from dataclasses import asdict
from pathlib import Path

import pytest
from boards import write, write_board
from sampled import write_load

from edgetl.benchmarks.board.contamination import contamination
from edgetl.benchmarks.board.power import FileMeter
from edgetl.benchmarks.board.sampling import Sampler

CPU = "sys/devices/system/cpu"


@pytest.fixture
def pi(tmp_path: Path) -> Path:
    return write_load(write_board(tmp_path, "pi4"), busy=1000, own=250)


def test_a_sample_of_a_board_holds_all_that_it_tells(pi: Path) -> None:
    write(pi, {f"{CPU}/cpu1/cpufreq/scaling_cur_freq": "600000\n"})
    with Sampler(root=pi, pid=100) as sampler:
        pass
    first, last = sampler.samples()
    assert first.clocks_hz == (1_800_000_000, 600_000_000, 1_800_000_000, 1_800_000_000)
    assert (first.governor, first.temperature_c, first.throttled) == ("ondemand", 48.277, 0)
    assert (first.busy_s, first.own_s, first.swapped_bytes) == (10.0, 2.5, 0)
    assert (first.slowed_count, first.power_w) == (None, None)
    assert last.at_s >= first.at_s


def test_a_pc_that_slowed_itself_is_seen(tmp_path: Path) -> None:
    write(tmp_path, {f"{CPU}/cpu0/thermal_throttle/package_throttle_count": "7\n"})
    with Sampler(root=tmp_path) as sampler:
        assert sampler.samples()[0].slowed_count == 7


def test_samples_are_json(pi: Path) -> None:
    with Sampler(root=pi, pid=100) as sampler:
        sampler.mark()
    told = [asdict(sample) for sample in sampler.samples()]
    assert [row["temperature_c"] for row in json.loads(json.dumps(told))] == [48.277] * 3


def test_marks_are_the_ends_of_what_is_handed_out(pi: Path) -> None:
    with Sampler(root=pi, pid=100, interval_s=60) as sampler:
        start = sampler.mark()
        end = sampler.mark()
    assert [sample.at_s for sample in sampler.samples(start, end)] == [start, end]
    assert len(sampler.samples()) == 4


def test_samples_are_taken_while_the_block_runs(pi: Path) -> None:
    with Sampler(root=pi, pid=100, interval_s=0.001) as sampler:
        while len(sampler.samples()) < 5:
            time.sleep(0.001)
    times = [sample.at_s for sample in sampler.samples()]
    assert times == sorted(times)
    assert not [thread for thread in threading.enumerate() if thread.name == "edgetl-state"]


def test_the_cost_is_what_the_samples_took(pi: Path) -> None:
    with Sampler(root=pi, pid=100, interval_s=0.001) as sampler:
        while len(sampler.samples()) < 5:
            time.sleep(0.001)
    cost = sampler.cost()
    taken = sampler.samples()
    lasted = taken[-1].at_s - taken[0].at_s
    assert cost.samples == len(taken)
    assert min(sample.cost_s for sample in taken) <= cost.each_s <= max(sample.cost_s for sample in taken)
    assert cost.cores == pytest.approx(sum(sample.cost_s for sample in taken) / lasted)


def test_a_power_reading_is_used_once(pi: Path) -> None:
    write(pi, {"power1_input": "5250000\n"})
    meter = FileMeter(pi / "power1_input", "a sensor", 1e-6, interval_s=0.001)
    with Sampler(root=pi, pid=100, interval_s=60, meter=meter) as sampler:
        while sampler.samples()[-1].power_w is None:
            time.sleep(0.001)
            sampler.mark()
    told = [sample.power_w for sample in sampler.samples() if sample.power_w is not None]
    assert told[0] == 5.25


def test_a_board_on_which_a_load_starts_is_marked_by_its_recorded_files(pi: Path) -> None:
    taken = []
    for second in range(21):
        # Two cores of ours; from second 10 on, another program has a core of its own.
        write_load(pi, busy=1000 + 200 * second + 100 * max(0, second - 10), own=250 + 200 * second)
        with Sampler(root=pi, pid=100, interval_s=60) as sampler:
            taken.append(sampler.samples()[0])
    spaced = [type(sample)(**{**asdict(sample), "at_s": float(n)}) for n, sample in enumerate(taken)]
    assert contamination(spaced[:11]) == ()
    (reason,) = contamination(spaced)
    assert reason == (
        "other programs took up to 1.0 cores for 10.0 of 20.0 s, from second 10.0 on: stop them"
    )
