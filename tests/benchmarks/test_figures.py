"""From raw times to figures."""

from dataclasses import replace

import bench_reports as make
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgetl.benchmarks.figures import of_latency, of_throughput
from edgetl.benchmarks.running.raw import ThroughputRun


def test_memory_is_split_into_loading_and_running() -> None:
    figures = of_latency([make.process(), make.process()])
    assert (figures.loading_bytes, figures.running_bytes) == (20_000_000, 8_000_000)
    assert (figures.load_peak_bytes, figures.peak_bytes) == (66_000_000, 70_000_000)


def test_peaks_are_those_of_the_worst_process() -> None:
    worst = replace(make.process(), peak_bytes=90_000_000, load_peak_bytes=80_000_000)
    figures = of_latency([make.process(), worst])
    assert (figures.load_peak_bytes, figures.peak_bytes) == (80_000_000, 90_000_000)


def test_unknown_memory_is_none_and_not_zero() -> None:
    unknown = dict.fromkeys(("rss_before_bytes", "rss_after_bytes", "rss_steady_bytes", "load_peak_bytes"))
    figures = of_latency([replace(make.process(), peak_bytes=None, **unknown)])  # type: ignore[arg-type]
    assert (figures.loading_bytes, figures.running_bytes) == (None, None)
    assert (figures.peak_bytes, figures.load_peak_bytes) == (None, None)


@pytest.mark.parametrize(("runs", "known"), [(298, False), (299, True)])
def test_p99_needs_299_runs(runs: int, known: bool) -> None:
    assert (of_latency([make.process(runs=runs)]).p99_s is not None) is known


def test_without_stages_the_way_from_the_file_is_unknown() -> None:
    figures = of_latency([replace(make.process(), stages=None)])
    assert (figures.decode_s, figures.total_s) == (None, None)


turns = st.lists(st.floats(min_value=1e-4, max_value=10), min_size=1, max_size=20).map(tuple)


@given(st.lists(turns, min_size=1, max_size=5), st.integers(min_value=1, max_value=8))
def test_throughput_is_all_pictures_over_all_time_of_a_process(
    processes: list[tuple[float, ...]], workers: int
) -> None:
    figures = of_throughput([ThroughputRun(times, (1.0,), True, None) for times in processes], workers)
    rates = [workers * len(times) / sum(times) for times in processes]
    rate = figures.pictures_per_s
    assert (rate.low, rate.high) == (min(rates), max(rates))
    assert rate.low <= rate.value <= rate.high
    assert figures.pictures == workers * sum(map(len, processes))
    assert figures.peak_bytes is None
