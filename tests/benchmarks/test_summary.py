"""The table for the terminal."""

import bench_reports as make

from edgetl.benchmarks import summary


def test_names_the_machine_and_the_units() -> None:
    first = summary.text(make.report()).splitlines()[0]
    assert first == "insects on Raspberry Pi 4 Model B Rev 1.4; times in ms, peak memory in MB"


def test_columns_stand_under_their_headings() -> None:
    report = make.report(make.result("openvino-float32", threads=4), make.result("tflite-int8"))
    _, _, heading, *rows = summary.text(report).splitlines()[:5]
    ends = [line.rindex("70") + 2 for line in rows]
    assert set(ends) == {len(heading)}


def test_cells_hold_the_figures() -> None:
    ((variant, engine, threads, load, first, median, *_, memory),) = summary.rows(make.report())
    assert (variant, engine, threads, load, first, memory) == (
        "tflite-int8",
        "litert",
        "1",
        "20.0",
        "20.0",
        "70",
    )
    assert median.startswith(("10.0 ± ", "9.9"))


def test_unknown_figures_are_dashes() -> None:
    row = make.result(processes=[make.process(runs=20)])
    assert "–" in summary.rows(make.report(row))[0]


def test_what_failed_is_said_below_the_table() -> None:
    text = summary.text(make.report(make.failed(), make.result()))
    assert "openvino-int8, 1 thread: failed: openvino cannot load model.xml: no such kernel" in text


def test_the_fastest_is_named_with_its_interval_and_machine() -> None:
    slow = make.result("onnx-int8", processes=[make.process(0.05)])
    said = summary.headline(make.report(slow, make.result()))
    assert said.startswith("fastest: tflite-int8, 1 thread: ")
    assert said.endswith("measured on Raspberry Pi 4 Model B Rev 1.4")


def test_nothing_measured_is_said() -> None:
    assert summary.headline(make.report(make.failed())).startswith("nothing could be measured")
