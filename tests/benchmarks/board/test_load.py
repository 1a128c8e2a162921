"""What a machine has counted: processor time of the benchmark and of all, swap, waiting for memory."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from boards import write
from hypothesis import given
from hypothesis import strategies as st
from sampled import write_load

from edgetl.benchmarks.board.load import Load

BURN = "import time\nwhile time.process_time() < 0.5: pass\nprint('burnt', flush=True); input()"
ON_LINUX = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="reads /proc")


def test_the_children_of_the_benchmark_are_its_own_and_other_programs_are_not(tmp_path: Path) -> None:
    found = Load(100, write_load(tmp_path, busy=1000, own=250, other=300)).read()
    assert (found.busy_s, found.own_s) == (10.0, 2.5)


def test_steal_swap_and_waiting_are_told(tmp_path: Path) -> None:
    root = write_load(tmp_path, busy=1, own=0, steal=120, swapped=3, stalled_us=250_000)
    found = Load(100, root).read()
    assert (found.steal_s, found.stalled_s) == (1.2, 0.25)
    assert found.swapped_bytes == 3 * os.sysconf("SC_PAGE_SIZE")


def test_a_child_that_comes_later_counts_and_one_that_is_gone_does_not(tmp_path: Path) -> None:
    root = write_load(tmp_path, busy=1000, own=250, other=300)
    load = Load(100, root)
    load.read()
    write(root, {"proc/103/stat": "103 (late) S 101 1 1 0 -1 0 0 0 0 0 40 2 0 0 20 0 1 0 1 0 0\n"})
    assert load.read().own_s == 2.92
    shutil.rmtree(root / "proc/103")
    assert load.read().own_s == 2.5


def test_a_number_given_anew_is_looked_at_again(tmp_path: Path) -> None:
    root = write_load(tmp_path, busy=1000, own=250, other=300)
    load = Load(100, root)
    load.read()
    shutil.rmtree(root / "proc/102")
    load.read()
    write(root, {"proc/102/stat": "102 (ours now) S 100 1 1 0 -1 0 0 0 0 0 50 0 0 0 20 0 1 0 1 0 0\n"})
    assert load.read().own_s == 3.0


def test_a_machine_without_these_files_tells_nothing(tmp_path: Path) -> None:
    found = Load(100, tmp_path).read()
    assert (found.busy_s, found.own_s, found.steal_s) == (None, None, None)
    assert (found.swapped_bytes, found.stalled_s) == (None, None)


def test_a_benchmark_that_cannot_be_seen_is_unknown_and_not_idle(tmp_path: Path) -> None:
    assert Load(4242, write_load(tmp_path, busy=1000, own=250)).read().own_s is None


@given(st.text(max_size=40))
def test_files_that_tell_nonsense_stop_nothing(tmp_path_factory: pytest.TempPathFactory, told: str) -> None:
    root = tmp_path_factory.mktemp("board")
    forms = {
        "proc/stat": "cpu {0} {0} 0 0 0 0 0 {0}",
        "proc/100/stat": "100 (python) S 1 {0}",
        "proc/vmstat": "pswpin {0}",
        "proc/pressure/memory": "some total={0}",
    }
    write(root, {name: form.format(told) for name, form in forms.items()})
    assert Load(100, root).read().own_s is None


@ON_LINUX
def test_a_real_program_is_another_one_s_load_or_ours_as_it_is_looked_at() -> None:
    asleep = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    burner = subprocess.Popen(
        [sys.executable, "-c", BURN], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with asleep, burner:
        ours, theirs = Load(burner.pid), Load(asleep.pid)
        before = ours.read(), theirs.read()
        assert burner.stdout is not None
        assert burner.stdout.readline() == "burnt\n"
        after = ours.read(), theirs.read()
        burner.kill()
        asleep.kill()
    own, others = [b.own_s - a.own_s for a, b in zip(before, after, strict=True)]  # type: ignore[operator]
    busy = after[1].busy_s - before[1].busy_s  # type: ignore[operator]
    assert own >= 0.35  # of 0.5 s: what it took before the first look is missing
    assert others <= 0.05
    assert busy - others >= 0.35
