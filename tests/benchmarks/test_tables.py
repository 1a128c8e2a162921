"""The CSV and the Markdown table: the same numbers as the report, in columns that say their unit."""

import csv
import io
from dataclasses import replace

import bench_reports as make
import pytest

from edgetl.benchmarks import tables
from edgetl.benchmarks.results import BenchReport


def rows(report: BenchReport) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(tables.csv_text(report))))


def test_the_csv_has_a_row_for_each_variant_thread_count_and_batch() -> None:
    report = make.report(make.result(), make.result(threads=4), make.result(batch=8), make.failed())
    keys = [(row["variant"], row["threads"], row["batch"], row["status"]) for row in rows(report)]
    assert keys == [
        ("tflite-int8", "1", "1", "measured"),
        ("tflite-int8", "4", "1", "measured"),
        ("tflite-int8", "1", "8", "measured"),
        ("openvino-int8", "1", "1", "failed"),
    ]


def test_the_csv_has_the_figures_of_the_report() -> None:
    report = make.report(make.result(batch=4))
    (row,) = rows(report)
    figures = report.results[0].figures
    assert figures is not None
    assert float(row["median_ms"]) == pytest.approx(1000 * figures.median_s.value, abs=1e-6)
    assert float(row["median_ms_per_picture"]) == pytest.approx(250 * figures.median_s.value, abs=1e-6)
    assert float(row["file_to_label_ms"]) == pytest.approx(1000 * (figures.total_s or 0), abs=1e-6)
    assert int(row["peak_bytes"]) == figures.peak_bytes
    assert row["machine"] == "Raspberry Pi 4 Model B Rev 1.4"


def test_the_csv_leaves_empty_what_is_unknown() -> None:
    row = rows(make.report(make.failed()))[0]
    assert row["reason"].endswith("no such kernel")
    assert {row[name] for name in ("median_ms", "p95_ms", "peak_bytes", "samples", "invalid")} == {""}
    assert rows(make.report(make.result()))[0]["p99_ms"] == ""


def test_an_invalid_row_says_so_in_the_csv() -> None:
    (row,) = rows(make.report(replace(make.result(), invalid="the board was throttled")))
    assert row["invalid"] == "the board was throttled"


def test_a_pc_is_named_as_one_in_both() -> None:
    report = make.report(machine=replace(make.PI, is_board=False, kind="AMD EPYC"))
    assert rows(report)[0]["machine"] == "PC: AMD EPYC"
    assert "Measured on PC: AMD EPYC" in tables.markdown(report)


def test_markdown_is_a_table_with_the_machine_and_the_command_below() -> None:
    table, footnote = tables.markdown(make.report(make.result(), make.result(threads=4))).split("\n\n")
    lines = table.splitlines()
    assert lines[0].startswith("| Variant | Engine | Threads | Median, ms | p95, ms | File to label, ms |")
    assert lines[1].startswith("| --- | --- | ---: |")
    assert [line.split(" | ")[:3] for line in lines[2:]] == [
        ["| tflite-int8", "litert", "1"],
        ["| tflite-int8", "litert", "4"],
    ]
    assert len({line.count("|") for line in lines}) == 1
    assert "Raspberry Pi 4 Model B Rev 1.4 (4 × Cortex-A72, Debian GNU/Linux 12 (bookworm)" in footnote
    assert "with edgetl 0.1.0 and litert 2.3.0:" in footnote
    assert "`edgetl bench insects.edgetl --threads 1,4 --rounds 2`" in footnote


def test_markdown_has_batches_throughput_and_failures_when_there_are_any() -> None:
    report = make.report(
        make.result(), make.result(batch=4), make.failed(), throughput=[make.throughput(turn_s=0.05)]
    )
    text = tables.markdown(report)
    assert "| Threads | Batch |" in text
    assert "| tflite-int8 | litert | 4 | 76.4 | 72.7 | 80.0 | 140 |" in text
    assert "- openvino-int8, 1 thread: failed: openvino cannot load model.xml: no such kernel" in text


def test_a_name_cannot_break_the_markdown_table() -> None:
    row = replace(make.result(), variant="a|b\nc")
    line = tables.markdown(make.report(row)).splitlines()[2]
    assert line.startswith("| a\\|b c | litert |")


def test_nothing_measured_still_names_the_reason_and_the_machine() -> None:
    text = tables.markdown(make.report(make.failed()))
    assert text.startswith("- openvino-int8, 1 thread: failed")
    assert "Measured on Raspberry Pi 4" in text
