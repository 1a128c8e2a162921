"""Nothing is lost: whatever a kill, a power cut or a failing disk leaves is the old state or the new.

Every state is made from a recording of the real command, and read with what a user reads with; then the next
command runs, without a hand's help, and no half-written file is left.
"""

import errno
import itertools
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from deep import SEED, cases

from edgetl.errors import EdgetlError, WriteError
from faults import states
from faults.failing import Fault, failing
from faults.judging import Recording, distinct, recording_of, unneeded_flushes
from faults.recorder import record
from faults.scenarios import SCENARIOS, Scenario, Value
from faults.states import History


@pytest.fixture
def room(tmp_path: Path) -> Iterator[Path]:
    """A folder to work in, in memory where that can be: thousands of states are laid out."""
    memory = Path("/dev/shm")
    if not os.access(memory, os.W_OK):
        yield tmp_path
        return
    with tempfile.TemporaryDirectory(dir=memory, prefix="edgetl-faults-") as folder:
        yield Path(folder)


_recordings: dict[str, Recording] = {}


@pytest.fixture(params=SCENARIOS, ids=str)
def recording(request: pytest.FixtureRequest, room: Path) -> Recording:
    name = str(request.param)
    if name not in _recordings:
        _recordings[name] = recording_of(request.param, room / "recorded")
    return _recordings[name]


def test_a_kill_before_after_or_within_any_operation_leaves_the_old_or_the_new(
    recording: Recording, room: Path
) -> None:
    for state in states.kills(recording.history):
        assert recording.fault(state, room / "state", go_on=True) is None


def test_a_power_cut_leaves_the_old_or_the_new_whatever_was_not_flushed(
    recording: Recording, room: Path
) -> None:
    chance = np.random.default_rng([SEED, len(recording.scenario.name)])
    plain = list(states.power_cuts(recording.history, recording.history.effects))
    # In the short form every so many of the plain ones; in the deep one all.
    step = max(1, len(plain) // cases(30, len(plain)))
    drawn = states.drawn_power_cuts(recording.history, cases(90, 15_000), chance)
    tried = 0
    for state in distinct(itertools.chain(plain[::step], drawn)):
        assert recording.fault(state, room / "state", go_on=tried % 5 == 0) is None
        tried += 1
    print(recording.scenario, tried, "states")  # noqa: T201 - the figures, with -s


def test_without_any_one_flush_a_power_cut_loses_something(recording: Recording, room: Path) -> None:
    unneeded = unneeded_flushes(recording, room / "state")
    assert unneeded == []
    assert recording.history.flushes


# --- a failing disk ------------------------------------------------------------------------------


@pytest.mark.parametrize("for_ever", [False, True], ids=["once", "for ever"])
@pytest.mark.parametrize("kind", ["ENOSPC", "EIO", "short"])
@pytest.mark.parametrize("scenario", SCENARIOS, ids=str)
def test_a_disk_that_fails_at_any_operation_leaves_the_old_or_the_new(
    scenario: Scenario, kind: str, for_ever: bool, room: Path
) -> None:
    code = errno.EIO if kind == "EIO" else errno.ENOSPC
    tried = 0
    prepared = room / "prepared"
    prepared.mkdir()
    with scenario.at(prepared):
        scenario.prepare(prepared)
    after = after_of(scenario, prepared)
    for number in itertools.count():
        place = room / f"try-{number}"
        shutil.copytree(prepared, place)
        with scenario.at(place):
            before = scenario.read(place)
            fault = Fault(number, code, for_ever, short=kind == "short")
            told: EdgetlError | None = None
            with failing(fault):
                try:
                    scenario.run(place)
                except EdgetlError as error:  # any other class is a failure of this test
                    told = error
            found = scenario.read(place)
            if fault.hit is None:
                break
            tried += 1
            why = f"{os.strerror(code)} at {number}, {fault.hit}"
            assert scenario.fits(found, before, after), why
            if told is None:
                assert scenario.may_go_on or found == after, why
            else:
                assert isinstance(told, WriteError), why
                assert str(place) in str(told), why
                if code == errno.ENOSPC and fault.hit in ("create", "write", "allocate"):
                    assert "it needs at least" in str(told), why
            recording = Recording(scenario, History([]), before, after)
            assert recording.after_the_next(place, why) is None
        shutil.rmtree(place)
    assert tried >= 2


def after_of(scenario: Scenario, prepared: Path) -> Value:
    """What the command leads to on a disk that works."""
    room = prepared.with_name("undisturbed")
    shutil.copytree(prepared, room)
    with scenario.at(room):
        scenario.run(room)
        return scenario.read(room)


def test_an_operation_that_goes_round_the_seam_is_noticed(room: Path) -> None:
    with pytest.raises(AssertionError, match=r"create of stray\.txt goes round edgetl\.disk"):
        record(room, lambda: (room / "stray.txt").write_text("stray"))
