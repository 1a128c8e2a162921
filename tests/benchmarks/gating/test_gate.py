"""The gate of CI: what passes, what fails, and what the JUnit file says of it."""

import json
import re
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import bench_reports as make
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgetl.benchmarks import stats, summary
from edgetl.benchmarks.comparing import summary as compare_summary
from edgetl.benchmarks.comparing.compare import MARGIN
from edgetl.benchmarks.gating import gate, junit
from edgetl.benchmarks.gating.gate import Check
from edgetl.benchmarks.gating.metrics import METRICS
from edgetl.benchmarks.results import BenchReport, Result
from edgetl.benchmarks.running import timing
from edgetl.errors import GateError, ReportError, UsageError

MANIFEST = make.manifest()  # tflite-float32 146 of 153 right, tflite-float16 145, tflite-int8 144


def result(median_s: float = 0.01, variant: str = "tflite-int8", threads: int = 1) -> Result:
    """A result of three processes a thousandth apart, and 300 runs."""
    runs = [make.process(median_s * scale) for scale in (0.999, 1.0, 1.001)]
    return make.result(variant, threads=threads, processes=runs)


def against(*assertions: str, report: BenchReport | None = None) -> list[tuple[str, bool | None, str]]:
    """What becomes of limits: subject, whether it passed, and the sentence."""
    prepared = gate.prepare(assertions, None, None, MANIFEST)
    checks = gate.evaluate(prepared, report or make.report(result()), MANIFEST)
    return [(check.subject, check.passed, check.detail) for check in checks]


def against_baseline(
    old: BenchReport, new: BenchReport, folder: Path, most: str | None = None
) -> tuple[Check, ...]:
    """What becomes of a baseline."""
    place = folder / "old.json"
    place.write_text(json.dumps(old.to_dict()))
    return gate.evaluate(gate.prepare([], place, most, MANIFEST), new, MANIFEST)


def test_a_limit_that_is_kept_passes_with_the_value() -> None:
    assert against("median_ms<11") == [("tflite-int8, 1 thread", True, "median_ms is 10.02, as asked")]


def test_a_limit_that_is_broken_fails_with_value_and_rule() -> None:
    assert against("size_mb<4") == [
        ("tflite-int8, 1 thread", False, "size_mb is 4.1, and size_mb<4 was asked for")
    ]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("first_ms", "20"),
        ("load_ms", "20"),
        ("total_ms", "16.1"),
        ("peak_mb", "70"),
        ("p95_ms", "10.09"),
        ("p99_ms", "10.1"),
        ("agreement", "0.9869"),
        ("top1", "0.9412"),
        ("drop", "1.307"),
    ],
)
def test_every_figure_is_in_its_unit(name: str, value: str) -> None:
    ((_, _, detail),) = against(f"{name}<0.5")
    assert detail == f"{name} is {value}, and {name}<0.5 was asked for"


def test_a_limit_is_for_all_measured_variants_and_threads() -> None:
    report = make.report(result(), result(threads=4), result(variant="tflite-float32"))
    assert [subject for subject, _, _ in against("median_ms<11", report=report)] == [
        "tflite-int8, 1 thread",
        "tflite-int8, 4 threads",
        "tflite-float32, 1 thread",
    ]


def test_a_limit_with_a_variant_is_for_that_one() -> None:
    report = make.report(result(), result(0.02, variant="tflite-float32"))
    assert against("tflite-int8:median_ms<11", report=report)[0][:2] == ("tflite-int8, 1 thread", True)
    assert against("tflite-float32:median_ms<11", report=report)[0][:2] == ("tflite-float32, 1 thread", False)


def test_a_score_is_checked_once_for_a_variant() -> None:
    report = make.report(result(), result(threads=4))
    assert [(subject, passed) for subject, passed, _ in against("top1>0.9", report=report)] == [
        ("tflite-int8", True)
    ]


def test_batches_are_not_held_against_the_limits_of_single_pictures() -> None:
    report = make.report(result(), make.result(batch=8, processes=[make.process(0.08)] * 2))
    assert [subject for subject, _, _ in against("median_ms<11", report=report)] == ["tflite-int8, 1 thread"]


def test_what_is_unknown_fails_with_the_reason() -> None:
    few = make.report(make.result(processes=[make.process(runs=10)] * 2))
    assert against("p99_ms<1000", report=few) == [
        (
            "tflite-int8, 1 thread",
            False,
            "p99_ms is unknown (it needs 299 runs), so p99_ms<1000 cannot be told",
        )
    ]


def test_a_score_that_the_bundle_does_not_have_fails() -> None:
    unscored = make.manifest(scored=False)
    checks = gate.evaluate(gate.prepare(["top1>0"], None, None, unscored), make.report(result()), unscored)
    assert [(check.passed, check.detail) for check in checks] == [
        (False, "top1 is unknown (the bundle has no score of this variant), so top1>0 cannot be told")
    ]


