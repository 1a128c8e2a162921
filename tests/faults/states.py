"""What a kill or a power cut can leave of a recorded command.

The model is that of ALICE (Pillai et al., OSDI 2014) and CrashMonkey, as weak as POSIX allows: the data of
a file is durable once the file was flushed, the entries of a folder once the folder was; whatever is not
durable may be kept or lost, each on its own and in any order, and data may be torn at any byte or be zeros.
A rename within a folder happens as a whole, as all file systems have it; of one between folders the old name
may outlive the new one's appearance, but is never lost before it.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from faults.recorder import Operation, Tree

_ROOT = 0


@dataclass(frozen=True)
class Effect:
    """A change that a disk keeps or loses as a whole, but for data, which may be torn."""

    at: int
    """Number of the operation that asked for it."""
    folder: int = -1
    """Number of the folder whose entries change; -1 for data."""
    entries: tuple[tuple[str, int | None], ...] = ()
    """Name and number of the new file or folder, None for none."""
    file: int = -1
    offset: int = 0
    data: bytes = b""
    needs: int = -1
    """Number of the effect without which this one cannot be, -1 for none."""
    flushed: int | None = None
    """Number of the operation that made it durable, None for none."""


@dataclass
class History:
    """A recorded command as effects on numbered files and folders."""

    operations: Sequence[Operation]
    content: dict[int, bytes] = field(default_factory=dict)
    """Of each file, before the command."""
    entries: dict[int, dict[str, int]] = field(default_factory=dict)
    """Of each folder, before the command."""
    effects: list[Effect] = field(default_factory=list)

    @property
    def flushes(self) -> list[int]:
        """Numbers of the operations that make something durable."""
        return [at for at, one in enumerate(self.operations) if one.name.startswith("sync")]

    def state(self, kept: Sequence[Effect]) -> Tree:
        """The tree of a disk that kept these effects."""
        content = dict(self.content)
        entries = {folder: dict(names) for folder, names in self.entries.items()}
        for effect in kept:
            if effect.folder >= 0:
                for name, number in effect.entries:
                    if number is None:
                        entries[effect.folder].pop(name, None)
                    else:
                        entries[effect.folder][name] = number
            else:
                file, end = content[effect.file], effect.offset + len(effect.data)
                if effect.offset < 0:  # the whole content anew
                    content[effect.file] = effect.data
                else:
                    head = file[: effect.offset].ljust(effect.offset, b"\0")
                    content[effect.file] = head + effect.data + file[end:]
        tree: Tree = {}

        def walk(folder: int, above: str) -> None:
            for name, number in sorted(entries[folder].items()):
                tree[above + name] = None if number in entries else content[number]
                if number in entries:
                    walk(number, f"{above}{name}/")

        walk(_ROOT, "")
        return tree

    def without(self, flush: int) -> list[Effect]:
        """The effects, had the command not made that flush."""
        operations = [
            replace(one, name="none") if at == flush else one for at, one in enumerate(self.operations)
        ]
        return history(self.before, operations).effects

    @property
    def before(self) -> Tree:
        """The tree before the command."""
        return self.state([])


def history(before: Tree, operations: Sequence[Operation]) -> History:
    """Follow a recorded command.

    Args:
        before: what stood there, all of it durable.
        operations: what was asked for.
    """
    found = History(operations, entries={_ROOT: {}})
    numbers = {"": _ROOT}
    for path, data in sorted(before.items()):
        number = len(numbers)
        numbers[path] = number
        above, _, name = path.rpartition("/")
        found.entries[numbers[above]][name] = number
        if data is None:
            found.entries[number] = {}
        else:
            found.content[number] = data
    _Follower(found).follow()
    return found


class _Follower:
    def __init__(self, found: History) -> None:
        self.found = found
        self.live = {folder: dict(names) for folder, names in found.entries.items()}
        self.sizes = {file: len(data) for file, data in found.content.items()}
        self.next = len(self.live) + len(self.sizes)

    def follow(self) -> None:
        for at, one in enumerate(self.found.operations):
            getattr(self, f"_{one.name}")(at, one)

    def _none(self, _at: int, _one: Operation) -> None:
        """A flush that was taken away."""

    def _create(self, at: int, one: Operation) -> None:
        self.found.content[self.next] = b""
        self.sizes[self.next] = 0
        self._enter(at, one.path, self.next)
        self.next += 1

    def _make_folder(self, at: int, one: Operation) -> None:
        self.found.entries[self.next] = {}
        self.live[self.next] = {}
        self._enter(at, one.path, self.next)
        self.next += 1

    def _write(self, at: int, one: Operation) -> None:
        file = self._find(one.path)
        self.found.effects.append(Effect(at, file=file, offset=self.sizes[file], data=one.data))
        self.sizes[file] += len(one.data)

    def _replace(self, at: int, one: Operation) -> None:
        file = self._find(one.path)
        self.found.effects.append(Effect(at, file=file, offset=-1, data=one.data))
        self.sizes[file] = len(one.data)

    def _rename(self, at: int, one: Operation) -> None:
        number, (old, name), (new, other) = (
            self._find(one.path),
            self._place(one.path),
            self._place(one.other),
        )
        del self.live[old][name]
        self.live[new][other] = number
        if old == new:
            self.found.effects.append(Effect(at, old, ((name, None), (other, number))))
            return
        self.found.effects.append(Effect(at, new, ((other, number),)))
        self.found.effects.append(Effect(at, old, ((name, None),), needs=len(self.found.effects) - 1))

    def _exchange(self, at: int, one: Operation) -> None:
        (folder, name), (other_folder, other) = self._place(one.path), self._place(one.other)
        assert folder == other_folder
        first, second = self._find(one.path), self._find(one.other)
        self.live[folder] |= {name: second, other: first}
        self.found.effects.append(Effect(at, folder, ((name, second), (other, first))))

    def _unlink(self, at: int, one: Operation) -> None:
        folder, name = self._place(one.path)
        del self.live[folder][name]
        self.found.effects.append(Effect(at, folder, ((name, None),)))

    _remove_folder = _unlink

    def _sync_file(self, at: int, one: Operation) -> None:
        file = self._find(one.path)
        self._flush(at, lambda effect: effect.file == file)

    def _sync_folder(self, at: int, one: Operation) -> None:
        folder = self._find(one.path)
        self._flush(at, lambda effect: effect.folder == folder)

    def _flush(self, at: int, concerns: Callable[[Effect], bool]) -> None:
        self.found.effects = [
            replace(effect, flushed=at) if effect.flushed is None and concerns(effect) else effect
            for effect in self.found.effects
        ]

    def _enter(self, at: int, path: str, number: int) -> None:
        folder, name = self._place(path)
        self.live[folder][name] = number
        self.found.effects.append(Effect(at, folder, ((name, number),)))

    def _find(self, path: str) -> int:
        number = _ROOT
        for name in path.split("/") if path not in ("", ".") else ():
            number = self.live[number][name]
        return number

    def _place(self, path: str) -> tuple[int, str]:
        above, _, name = path.rpartition("/")
        return self._find(above), name


@dataclass(frozen=True)
class State:
    """What one kill or power cut left."""

    why: str
    history: History
    kept: Sequence[Effect]
    ended: bool
    """Whether the command had ended before: then what it did must be there."""

    @property
    def tree(self) -> Tree:
        """What stands on the disk."""
        return self.history.state(self.kept)


def kills(found: History) -> Iterator[State]:
    """A process stopped before the first operation, after each, and within each write."""
    last = len(found.operations) - 1
    for at in range(-1, last + 1):
        done = [effect for effect in found.effects if effect.at <= at]
        yield State(f"killed after {_told(found, at)}", found, done, at == last)
        for size in sorted({1, len(done[-1].data) // 2, len(done[-1].data) - 1}) if done else ():
            if done[-1].at == at and 0 < size < len(done[-1].data):
                torn = replace(done[-1], data=done[-1].data[:size])
                yield State(f"killed {size} bytes into {_told(found, at)}", found, [*done[:-1], torn], False)


def power_cuts(found: History, effects: Sequence[Effect], *, first: int = 0) -> Iterator[State]:
    """The plain losses after each operation, from the last to the one before ``first``.

    Lost is all that is not durable, one thing of it, or all but one; and each in turn is torn.
    """
    last = len(found.operations) - 1
    for at in range(last, first - 2, -1):
        lost = {place for place, one in enumerate(effects) if one.at <= at and not _is_durable(one, at)}
        told = f"power cut after {_told(found, at)}"
        yield State(f"{told}, all lost", found, _keep(effects, at, lost), at == last)
        for place in sorted(lost):
            yield State(f"{told}, {place} lost", found, _keep(effects, at, {place}), at == last)
            yield State(f"{told}, only {place} kept", found, _keep(effects, at, lost - {place}), at == last)
            size = len(effects[place].data)
            for torn in (0, size // 2) if size else ():
                yield State(
                    f"{told}, {place} torn at {torn}",
                    found,
                    _keep(effects, at, set(), {place: (torn, "cut" if torn else "zeros")}),
                    at == last,
                )


def drawn_power_cuts(found: History, count: int, chance: np.random.Generator) -> Iterator[State]:
    """So many power cuts at drawn moments, with drawn losses, tears and zeros."""
    effects, last = found.effects, len(found.operations) - 1
    for number in range(count):
        at = int(chance.integers(-1, last + 1))
        open_ = [place for place, one in enumerate(effects) if one.at <= at and not _is_durable(one, at)]
        share = chance.random()
        lost = {place for place in open_ if chance.random() < share}
        torn = {
            place: (
                int(chance.integers(0, len(effects[place].data) + 1)),
                ("cut", "zeros", "zeros first")[chance.integers(3)],
            )
            for place in open_
            if place not in lost and effects[place].data and chance.random() < 0.5
        }
        kept = _keep(effects, at, lost, torn)
        yield State(
            f"drawn power cut {number} after {_told(found, at)}: {sorted(lost)} lost, {torn} torn",
            found,
            kept,
            at == last,
        )


def _keep(
    effects: Sequence[Effect],
    at: int,
    lost: set[int],
    torn: dict[int, tuple[int, str]] | None = None,
) -> list[Effect]:
    """Torn: how many bytes are kept, and whether the rest is cut, zeros, or zeros and before them."""
    kept = []
    for place, effect in enumerate(effects):
        if effect.at > at or place in lost or (effect.needs in lost):
            continue
        if torn and place in torn:
            effect = replace(effect, data=_torn(effect.data, *torn[place]))
        kept.append(effect)
    return kept


def _torn(data: bytes, size: int, rest: str) -> bytes:
    """What is left of data of which one part reached the disk."""
    if rest == "cut":
        return data[:size]
    zeros = bytes(len(data) - size)
    return data[:size] + zeros if rest == "zeros" else zeros + data[len(data) - size :]


def _is_durable(effect: Effect, at: int) -> bool:
    return effect.flushed is not None and effect.flushed <= at


def _told(found: History, at: int) -> str:
    if at < 0:
        return "nothing"
    one = found.operations[at]
    return f"{at} {one.name} {one.path}" + (f" to {one.other}" if one.other else "")
