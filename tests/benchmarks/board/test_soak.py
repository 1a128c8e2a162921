"""Soaking: real processes, how a soak ends, and what its curve says of recorded boards."""

import json
import sys
import time
from dataclasses import asdict, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import support
from sampled import SILENT, run

from edgetl.benchmarks.board import soak as soaks
from edgetl.benchmarks.board import soaking
from edgetl.benchmarks.board.sampling import Cost
from edgetl.benchmarks.board.soak import soak
from edgetl.benchmarks.board.soak_curve import SoakCurve, curve, window_of
from edgetl.benchmarks.board.soaking import SoakRequest, windows
from edgetl.errors import BundleError, ModelError, UsageError
from edgetl.progress import Progress

REQUEST = SoakRequest("nowhere", "tflite-int8", "litert", 4, 60.0, 1.0)
COST = Cost(2, 0.001, 0.002)


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    return support.write_fake_bundle(tmp_path / "insects.edgetl", delay_s=0.002)


def told(start_s: float, took_s: float, count: int = 100) -> dict[str, Any]:
    return {"start_s": start_s, "end_s": start_s + 1, "inference_s": [took_s] * count}


def curve_of(samples: Any) -> SoakCurve:
    return curve(REQUEST, [window_of(told(100.0, 0.01), 100.0, samples)], samples, COST, None)


def test_a_soak_yields_windows_in_order_from_a_process_of_its_own(bundle: Path) -> None:
    found = soak(bundle, minutes=0.05, threads=1)
    assert (found.variant, found.engine, found.threads, found.ended) == ("fake-float32", "fake", 1, None)
    assert len(found.windows) >= 2
    assert found.windows[0].start_s == 0
    assert all(
        one.end_s <= next_.start_s for one, next_ in zip(found.windows, found.windows[1:], strict=False)
    )
    assert min(window.median_s for window in found.windows) >= 0.002
    assert found.slowdown == found.sustained_s / found.first_s
    assert json.loads(json.dumps(asdict(found)))["windows"][0]["samples"] == found.windows[0].samples


def test_a_soak_that_is_stopped_keeps_what_it_measured(bundle: Path) -> None:
    class Stopping(Progress):
        def note(self, text: str) -> None:
            raise KeyboardInterrupt

    found = soak(bundle, minutes=0.15, threads=1, progress=Stopping())
    assert found.ended == "it was stopped"
    assert len(found.windows) == 6