def test_a_variant_that_failed_fails_the_gate_whatever_is_asked() -> None:
    report = make.report(result(), make.failed())
    assert against("median_ms<11", report=report)[0] == (
        "openvino-int8, 1 thread",
        False,
        "it failed: openvino cannot load model.xml: no such kernel",
    )


def test_a_named_variant_that_was_not_measured_fails() -> None:
    skipped = Result("onnx-int8", 1, None, None, "skipped", "running onnx models needs onnxruntime")
    report = make.report(result(), skipped)
    assert against("onnx-int8:median_ms<11", report=report) == [
        ("onnx-int8", False, "it was not measured: running onnx models needs onnxruntime")
    ]
    assert against("tflite-float32:median_ms<11") == [
        ("tflite-float32", False, "it was not measured: --variant did not name it")
    ]


def test_an_invalid_result_fails() -> None:
    hot = replace(result(), invalid="other programs took 0.90 of a core throughout: stop them")
    subject, passed, detail = against("median_ms<11", report=make.report(hot))[0]
    assert (subject, passed) == ("tflite-int8, 1 thread", False)
    assert detail == "it is invalid: other programs took 0.90 of a core throughout: stop them"


def test_a_throughput_that_failed_fails() -> None:
    broken = replace(
        make.throughput(), status="failed", reason="litert hangs: no answer for 600 s", processes=()
    )
    assert against("median_ms<11", report=make.report(result(), throughput=[broken]))[0] == (
        "tflite-int8, 4 workers",
        False,
        "it failed: litert hangs: no answer for 600 s",
    )


def test_nothing_measured_fails() -> None:
    skipped = Result("onnx-int8", 1, None, None, "skipped", "running onnx models needs onnxruntime")
    assert against("median_ms<11", report=make.report(skipped)) == [
        ("insects", False, "nothing could be measured")
    ]


@pytest.mark.parametrize(
    ("scale", "most", "passed"),
    [(1.0, None, True), (1.04, None, True), (1.07, None, False), (1.07, "10%", True)],
)
def test_a_regression_counts_when_it_is_larger_than_allowed(
    scale: float, most: str | None, passed: bool, tmp_path: Path
) -> None:
    (check,) = against_baseline(make.report(result()), make.report(result(0.01 * scale)), tmp_path, most)
    assert check.passed is passed


def test_a_regression_that_is_not_clear_passes_and_says_what_would_tell(tmp_path: Path) -> None:
    noisy = make.result(processes=[make.process(0.010), make.process(0.012), make.process(0.011)])
    (check,) = against_baseline(make.report(result()), make.report(noisy), tmp_path)
    assert check.passed is True
    assert check.detail.startswith("no clear difference, +")
    assert check.detail.endswith("; more --rounds would tell whether it is above the limit")


def test_a_failed_regression_names_interval_and_limit(tmp_path: Path) -> None:
    (check,) = against_baseline(make.report(result()), make.report(result(0.02)), tmp_path)
    assert check.subject == "tflite-int8, 1 thread, litert"
    assert check.rule == "at most 5 % slower than the baseline"
    assert check.detail.startswith("slower, +100.0 % (95 % interval +")
    assert check.detail.endswith("and 5 % is allowed")


def test_what_the_baseline_does_not_have_is_skipped(tmp_path: Path) -> None:
    checks = against_baseline(
        make.report(result()), make.report(result(), result(variant="tflite-float32")), tmp_path
    )
    assert [(check.subject, check.passed) for check in checks] == [
        ("tflite-int8, 1 thread, litert", True),
        ("tflite-float32, 1 thread", None),
    ]


def test_a_baseline_of_another_machine_or_without_a_common_result_fails(tmp_path: Path) -> None:
    elsewhere = make.report(result(), machine=replace(make.PI, kind="Raspberry Pi 5 Model B Rev 1.0"))
    (check,) = against_baseline(elsewhere, make.report(result()), tmp_path)
    assert (check.passed, check.subject) == (False, "insects")
    assert "two machines are shown side by side and not tested" in check.detail
    (check,) = against_baseline(make.report(make.result("onnx-int8")), make.report(result()), tmp_path)
    assert check.passed is False
    assert "nothing is in both" in check.detail


def test_a_baseline_of_one_process_cannot_be_told_and_fails(tmp_path: Path) -> None:
    once = make.report(make.result(processes=[make.process()]))
    (check,) = against_baseline(once, make.report(result()), tmp_path)
    assert (check.passed, check.detail) == (
        False,
        "it cannot be told: one process does not show how processes differ: measure with --rounds 3 or more",
    )


def test_mistakes_are_refused_before_anything_is_measured(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="add --baseline"):
        gate.prepare([], None, "5%", MANIFEST)
    with pytest.raises(ReportError, match="cannot be read"):
        gate.prepare([], tmp_path / "nothing.json", None, MANIFEST)
    with pytest.raises(UsageError, match="is no limit"):
        gate.prepare(["p95_ms"], None, None, MANIFEST)


