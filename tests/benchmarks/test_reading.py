"""A report is read back as it was written, and whatever else is in a file is refused with a sentence."""

import json
from dataclasses import is_dataclass
from pathlib import Path
from types import UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

import bench_reports as make
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgetl.benchmarks import reading
from edgetl.benchmarks.reading import parse, read_report
from edgetl.benchmarks.results import SCHEMA, BenchReport, Platform, Result, Throughput
from edgetl.benchmarks.running.raw import ProcessRun, Stages, ThroughputRun
from edgetl.benchmarks.running.yardstick import Yardstick
from edgetl.benchmarks.state import State
from edgetl.errors import ReportError

seconds = st.floats(min_value=1e-9, max_value=1e3)
times = st.lists(seconds, min_size=1, max_size=5).map(tuple)


def values(kind: Any) -> st.SearchStrategy[Any]:
    """What a field of a report's classes can hold, of sizes that figures can be made of."""
    origin, arguments = get_origin(kind), get_args(kind)
    if is_dataclass(kind):
        return filled(kind)
    if origin in (UnionType, Union):
        return st.one_of([values(option) for option in arguments])
    if origin is tuple:
        return st.lists(values(arguments[0]), max_size=3).map(tuple)
    plain = {float: st.floats(-1e6, 1e6), int: st.integers(-(2**40), 2**40)}
    return plain.get(kind, st.from_type(kind))


