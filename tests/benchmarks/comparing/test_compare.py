"""Two reports: what is paired, what is tested, what is claimed, and what is said where nothing can be."""

import json
from dataclasses import replace
from pathlib import Path

import bench_reports as make
import numpy as np
import pytest

import edgetl
from edgetl.benchmarks.comparing import summary as compare_summary
from edgetl.benchmarks.comparing.compare import MARGIN, compare
from edgetl.benchmarks.machine import Machine
from edgetl.benchmarks.results import BenchReport, Result
from edgetl.errors import ReportError

PC = Machine(
    **{
        **make.PI.__dict__,
        "kind": "Intel Xeon",
        "is_board": False,
        "cpu": "Intel Xeon",
        "architecture": "x86_64",
    }
)


def result(
    scale: float = 1.0, *, processes: int = 4, scatter: float = 0.002, seed: int = 0, **names: str
) -> Result:
    """A result of 10 ms times ``scale``, whose processes differ by ``scatter``."""
    levels = 0.01 * scale * np.exp(np.random.default_rng(seed).normal(0, scatter, processes))
    runs = [make.process(float(level), seed=seed + number) for number, level in enumerate(levels)]
    return make.result(**names, processes=runs)


def verdict(first: Result, second: Result) -> str | None:
    (pair,) = compare(make.report(first), make.report(second)).pairs
    return pair.verdict


def test_a_slow_down_of_5_percent_is_found() -> None:
    (pair,) = compare(make.report(result(seed=1)), make.report(result(1.05, seed=2))).pairs
    assert pair.verdict == "slower"
    assert pair.ratio is not None
    assert 1 + MARGIN < pair.ratio.low < 1.05 < pair.ratio.high
    assert verdict(result(1.05, seed=2), result(seed=1)) == "faster"


@pytest.mark.parametrize("scatter", [0.0, 0.0002, 0.002, 0.02])
def test_a_slow_down_of_half_a_percent_is_not_claimed_however_sure_it_is(scatter: float) -> None:
    assert verdict(result(scatter=scatter), result(1.005, scatter=scatter, seed=1)) == "no clear difference"


def test_equal_benchmarks_are_called_different_at_most_once_in_20_times() -> None:
    claims = [
        verdict(result(seed=2 * n, scatter=0.01), result(seed=2 * n + 1, scatter=0.01)) for n in range(60)
    ]
    assert sum(claim != "no clear difference" for claim in claims) <= 3


def test_processes_that_differ_more_than_the_benchmarks_are_no_evidence() -> None:
    # 300 runs each, and nearly every one of B is slower than the median of A: a test of runs would be sure.
    first = [make.process(level) for level in (0.0100, 0.0104, 0.0097)]
    second = [make.process(level) for level in (0.0102, 0.0108, 0.0101)]
    assert verdict(make.result(processes=first), make.result(processes=second)) == "no clear difference"


def test_results_are_paired_by_variant_engine_threads_and_batch() -> None:
    first = make.report(result(variant="tflite-int8"), make.result(threads=4), make.result(batch=8))
    other_engine = replace(make.result(), engine="tflite-runtime")
    second = make.report(make.result(batch=8), other_engine, make.result("onnx-int8"), make.result(threads=4))
    found = compare(first, second)
    assert [(pair.a.name, pair.b.name) for pair in found.pairs] == [
        ("tflite-int8, 4 threads",) * 2,
        ("tflite-int8, 1 thread, batch 8",) * 2,
    ]
    assert [(row.name, row.engine) for row in found.only_a] == [("tflite-int8, 1 thread", "litert")]
    assert [(row.name, row.engine) for row in found.only_b] == [
        ("tflite-int8, 1 thread", "tflite-runtime"),
        ("onnx-int8, 1 thread", "litert"),
    ]


def test_throughput_is_compared_by_the_turns_of_as_many_workers() -> None:
    first = make.report(throughput=[make.throughput(workers=2), make.throughput(workers=4)])
    second = make.report(throughput=[make.throughput(workers=4, turn_s=0.08)])
    found = compare(first, second)
    (_, pair) = found.pairs
    assert pair.name == "tflite-int8, 4 workers, litert"
    assert pair.ratio is not None
    assert pair.ratio.value == pytest.approx(2.0)
    assert [row.name for row in found.only_a] == ["tflite-int8, 2 workers"]
    assert "tflite-int8  litert  4 workers  42.0  84.0        –  2.000" in compare_summary.text(found)


def test_the_ratio_is_that_of_the_medians_shown() -> None:
    first, second = result(seed=3), result(1.3, seed=4)
    (pair,) = compare(make.report(first), make.report(second)).pairs
    assert first.figures is not None
    assert second.figures is not None
    assert pair.ratio is not None
    assert pair.ratio.value == pytest.approx(second.figures.median_s.value / first.figures.median_s.value)
    assert pair.p95_ratio is not None
    assert pair.p95_ratio.value == pytest.approx(1.3, rel=0.05)


def test_reports_of_two_machines_are_paired_and_not_tested() -> None:
    found = compare(make.report(result()), make.report(result(2.0), machine=PC))
    (pair,) = found.pairs
    assert (pair.ratio, pair.verdict) == (None, None)
    text = compare_summary.text(found)
    assert "two machines are shown side by side and not tested; measure both on one" in text
    assert "PC: Intel Xeon" in text
    assert "10.0" in text
    assert "20.0" in text
    assert "B/A" not in text


