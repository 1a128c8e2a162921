"""The report as JSON, and the page that describes it."""

import json
import re
import typing
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import bench_reports as make
import pytest

from edgetl.benchmarks import tables
from edgetl.benchmarks.figures import Figures, ThroughputFigures
from edgetl.benchmarks.results import SCHEMA, BenchReport, Result, Throughput

SCHEMA_PAGE = Path(__file__).parents[2] / "docs" / "bench_schema.md"


def classes(kind: Any) -> set[type[Any]]:
    """A dataclass and those its fields hold, at any depth."""
    found: set[type[Any]] = set()
    if is_dataclass(kind):
        found = {typing.cast(type[Any], kind)}
        for hint in typing.get_type_hints(kind).values():
            found |= classes(hint)
    for argument in typing.get_args(kind):
        found |= classes(argument)
    return found


def section(name: str) -> str:
    """What the page says under the heading of a class."""
    page = SCHEMA_PAGE.read_text("utf-8")
    heading = "## bench.json" if name == "BenchReport" else f"### {name}"
    _, found, rest = page.partition(f"{heading}\n")
    assert found, f"docs/bench_schema.md has no heading {heading}"
    return re.split(r"^##", rest, maxsplit=1, flags=re.MULTILINE)[0]


IN_THE_FILE = classes(BenchReport) | {Figures, ThroughputFigures}


@pytest.mark.parametrize("kind", sorted(IN_THE_FILE, key=lambda kind: kind.__name__))
def test_the_page_describes_every_field_and_no_other(kind: type[Any]) -> None:
    named = set(re.findall(r"^\| `(\w+)` \|", section(kind.__name__), re.MULTILINE))
    extra = {BenchReport: {"schema"}, Result: {"figures"}, Throughput: {"figures"}}.get(kind, set())
    assert named == {field.name for field in fields(kind)} | extra


def test_the_page_names_every_column_of_the_csv_and_no_other() -> None:
    part = SCHEMA_PAGE.read_text("utf-8").partition("## bench.csv\n")[2]
    first = re.findall(r"^\| (`[^|]+`) \|", part, re.MULTILINE)
    assert {name for cell in first for name in re.findall(r"`(\w+)`", cell)} == set(tables.COLUMNS)


def test_the_page_names_the_schema() -> None:
    assert f"| `schema` | integer | {SCHEMA} |" in SCHEMA_PAGE.read_text("utf-8")


def test_units_end_the_names_of_times_and_sizes() -> None:
    for kind in IN_THE_FILE:
        for name, hint in typing.get_type_hints(kind).items():
            if float in (hint, *typing.get_args(hint)) and name not in (
                "value",
                "low",
                "high",
                "load_average",
                "seconds",
                "cores",
                "slowdown",
                "share",
                "plain_share",
            ):
                assert re.search(r"_(s|c|hz|w|v|a|j)$", name), f"{kind.__name__}.{name}"


def test_the_dictionary_is_json_with_figures_beside_the_raw_times() -> None:
    report = make.report(make.result(), make.failed(), throughput=[make.throughput()])
    read = json.loads(json.dumps(report.to_dict(), allow_nan=False))
    assert next(iter(read)) == "schema"
    measured, failed = read["results"]
    assert measured["figures"]["samples"] == 200
    assert len(measured["processes"][0]["inference_s"]) == 100
    assert (failed["figures"], failed["invalid"]) == (None, None)
    assert read["platform"]["timer"]["empty_s"] == make.TIMER.empty_s
    assert read["throughput"][0]["figures"]["pictures"] == 160


def test_names_tell_rows_apart() -> None:
    rows = [make.result(), make.result(threads=2), make.result(batch=4), make.throughput(workers=1)]
    assert [row.name for row in rows] == [
        "tflite-int8, 1 thread",
        "tflite-int8, 2 threads",
        "tflite-int8, 1 thread, batch 4",
        "tflite-int8, 1 worker",
    ]


def test_a_batch_is_never_the_fastest_single_picture() -> None:
    quick_batch = make.result(batch=2, processes=[make.process(0.001)])
    single = make.result(processes=[make.process(0.01)])
    assert make.report(quick_batch, single).measured == (single,)