def test_the_gate_says_no_with_every_sentence_and_exit_code_3() -> None:
    checks = (
        Check("a, 1 thread", "p95_ms<30", False, "p95_ms is 31, and p95_ms<30 was asked for"),
        Check("b, 1 thread", "p95_ms<30", True, "p95_ms is 29, as asked"),
        Check("b", "top1>0.9", False, "top1 is 0.8, and top1>0.9 was asked for"),
    )
    with pytest.raises(GateError) as refusal:
        gate.refuse_failed(checks)
    assert str(refusal.value) == (
        "2 of 3 checks failed: a, 1 thread: p95_ms is 31, and p95_ms<30 was asked for; "
        "b: top1 is 0.8, and top1>0.9 was asked for"
    )
    assert refusal.value.exit_code == 3
    gate.refuse_failed(checks[1:2])
    gate.refuse_failed([replace(checks[1], passed=None)])


def test_every_check_has_its_line() -> None:
    checks = (
        Check("a, 1 thread", "p95_ms<30", False, "p95_ms is 31, and p95_ms<30 was asked for"),
        Check("c, 1 thread", "at most 5 %", None, "the baseline does not have it"),
    )
    assert gate.text(checks).splitlines() == [
        "FAILED   a, 1 thread: p95_ms<30: p95_ms is 31, and p95_ms<30 was asked for",
        "skipped  c, 1 thread: at most 5 %: the baseline does not have it",
    ]


def test_a_gate_without_limits_and_baseline_asks_nothing() -> None:
    assert not gate.prepare([], None, None, MANIFEST).asks
    assert gate.prepare(["top1>0"], None, None, MANIFEST).asks


def test_junit_has_a_case_for_each_check_and_counts_them() -> None:
    checks = (
        Check("a, 1 thread", "p95_ms<30", False, "p95_ms is 31"),
        Check("b, 1 thread", "p95_ms<30", True, "p95_ms is 29"),
        Check("c, 1 thread", "at most 5 %", None, "the baseline does not have it"),
    )
    root = ElementTree.fromstring(junit.render(make.report(), checks).encode())
    (suite,) = root
    assert (root.tag, suite.tag) == ("testsuites", "testsuite")
    counts = [suite.attrib[name] for name in ("tests", "failures", "errors", "skipped")]
    assert counts == ["3", "1", "0", "1"]
    assert suite.attrib["timestamp"] == "2026-11-22T09:14:03"
    # The order that the schema of JUnitReport asks for.
    assert [child.tag for child in suite] == ["properties", *["testcase"] * 3, "system-out", "system-err"]
    cases = suite.findall("testcase")
    assert [case.attrib["classname"] for case in cases] == ["a, 1 thread", "b, 1 thread", "c, 1 thread"]
    assert [[child.tag for child in case] for case in cases] == [["failure"], [], ["skipped"]]
    assert cases[0][0].attrib == {"message": "p95_ms is 31", "type": "limit"}


@given(st.text(max_size=40), st.sampled_from([True, False, None]))
def test_junit_is_xml_whatever_an_engine_says(text: str, passed: bool | None) -> None:
    checks = (Check(text, "is measured", passed, f"\x1b[31m{text}\x00"),)
    (suite,) = ElementTree.fromstring(junit.render(make.report(), checks).encode())
    assert suite.attrib["failures"] == str(int(passed is False))


def test_every_metric_and_every_column_stands_in_the_glossary(root: Path) -> None:
    glossary = (root / "docs" / "glossary.md").read_text("utf-8")
    bold = re.findall(r"^\*\*(.+?)\.?\*\*", glossary, re.MULTILINE)
    terms = {term.strip() for words in bold for term in words.split(",")}
    codes = set(re.findall(r"^\*\*.+?\*\* \(`(\w+)`\)\.", glossary, re.MULTILINE))
    assert set(METRICS) <= codes
    full = make.report()
    full = replace(full, parameters=replace(full.parameters, batches=(1, 8), percentile=99))
    assert {"batch", "p99"} <= set(summary.columns(full)) <= terms
    assert set(summary.THROUGHPUT_COLUMNS) <= terms
    assert set(compare_summary.COLUMNS) - {"A", "B"} <= terms


def test_the_glossary_states_the_numbers_of_the_code(root: Path) -> None:
    glossary = " ".join((root / "docs" / "glossary.md").read_text("utf-8").split())
    for share, name in ((0.95, "p95"), (0.99, "p99")):
        paragraph = re.search(rf"\*\*{name}\*\* (.+?) \*\*", glossary)
        assert paragraph
        assert f"needs {stats.samples_needed(share)} runs" in paragraph[1]
    assert f"{stats.MODIFIED_Z:g} times its distance from the median over the MAD" in glossary
    assert f"is beyond {stats.OUTLIER:g} " in glossary
    assert f"above {1 + MARGIN:g}, or below 1 / {1 + MARGIN:g}" in glossary
    assert f"differ by at most {100 * stats.STEADY_TOLERANCE:g} %" in glossary
    assert f"at most {timing.WARMUP_AT_MOST_S:g} s" in glossary
    assert f"ten blocks of {1000 * timing.BLOCK_S:g} ms" in glossary
