"""Plots over time: of the machine while it was measured, and of a soak."""

import re
from dataclasses import replace

from sampled import SILENT, run

from edgetl.benchmarks.board.sampling import Cost
from edgetl.benchmarks.board.soak_curve import SoakCurve, curve, window_of
from edgetl.benchmarks.board.soaking import SoakRequest
from edgetl.reports import sections


def soak(seconds: int = 20) -> SoakCurve:
    samples = run(float(seconds), temperature_c=lambda s: 50.0 + s)
    windows = [
        window_of(
            {"start_s": float(s), "end_s": s + 1.0, "inference_s": [0.01 + 0.0001 * s] * 80}, 0.0, samples
        )
        for s in range(seconds)
    ]
    return curve(
        SoakRequest("b", "tflite-int8", "litert", 4, 60.0, 1.0), windows, samples, Cost(9, 0.1, 0.1), None
    )


def test_what_a_machine_does_not_tell_is_not_drawn() -> None:
    section = sections.over_time(run(10.0), "Pi 4")
    assert section is not None
    assert re.findall("<h4>(.*?)</h4>", section.html) == ["Temperature", "Clock", "Other programs"]
    assert sections.over_time([replace(SILENT, at_s=float(second)) for second in range(9)], "Pi 4") is None
    assert sections.over_time([], "Pi 4") is None


def test_a_throttled_stretch_is_tinted_and_named() -> None:
    section = sections.over_time(run(20.0, throttled=lambda s: 0x4 if 10 <= s <= 15 else 0), "Pi 4")
    assert section is not None
    assert "(throttled)" in section.html
    starts = re.findall(r'<rect x="([\d.]+)%" y="0" width="([\d.]+)%"[^>]*class="tint"', section.html)
    assert starts == [("50.00", "25.00")] * 3


def test_a_peak_of_one_sample_among_thousands_is_still_drawn() -> None:
    quiet = sections.over_time(run(1000.0, temperature_c=lambda _: 50.0), "Pi 4")
    peak = sections.over_time(run(1000.0, temperature_c=lambda s: 80.0 if s == 433.5 else 50.0), "Pi 4")
    assert quiet is not None
    assert peak is not None
    assert "From 50 to 80 °C." in peak.html
    assert ">80 °C<" in peak.html
    assert len(peak.html) < 40_000


def test_a_soak_says_what_is_sustained_and_whether_it_throttled() -> None:
    html = sections.soaked(soak(), "Pi 4").html
    for said in (
        "tflite-int8",
        "10.0 ms",
        "11.7 ms",
        "1.17 times the first",
        "watched: firmware, clock",
        "Pi 4",
    ):
        assert said in html
    slowed = replace(
        soak(), throttled_after_s=12.0, throttled_by="throttled", contamination=("others took a core",)
    )
    html = sections.soaked(slowed, "Pi 4").html
    assert "Others took a core." in html
    assert 'class="throttle"' in html
    silent = replace(soak(), watched=(), ended="it was stopped")
    assert "this machine does not tell" in sections.soaked(silent, "Pi 4").html
    assert "It ended early: it was stopped." in sections.soaked(silent, "Pi 4").html