def test_a_machine_with_more_memory_is_another_one() -> None:
    more = replace(make.PI, memory_bytes=8_000_000_000)
    less = replace(make.PI, memory_bytes=3_900_000_000)
    assert compare(make.report(), make.report(machine=more)).obstacle is not None
    assert compare(make.report(), make.report(machine=less)).obstacle is None


def test_reports_of_two_bundles_are_not_tested() -> None:
    found = compare(make.report(), replace(make.report(), bundle="birds"))
    assert found.obstacle == (
        "A measured the bundle insects and B birds: two models are shown side by side and not tested; "
        "compare reports of one bundle"
    )


def test_reports_from_other_cores_are_not_tested() -> None:
    pinned = make.report()
    pinned = replace(pinned, parameters=replace(pinned.parameters, cores=(2, 3)))
    obstacle = compare(make.report(), pinned).obstacle
    assert obstacle is not None
    assert obstacle.startswith("A ran on any core and B on core 2, 3:")


def test_a_new_engine_and_another_export_are_named_and_tested() -> None:
    changed = replace(make.PI, engines={"litert": "2.4.0"}, governor="ondemand")
    second = replace(make.report(machine=changed), bundle_created="2026-12-01T12:00:00+00:00")
    found = compare(make.report(), second)
    assert found.pairs[0].verdict is not None
    assert found.differences == (
        "exported: 2026-11-21T12:00:00+00:00 in A, 2026-12-01T12:00:00+00:00 in B",
        "litert: 2.3.0 in A, 2.4.0 in B",
        "governor: performance in A, ondemand in B",
    )


def test_one_process_is_not_tested() -> None:
    (pair,) = compare(make.report(result(processes=1)), make.report(result(3.0))).pairs
    assert pair.verdict is None
    assert pair.reason == "one process does not show how processes differ: measure with --rounds 3 or more"


def test_an_invalid_result_is_not_tested() -> None:
    hot = replace(result(2.0), invalid="the board was slowed while it was measured (throttled): cool it")
    (pair,) = compare(make.report(result()), make.report(hot)).pairs
    assert (pair.verdict, pair.ratio) == (None, None)
    assert pair.reason == f"B is invalid: {hot.invalid}"


def test_a_failed_variant_stands_alone_with_its_reason() -> None:
    both = make.report(make.result(), make.result("openvino-int8"))
    found = compare(both, make.report(make.result(), make.failed()))
    assert [row.variant for row in found.only_a] == ["openvino-int8"]
    text = compare_summary.text(found)
    assert "only in A: openvino-int8, 1 thread, litert, 10.0 (in the other: openvino cannot load" in text


def test_reports_without_a_common_result_are_refused_with_what_each_has() -> None:
    with pytest.raises(
        ReportError, match="A measured tflite-int8, 1 thread, litert and B onnx-int8, 1 thread"
    ):
        compare(make.report(), make.report(make.result("onnx-int8")))
    with pytest.raises(ReportError, match="and B nothing: nothing is in both"):
        compare(make.report(), make.report(make.failed()))


def test_reports_are_read_where_they_lie(tmp_path: Path) -> None:
    reports: list[BenchReport] = [make.report(result(seed=1)), make.report(result(1.2, seed=2))]
    for name, report in zip("ab", reports, strict=True):
        (tmp_path / f"{name}.json").write_text(json.dumps(report.to_dict()))
    found = edgetl.compare(tmp_path / "a.json", str(tmp_path / "b.json"))
    assert (found.a, found.b) == tuple(reports)
    assert found.pairs[0].verdict == "slower"


def test_the_text_says_how_much_and_by_which_rule() -> None:
    found = compare(
        make.report(result(seed=1), result(seed=5, variant="onnx-int8")),
        make.report(result(1.1, seed=2), result(seed=6, variant="onnx-int8")),
    )
    *_, heading, slower, same, _, headline = compare_summary.text(found).splitlines()
    assert heading.split()[-2:] == ["B", "is"]
    assert slower.endswith("slower")
    assert same.endswith("no clear difference")
    assert headline.startswith("B is slower in 1 of 2, most in tflite-int8, 1 thread, litert: +")
    assert headline.endswith("a difference is claimed when its whole interval lies beyond 1 %")


def test_where_nothing_differs_the_headline_says_so() -> None:
    found = compare(make.report(result(seed=1)), make.report(result(seed=2)))
    assert compare_summary.headline(found).startswith("no clear difference in any of 1;")


def test_the_json_holds_figures_and_no_raw_times() -> None:
    found = compare(make.report(result(seed=1)), make.report(result(1.1, seed=2), make.result("onnx-int8")))
    value = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    (pair,) = value["pairs"]
    assert (pair["variant"], pair["engine"], pair["threads"], pair["batch"]) == (
        "tflite-int8",
        "litert",
        1,
        1,
    )
    assert (pair["verdict"], value["obstacle"]) == ("slower", None)
    assert pair["ratio"]["low"] < pair["ratio"]["value"] < pair["ratio"]["high"]
    only = {"variant": "onnx-int8", "engine": "litert", "threads": 1, "batch": 1, "workers": None}
    assert value["only_b"] == [only]
    assert len(json.dumps(value)) < 5000
