"""What measuring costs is itself measured."""

from types import SimpleNamespace

import pytest

from edgetl.benchmarks.running import processes, timer


def test_an_empty_inference_takes_longer_than_reading_the_clock() -> None:
    cost = processes.timer_overhead(None)
    assert cost.resolution_s > 0
    assert 0 < cost.call_s < cost.empty_s


def test_a_coarse_clock_is_told_by_its_own_word(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = SimpleNamespace(
        perf_counter=lambda: 7.0, get_clock_info=lambda name: SimpleNamespace(resolution=0.015)
    )
    monkeypatch.setattr(timer, "time", clock)
    assert timer._resolution() == 0.015
