"""``edgetl compare`` as it is typed."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import bench_reports as make
import pytest

from edgetl.benchmarks.results import BenchReport


def compare(*words: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "edgetl", "compare", *map(str, words)],
        capture_output=True,
        text=True,
        env={**os.environ, "NO_COLOR": "1"},
        check=False,
    )


def of_ms(median: float, **options: object) -> BenchReport:
    """A report of one variant in three processes, some thousandths around a median in ms."""
    runs = [make.process(median / 1000 * scale, seed=1) for scale in (0.999, 1.0, 1.001)]
    return make.report(make.result(processes=runs), **options)  # type: ignore[arg-type]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """``old``, ``new``, ``same``, ``wide`` and ``pc``, as ``edgetl bench`` leaves them."""
    reports = {
        "old": of_ms(10.0),
        "new": of_ms(12.0),
        "same": of_ms(10.001),
        "wide": make.report(make.result(processes=[make.process(0.0095), make.process(0.0108)])),
        "pc": of_ms(1.0, machine=replace(make.PI, kind="Xeon", is_board=False)),
    }
    for name, report in reports.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "bench.json").write_text(json.dumps(report.to_dict()))
    return tmp_path


def test_prints_the_table_and_the_answer(folder: Path) -> None:
    done = compare(folder / "old", folder / "new" / "bench.json")
    assert done.returncode == 0, done.stderr
    assert "tflite-int8  litert        1  10.0  12.0        –  1.200" in done.stdout
    assert "B is slower in 1 of 1" in done.stdout
    assert done.stderr == ""


def test_no_clear_difference_is_an_answer_and_names_what_would_tell_more(folder: Path) -> None:
    done = compare(folder / "old", folder / "wide")
    assert done.returncode == 0, done.stderr
    assert "no clear difference in any of 1" in done.stdout
    assert done.stderr == "next: edgetl bench insects.edgetl --rounds 4\n"


def test_where_more_rounds_would_tell_nothing_none_are_asked_for(folder: Path) -> None:
    done = compare(folder / "old", folder / "same")
    assert "no clear difference in any of 1" in done.stdout
    assert done.stderr == ""


def test_two_machines_stand_side_by_side_with_a_warning(folder: Path) -> None:
    done = compare(folder / "old", folder / "pc")
    assert done.returncode == 0, done.stderr
    assert "slower" not in done.stdout
    assert "warning: A was measured on Raspberry Pi 4 Model B Rev 1.4" in done.stderr


def test_each_further_report_is_compared_with_the_first_as_json(folder: Path) -> None:
    done = compare(folder / "old", folder / "new", folder / "same", "--json")
    comparisons = json.loads(done.stdout)["comparisons"]
    assert [pair["verdict"] for found in comparisons for pair in found["pairs"]] == [
        "slower",
        "no clear difference",
    ]


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"{}", "is no report of edgetl bench"), (b'{"schema": 99}', "pip install --upgrade edgetl")],
)
def test_what_is_no_report_is_one_sentence(folder: Path, content: bytes, message: str) -> None:
    (folder / "new" / "bench.json").write_bytes(content)
    done = compare(folder / "old", folder / "new")
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.startswith("error: ")
    assert message in done.stderr
    assert "Traceback" not in done.stderr
