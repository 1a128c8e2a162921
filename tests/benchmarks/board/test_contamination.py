"""What makes a run invalid, and that a quiet one is not called so."""

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sampled import QUIET, SILENT, run

from edgetl.benchmarks.board.contamination import RULES, by_rule, contamination

MIB = 1 << 20


def noise(seed: int, scale: float) -> Callable[[float], float]:
    values = np.random.default_rng(seed).normal(0, scale, 400)
    return lambda second: float(values[int(2 * second)])


def test_a_quiet_run_is_valid() -> None:
    assert contamination(run()) == ()


@given(st.integers(0, 10_000), st.sampled_from([3.0, 20.0, 120.0]))
def test_a_quiet_run_with_a_sensor_s_jitter_and_rounded_ticks_is_valid(seed: int, seconds: float) -> None:
    jitter, ticks = noise(seed, 0.5), noise(seed + 1, 0.03)
    samples = run(
        seconds,
        others=lambda at: 0.02 + ticks(at),
        temperature_c=lambda at: 60 + 0.487 * round(jitter(at) / 0.487),
    )
    assert contamination(samples) == ()


def test_a_machine_that_tells_nothing_is_not_called_invalid() -> None:
    assert contamination([replace(SILENT, at_s=float(at)) for at in range(30)]) == ()


@pytest.mark.parametrize("count", [0, 1])
def test_too_few_samples_say_nothing(count: int) -> None:
    assert contamination([QUIET] * count) == ()


def after(second: float, value: Any, before: Any) -> Callable[[float], Any]:
    return lambda at: value if at >= second else before


@pytest.mark.parametrize(
    ("told", "reason"),
    [
        ({"throttled": after(15, 0x60006, 0)}, "slowed while it was measured (frequency capped, throttled)"),
        ({"throttled": after(15, 0x10000, 0)}, "too little voltage"),
        ({"throttled": after(15, 0x1, 0x0)}, "too little voltage"),
        ({"throttled": lambda _: None, "slowed_count": after(4, 12, 3)}, "slowed itself 9 times"),
        ({"others": after(10, 1.0, 0.0)}, "up to 1.0 cores for 10.5 of 20.0 s, from second 9.5 on"),
        ({"others": lambda _: 0.2}, "0.20 of a core throughout"),
        ({"steal_s": lambda at: 0.3 * at}, "took 0.30 of a core from this virtual machine"),
        ({"clocks_hz": after(15, (1_500_000_000,), (1_800_000_000,))}, "between 1500 and 1800 MHz"),
        ({"temperature_c": lambda at: 50 + at / 2}, "still rising at the end (50 to 60 °C"),
        ({"swapped_bytes": after(10, 8 * MIB, 0)}, "8 MiB went to swap"),
        ({"stalled_s": lambda at: 0.1 * at}, "waited for memory in 10 % of the time"),
    ],
)
def test_what_happened_while_it_ran_is_the_reason(told: dict[str, Any], reason: str) -> None:
    (found,) = contamination(run(**told))
    assert reason in found


def test_what_slowed_the_board_before_the_run_is_not_held_against_it() -> None:
    assert contamination(run(throttled=lambda _: 0x50000)) == ()


@pytest.mark.parametrize(
    "told",
    [
        {"others": lambda at: 1.0 if at == 7 else 0.0},
        {"clocks_hz": lambda at: (600_000_000,) if at == 7 else (1_800_000_000,)},
        {"clocks_hz": lambda at: (1_750_000_000 if int(at) % 2 else 1_800_000_000,)},
        {"clocks_hz": lambda _: (600_000_000, 600_000_000, 1_800_000_000)},
        {"swapped_bytes": lambda at: 4096 * int(at)},
        {"temperature_c": lambda at: 48 + 12 * (1 - math.exp(-at / 4))},
        {"temperature_c": lambda at: 70 - at / 2},
        {"temperature_c": lambda at: 60.0 if at < 15 else 60.487},
    ],
)
def test_a_blip_is_no_reason(told: dict[str, Any]) -> None:
    assert contamination(run(**told)) == ()


def test_the_clock_of_a_board_that_waits_says_nothing() -> None:
    idle = [replace(sample, own_s=0.0, busy_s=1000.0) for sample in run(clocks_hz=after(10, (6,), (18,)))]
    assert contamination(idle) == ()


def test_two_rules_of_one_name_give_one_reason() -> None:
    assert len(contamination(run(others=lambda _: 0.9))) == 1


def test_only_the_rules_that_are_named_are_applied() -> None:
    hot = run(throttled=after(15, 0x4, 0), others=lambda _: 0.9)
    assert len(contamination(hot)) == 2
    assert list(by_rule(hot)) == ["throttled", "others"]
    (reason,) = contamination(hot, names=("others",))
    assert "other programs" in reason


def test_the_documentation_has_every_rule_with_its_threshold_and_source(root: Path) -> None:
    text = (root / "docs/board_state.md").read_text("utf-8")
    for rule in RULES:
        assert f"| {rule.name} | {rule.threshold:g} {rule.unit} | {rule.source} |" in text