def filled(kind: Any, **given: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """A dataclass with anything in its fields but the given ones."""
    hints = get_type_hints(kind)
    return st.builds(kind, **{name: given[name] if name in given else values(hints[name]) for name in hints})


def stages(count: int) -> st.SearchStrategy[Any]:
    column = st.lists(seconds, min_size=count, max_size=count).map(tuple)
    return filled(Stages, decode_s=column, resize_s=column, infer_s=column, post_s=column)


def yardsticks(count: int) -> st.SearchStrategy[Any]:
    taken = st.lists(seconds, min_size=count, max_size=count).map(tuple)
    after = st.lists(st.integers(1, 5), min_size=count, max_size=count).map(tuple)
    return filled(Yardstick, taken_s=taken, after=after)


runs = filled(
    ProcessRun,
    yardstick=st.none() | st.integers(min_value=0, max_value=4).flatmap(yardsticks),
    warmup_s=times,
    inference_s=times,
    stages=st.none() | st.integers(min_value=1, max_value=4).flatmap(stages),
)
turns = filled(ThroughputRun, turns_s=times, warmup_s=times)
reports = filled(
    BenchReport,
    platform=filled(Platform, states=st.lists(values(State), min_size=1, max_size=3).map(tuple)),
    results=st.lists(filled(Result, processes=st.lists(runs, max_size=3).map(tuple)), max_size=2).map(tuple),
    throughput=st.lists(filled(Throughput, processes=st.lists(turns, max_size=2).map(tuple)), max_size=2).map(
        tuple
    ),
)


def written(report: BenchReport, **changes: Any) -> bytes:
    """The bytes of bench.json, with changes at the top."""
    return json.dumps({**report.to_dict(), **changes}).encode()


@given(reports)
def test_a_report_is_read_back_as_it_was_written(report: BenchReport) -> None:
    assert parse(written(report), "bench.json") == report


def test_a_folder_stands_for_the_report_in_it(tmp_path: Path) -> None:
    report = make.report(make.result(), make.failed())
    (tmp_path / "bench.json").write_bytes(written(report))
    assert read_report(tmp_path) == read_report(tmp_path / "bench.json") == report


def test_fields_with_a_default_may_be_missing_as_in_older_reports() -> None:
    report = make.report()
    value = report.to_dict()
    machine = value["platform"]["machine"]
    del value["advice"], value["throughput"], machine["soc"], machine["swap_bytes"]
    assert parse(json.dumps(value).encode(), "bench.json") == report


def test_figures_are_made_anew_from_the_raw_times() -> None:
    report = make.report()
    value = report.to_dict()
    value["results"][0]["figures"]["median_s"]["value"] = 1e-6
    assert parse(json.dumps(value).encode(), "bench.json").results[0].figures == report.results[0].figures


def test_whole_numbers_are_times_too() -> None:
    value = make.report().to_dict()
    value["results"][0]["processes"][0]["inference_s"] = [1, 2]
    (result,) = parse(json.dumps(value).encode(), "bench.json").results
    assert result.processes[0].inference_s == (1.0, 2.0)


@pytest.mark.parametrize(
    "damage", [{"taken_s": [1e-4, 0.0]}, {"taken_s": [1e-4]}, {"after": [3]}], ids=["zero", "short", "few"]
)
def test_a_yardstick_that_cannot_be_is_refused(damage: dict[str, list[float]]) -> None:
    value = make.report().to_dict()
    yardstick = {"work": "products", "taken_s": [1e-4, 1e-4], "after": [2, 4], **damage}
    value["results"][0]["processes"][0]["yardstick"] = yardstick
    with pytest.raises(
        ReportError, match="a yardstick of tflite-int8, 1 thread is not above 0, or its lists"
    ):
        parse(json.dumps(value).encode(), "bench.json")


def test_a_report_of_the_first_layout_is_refused() -> None:
    with pytest.raises(ReportError, match=r"has schema 1 and this edgetl reads from 2 on: measure again"):
        parse(written(make.report(), schema=1), "a.json")


def test_a_report_of_a_newer_schema_is_refused_with_the_way_out() -> None:
    with pytest.raises(ReportError, match=rf"a.json has schema {SCHEMA + 1} .* pip install --upgrade edgetl"):
        parse(written(make.report(), schema=SCHEMA + 1), "a.json")


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "not valid JSON"),
        (b"{", "not valid JSON"),
        (b"\xff\xfe", "not valid JSON"),
        (b"[" * 100_000, "not valid JSON"),
        (b'{"schema": 1, "schema": 1}', "a key stands twice"),
        (b'{"schema": NaN}', "NaN is not allowed"),
        (b"[]", "no report of edgetl bench: its schema is None"),
        (b'{"benchmarks": [], "machine_info": {}}', "no report of edgetl bench"),
        (b'{"schema": true}', "no report of edgetl bench"),
        (b'{"schema": 2}', "report lacks bundle, bundle_created, command"),
    ],
)
def test_what_is_no_report_is_refused(data: bytes, message: str) -> None:
    with pytest.raises(ReportError, match=message):
        parse(data, "a.json")


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (("platform", "states"), [], "report.platform.states is empty"),
        (("platform", "machine", "cores"), "four", r"report.platform.machine.cores is str, not int"),
        (("platform", "machine", "is_board"), 1, r"report.platform.machine.is_board is int, not bool"),
        (
            ("platform", "machine", "engines"),
            {"litert": 2},
            r"report.platform.machine.engines.litert is int, not str",
        ),
        (("parameters",), [], r"report.parameters is list, not Parameters"),
        (("results", 0, "status"), "won", r"results\[0\].status is str"),
        (("results", 0, "threads"), 1.5, r"results\[0\].threads is float, not int"),
        (("results", 0, "processes", 1, "inference_s"), [], "a time of tflite-int8, 1 thread is not above 0"),
        (("results", 0, "processes", 1, "inference_s"), [0.1, -0.1], "is not above 0"),
        (("results", 0, "processes", 1, "inference_s"), [0.1, "x"], r"inference_s\[1\] is str, not float"),
        (("results", 0, "processes", 1, "inference_s"), [10**400], "is not a finite number"),
        (
            ("results", 0, "processes", 1, "warmup_s"),
            [],
            "the figures of tflite-int8, 1 thread cannot be made",
        ),
        (("results", 0, "processes", 1, "stages", "post_s"), [1.0], "the figures of .* cannot be made"),
    ],
)
def test_a_damaged_report_is_refused_with_the_place(
    path: tuple[str | int, ...], value: Any, message: str
) -> None:
    report = make.report().to_dict()
    inner: Any = report
    for part in path[:-1]:
        inner = inner[part]
    inner[path[-1]] = value
    data = json.dumps(report).encode()
    with pytest.raises(ReportError, match=message):
        parse(data, "a.json")


@given(st.data())
def test_a_report_cut_short_or_changed_anywhere_is_read_or_refused(data: st.DataObject) -> None:
    whole = written(make.report(make.result(processes=[make.process(runs=10)])))
    place = data.draw(st.integers(min_value=0, max_value=len(whole) - 1))
    changed = bytearray(whole)
    changed[place] = data.draw(st.integers(min_value=0, max_value=255))
    for damaged in (whole[:place], bytes(changed)):
        refused = ""
        try:
            read = parse(damaged, "a.json")
        except ReportError as error:
            refused = str(error)
        assert refused.startswith("a.json") if refused else isinstance(read, BenchReport)


def test_a_file_that_is_too_large_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = tmp_path / "bench.json"
    place.write_bytes(written(make.report()))
    monkeypatch.setattr(reading, "MAX_BYTES", place.stat().st_size - 1)
    with pytest.raises(ReportError, match=r"has more than \d+ bytes"):
        read_report(place)


def test_a_path_where_nothing_is_names_what_is_wanted(tmp_path: Path) -> None:
    with pytest.raises(
        ReportError, match=r"nowhere.json cannot be read \(No such file or directory\): name the"
    ):
        read_report(tmp_path / "nowhere.json")
