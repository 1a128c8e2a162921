"""The benchmark of a board says what it is, and how fast."""

import re
from collections.abc import Callable
from pathlib import Path

from edgetl.benchmarks.machine import describe
from examples.running import Script


def test_the_table_has_the_machine_its_state_and_a_row_for_each_measurement(
    start: Callable[..., Script], bundle: Path
) -> None:
    code, out, err = start("benchmark_board.py", bundle, 0.1).end()
    assert (code, err) == (0, "")
    machine = describe()
    first, *lines = out.splitlines()
    assert first.startswith(f"{machine.label}, ")
    assert any("figures of a PC" in line for line in lines) is not machine.is_board
    assert any(re.fullmatch(r"governor \w+; slowed: .+", line) for line in lines)
    header = next(place for place, line in enumerate(lines) if line.startswith("model"))
    assert lines[header].split() == ["model", "engine", "threads", "ms", "a", "second", "MB"]
    rows = [line.split() for line in lines[header + 1 :]]
    assert rows
    for name, engine, threads, ms, rate, memory in rows:
        assert (name, engine) == ("fake-float32", "fake")
        assert int(threads) >= 1
        assert abs(float(ms) * float(rate) - 1000) < 1000  # both are rounded
        assert int(memory) > 0
