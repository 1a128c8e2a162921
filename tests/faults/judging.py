"""Whether what a kill or a power cut left is the old state or the new, and whether the next command copes."""

import fnmatch
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from faults import states
from faults.recorder import Tree, record, temporary_names, tree_of
from faults.scenarios import Scenario, Value
from faults.states import History, State


@dataclass(frozen=True)
class Recording:
    """A command that ran undisturbed."""

    scenario: Scenario
    history: History
    before: Value
    after: Value

    def fault(self, state: State, room: Path, *, go_on: bool) -> str | None:
        """What is wrong with a state; None where nothing is."""
        lay_out(state.tree, room)
        with self.scenario.at(room):
            try:
                found = self.scenario.read(room)
            except Exception as error:  # noqa: BLE001 - whatever a reader raises is a fault
                return f"{state.why}: cannot be read: {error!r}"
            if state.ended and found != self.after:
                return f"{state.why}: the command had ended, and found is {found!r}"
            if not self.scenario.fits(found, self.before, self.after):
                return f"{state.why}: found is {found!r}"
            return self.after_the_next(room, state.why) if go_on else None

    def after_the_next(self, room: Path, why: str) -> str | None:
        """What is wrong once the next command has run."""
        try:
            (self.scenario.again or self.scenario.run)(room)
            found = self.scenario.read(room)
        except Exception as error:  # noqa: BLE001
            return f"{why}: the next command failed: {error!r}"
        if not self.scenario.settled(found, self.before, self.after):
            return f"{why}: after the next command found is {found!r}"
        if left := temporary_names(room):
            return f"{why}: the next command left {left}"
        return None


def lay_out(tree: Tree, room: Path) -> None:
    """Make a folder look like a tree."""
    shutil.rmtree(room, ignore_errors=True)
    room.mkdir(parents=True)
    for path, data in sorted(tree.items()):
        if data is None:
            (room / path).mkdir()
        else:
            (room / path).write_bytes(data)


def recording_of(scenario: Scenario, room: Path) -> Recording:
    """Prepare, run and read once."""
    room.mkdir()
    with scenario.at(room):
        scenario.prepare(room)
        before, tree = scenario.read(room), tree_of(room)
        operations = record(room, lambda: scenario.run(room))
        found = states.history(tree, operations)
        # What was recorded is all that was done: else the states below would be of another command.
        assert found.state(found.effects) == tree_of(room)
        return Recording(scenario, found, before, scenario.read(room))


def distinct(found: Iterator[State]) -> Iterator[State]:
    """Each state once."""
    seen: set[int] = set()
    for state in found:
        key = hash((state.ended, frozenset(state.tree.items())))
        if key not in seen:
            seen.add(key)
            yield state


def unneeded_flushes(recording: Recording, room: Path) -> list[str]:
    """What is flushed although no power cut loses anything without it, but for what is known to be spare."""
    found = recording.history
    unneeded = []
    for flush in found.flushes:
        path = found.operations[flush].path
        if any(fnmatch.fnmatch(path, known) for known in recording.scenario.spare):
            continue
        cuts = distinct(states.power_cuts(found, found.without(flush), first=flush))
        if not any(recording.fault(state, room, go_on=False) for state in cuts):
            unneeded.append(path)
    return unneeded