def test_a_soak_that_is_stopped_at_once_is_just_stopped(
    bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(_: object) -> Any:
        raise KeyboardInterrupt

    monkeypatch.setattr(soaks, "_told", stop)
    with pytest.raises(KeyboardInterrupt):
        soak(bundle, minutes=1)


def test_a_process_that_dies_is_told_and_its_windows_are_kept(
    bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    line = json.dumps(told(time.monotonic(), 0.01))
    code = f"import os; os.write(1, {(line + chr(10)).encode()!r}); os.abort()"
    monkeypatch.setattr("edgetl.isolated.command", lambda *_: [sys.executable, "-c", code])
    found = soak(bundle, minutes=1)
    assert len(found.windows) == 1
    assert found.ended == "fake failed: its process was ended by SIGABRT"


def test_a_process_that_dies_before_its_first_window_is_an_error(
    bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edgetl.isolated.command", lambda *_: [sys.executable, "-c", "1 / 0"])
    with pytest.raises(ModelError, match="failed: ZeroDivisionError"):
        soak(bundle, minutes=1)


def test_a_process_that_says_nothing_is_ended(bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(soaks, "_SILENCE_S", -0.5)
    asleep = "import time; time.sleep(600)"
    monkeypatch.setattr("edgetl.isolated.command", lambda *_: [sys.executable, "-c", asleep])
    with pytest.raises(ModelError, match="it hung"):
        soak(bundle, minutes=0.01)


def test_what_the_engine_refuses_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    error = json.dumps({"error": "the model is too old"})
    monkeypatch.setattr("edgetl.isolated.command", lambda *_: [sys.executable, "-c", f"print({error!r})"])
    with pytest.raises(ModelError, match="the model is too old"):
        soak(support.write_fake_bundle(tmp_path / "b.edgetl"), minutes=1)


@pytest.mark.parametrize("minutes", [0, -1, float("nan"), float("inf")])
def test_minutes_that_are_no_time_are_refused(bundle: Path, minutes: float) -> None:
    with pytest.raises(UsageError, match="measures nothing"):
        soak(bundle, minutes=minutes)


def test_bad_bundles_and_variants_are_refused(bundle: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        soak(bundle, "tflite-int9", minutes=1)
    with pytest.raises(UsageError, match="0 threads cannot run anything"):
        soak(bundle, minutes=1, threads=0)
    with pytest.raises(BundleError):
        soak(tmp_path / "nowhere.edgetl", minutes=1)


def test_windows_end_with_the_call_that_ends_after_them(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [0.0]
    monkeypatch.setattr(soaking, "time", SimpleNamespace(monotonic=lambda: clock[0]))

    def infer() -> None:
        clock[0] += 0.3

    found = list(windows(infer, 2.0, 1.0))
    assert [len(window["inference_s"]) for window in found] == [4, 3]
    assert [round(window["end_s"], 9) for window in found] == [1.2, 2.1]


def test_a_board_that_stays_cool_never_throttles() -> None:
    found = curve_of(run(60))
    assert (found.throttled_after_s, found.throttled_by) == (None, None)
    assert found.watched == ("firmware", "clock")
    assert found.contamination == ()


@pytest.mark.parametrize(
    ("field", "value", "by"),
    [
        ("throttled", lambda at: 0x60006 if at >= 40 else 0, "frequency capped, throttled"),
        ("slowed_count", lambda at: 3 if at < 40 else 4, "the processor slowed itself"),
        (
            "clocks_hz",
            lambda at: (1_000_000_000 if at >= 39.5 else 1_800_000_000,),
            "the clock fell from 1800 to 1000 MHz",
        ),
    ],
)
def test_the_time_to_throttle_is_when_it_was_first_told(field: str, value: Any, by: str) -> None:
    found = curve_of(run(60, **{field: value}))
    assert (found.throttled_after_s, found.throttled_by) == (40.0, by)


def test_under_voltage_alone_is_not_heat() -> None:
    assert curve_of(run(60, throttled=lambda at: int(at >= 40))).throttled_after_s is None


def test_a_machine_that_tells_nothing_is_said_to_watch_nothing() -> None:
    found = curve_of([replace(SILENT, at_s=100 + second) for second in range(60)])
    assert (found.throttled_after_s, found.watched) == (None, ())


def test_what_heat_does_is_the_curve_and_what_others_do_is_contamination() -> None:
    found = curve_of(run(60, throttled=lambda at: 4 * (at > 30), others=lambda _: 0.9))
    (reason,) = found.contamination
    assert "other programs" in reason


def test_a_window_has_its_temperature_clock_and_power() -> None:
    samples = run(
        2,
        temperature_c=lambda at: 60 + at,
        clocks_hz=lambda at: (600_000_000, 1_800_000_000 if at < 1 else 1_500_000_000),
        power_w=lambda at: 4.0 + at if at else None,
    )
    found = window_of(told(100.0, 0.01), 95.0, samples)
    assert (found.start_s, found.end_s, found.samples, found.median_s) == (5.0, 6.0, 100, 0.01)
    assert (found.p95_s, found.temperature_c, found.clock_hz, found.power_w) == (
        0.01,
        62.0,
        1_500_000_000,
        5.25,
    )
    assert found.text == "6 s: 10.0 ms, 62 °C, 1500 MHz"


def test_the_sustained_figure_is_of_the_last_quarter() -> None:
    parts = [window_of(told(100.0 + n, 0.01 if n < 6 else 0.02), 100.0, []) for n in range(8)]
    found = curve(REQUEST, parts, [], COST, None)
    assert (found.first_s, found.sustained_s, found.slowdown) == (0.01, 0.02, 2.0)
