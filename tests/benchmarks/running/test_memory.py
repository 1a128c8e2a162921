"""Resident memory: the peak can begin anew."""

from pathlib import Path

import pytest

from edgetl.benchmarks.running import memory
from edgetl.runtime.engines import ENGINES

needs_linux = pytest.mark.skipif(
    not Path("/proc/self/clear_refs").exists(), reason="memory is read from Linux' /proc"
)


@needs_linux
def test_a_peak_is_forgotten_when_it_begins_anew() -> None:
    ballast = bytearray(b"x") * 200_000_000
    del ballast
    high = memory.resident_bytes("VmHWM")
    if not memory.reset_peak():
        pytest.skip("this kernel does not let a process reset its peak")
    low = memory.resident_bytes("VmHWM")
    assert high is not None
    assert low is not None
    assert low < high - 100_000_000


def test_without_proc_memory_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "read_text", lambda path: None)
    assert memory.resident_bytes("VmRSS") is None


def test_a_kernel_that_forbids_the_reset_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def forbidden(*_: object) -> int:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("os.open", forbidden)
    assert memory.reset_peak() is False


def test_every_engine_has_its_reason_for_an_unknown_arena() -> None:
    assert set(memory.NO_ARENA) == set(ENGINES)
