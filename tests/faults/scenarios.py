"""The commands that must survive kills, power cuts and full disks: prepare, run, read.

To add one: a function that prepares a folder, one that runs the command in it, one that reads what a user
would find there, and a line in ``SCENARIOS``.
"""

import contextlib
import dataclasses
import errno
import hashlib
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import bench_reports
import numpy as np
import pytest
import teachable
import versions

from edgetl import disk, files, processes
from edgetl.benchmarks import reading
from edgetl.bundle import Bundle
from edgetl.cli import bench
from edgetl.errors import UsageError
from edgetl.runtime import engines, limited, teaching, threads
from edgetl.runtime.limited import Trial
from edgetl.runtime.teaching import beside, store
from edgetl.training.checking import quarantine
from edgetl.training.features.merging import merge
from edgetl.training.features.shards import Writer
from edgetl.training.features.table import FeatureTable
from edgetl.training.tuning.checkpoint import Checkpoints
from edgetl.updating import activate as activation
from edgetl.updating import state as states
from edgetl.updating import store as stores
from edgetl.updating.install import install
from edgetl.updating.state import MOST_STARTS
from faults.recorder import tree_of

Value = Any
"""What a user finds: anything that can be compared."""


def _old_or_new(found: Value, before: Value, after: Value) -> bool:
    return bool(found in (before, after))


def _new(found: Value, _before: Value, after: Value) -> bool:
    return bool(found == after)


@dataclass(frozen=True)
class Scenario:
    """A command and what must hold whatever befalls it."""

    name: str
    prepare: Callable[[Path], object]
    """Lays out a folder."""
    run: Callable[[Path], object]
    """The command."""
    read: Callable[[Path], Value]
    """What a user finds; raises whatever a user would see."""
    again: Callable[[Path], object] | None = None
    """The next command; None: the same once more."""
    fits: Callable[[Value, Value, Value], bool] = _old_or_new
    """Whether what is found, given what was before and would be after, is allowed at any moment."""
    settled: Callable[[Value, Value, Value], bool] = _new
    """Whether it is what the next command must lead to."""
    may_go_on: bool = False
    """Whether the command does its work where it cannot write: what it would keep only saves time."""
    own_cache: bool = True
    """Whether the cache is below the root, and so what is written there is recorded too."""
    exchange: bool = True
    """Whether folders can change places."""
    spare: Mapping[str, str] = field(default_factory=dict)
    """Flushes without which nothing is lost here, with the reason why they are made all the same."""

    def __str__(self) -> str:
        return self.name

    @contextlib.contextmanager
    def at(self, root: Path) -> Iterator[None]:
        """The surroundings of a command: its cache and its temporary files below the root."""
        with pytest.MonkeyPatch.context() as patch:
            if self.own_cache:
                patch.setenv("EDGETL_CACHE", str(root / "cache"))
            if not self.exchange:
                patch.setattr(disk, "exchange", _no_exchange)
            yield


def _no_exchange(_one: Path, _other: Path) -> None:
    raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))


# --- the primitives ------------------------------------------------------------------------------

_OLD, _NEW = b"the old content, which is longer than the new one" * 9, b"what is new" * 20


def _old_file(root: Path) -> None:
    files.write_bytes(root / "note.txt", _OLD)


def _write_file(root: Path) -> None:
    files.write_bytes(root / "note.txt", _NEW)


def _write_deep(root: Path) -> None:
    files.write_bytes(root / "new" / "deep" / "note.txt", _NEW)


def _library_writes(root: Path) -> None:
    with files.new_file(root / "note.txt") as temporary, temporary.open("wb") as file:
        for part in (_NEW[:50], _NEW[50:]):
            file.write(part)


def _old_folder(root: Path) -> None:
    with files.new_folder(root / "runs" / "first", replace=True) as folder:
        files.write_bytes(folder / "model.bin", _OLD)
        files.write_bytes(folder / "deep" / "old.txt", b"old")


def _write_folder(root: Path) -> None:
    with files.new_folder(root / "runs" / "first", replace=True) as folder:
        files.write_bytes(folder / "model.bin", _NEW)
        files.write_bytes(folder / "deep" / "er" / "new.txt", b"new")
        (folder / "library").mkdir()
        (folder / "library" / "graph.bin").write_bytes(_NEW * 2)
        files.write_json(folder / "run.json", {"sha256": hashlib.sha256(_NEW).hexdigest()})


def _read_folder(root: Path) -> Value:
    files.recover(root / "runs" / "first")
    if not (root / "runs" / "first").exists():
        return None
    return {name: data for name, data in tree_of(root / "runs" / "first").items() if data is not None}


def _read_file(*parts: str) -> Callable[[Path], Value]:
    def read(root: Path) -> Value:
        place = root.joinpath(*parts)
        return place.read_bytes() if place.exists() else None

    return read


def _two_places(root: Path) -> None:
    files.write_bytes(root / "here" / "photo.jpg", _OLD)


def _move(root: Path) -> None:
    if (root / "here" / "photo.jpg").exists() and not (root / "there" / "photo.jpg").exists():
        files.move(root / "here" / "photo.jpg", root / "there" / "photo.jpg")


def _read_both(root: Path) -> Value:
    return tuple(_read_file(place, "photo.jpg")(root) for place in ("here", "there"))


def _at_one_or_both(found: Value, _before: Value, _after: Value) -> bool:
    return set(found) in ({_OLD}, {_OLD, None})


def _at_the_target(found: Value, _before: Value, _after: Value) -> bool:
    return bool(found[1] == _OLD)


# --- features and checkpoints --------------------------------------------------------------------

_WIDTH = 5


def _row(number: int) -> tuple[str, Any]:
    features = np.random.default_rng(number).normal(size=_WIDTH).astype(np.float32)
    return hashlib.sha256(str(number).encode()).hexdigest(), features


def _add_rows(root: Path, numbers: range) -> None:
    with contextlib.closing(Writer(root / "features")) as writer:
        for number in numbers:
            writer.add(*_row(number))


def _flush_rows(root: Path) -> None:
    """As a training that is killed afterwards, so that nobody closes the shard."""
    writer = Writer(root / "features")
    for number in range(3, 7):
        writer.add(*_row(number))
    writer.sync()


def _read_rows(root: Path) -> Value:
    table = FeatureTable(root / "features")
    names = [_row(number) for number in range(40)]
    found = {name: table[name].tobytes() for name, _ in names if name in table}
    assert len(found) == len(table)
    assert all(found[name] == row.tobytes() for name, row in names if name in found)
    return sorted(found)


def _no_row_lost(found: Value, before: Value, after: Value) -> bool:
    return set(before) <= set(found) <= set(after)


def _all_rows(found: Value, _before: Value, after: Value) -> bool:
    return set(found) == set(after)


def _small_shards(root: Path) -> None:
    for first in range(0, 16, 2):
        _add_rows(root, range(first, first + 2))


def _checkpoint(root: Path, *numbers: int) -> None:
    kept = Checkpoints(root / "tuning", "the same training")
    kept.load()
    for number in numbers:
        kept.save({"epoch": number}, [np.full(30, number, np.float32)])


def _read_checkpoint(root: Path) -> Value:
    state = Checkpoints(root / "tuning", "the same training").load()
    if state is None:
        return None
    assert (state.arrays[0] == state.position["epoch"]).all()
    return state.position["epoch"]


def _not_before(found: Value, before: Value, after: Value) -> bool:
    return bool(before <= found <= after)


# --- teaching, threads, quarantine ---------------------------------------------------------------


def _bundle(root: Path) -> Bundle:
    place = root / "insects.edgetl"
    return Bundle.open(place) if place.exists() else teachable.write_bundle(place)


def _teach(root: Path, label: str, kind: int) -> None:
    teaching.teach(_bundle(root), label, teachable.seen(kind, 4), variant="a")


def _taught_one(root: Path) -> None:
    _bundle(root)
    _teach(root, "dog", 3)


def _forget(root: Path) -> None:
    with contextlib.suppress(UsageError):  # it is forgotten
        teaching.forget(_bundle(root), "dog")


def _read_taught(root: Path) -> Value:
    bundle = _bundle(root)
    found = store.read(bundle)
    if found is None:
        return None
    learned, pictures = found
    pictures()
    return learned.labels, learned.pictures, hashlib.sha256(beside.place(bundle).read_bytes()).hexdigest()


def _start(root: Path) -> None:
    """Load a model on a board of four cores, of which two are fastest."""
    bundle = _bundle(root)
    variant = bundle.manifest.variants[0]
    row = dataclasses.replace(engines.get("fake"), package="numpy")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(engines, "available_cores", lambda: 4)
        patch.setattr(threads, "_least_s", lambda engine: 1 / engine.num_threads)
        threads.start_fastest(bundle, variant, row, bundle.model_files(variant)).close()


def _read_remembered(root: Path) -> Value:
    return {
        known.subject
        for place in threads._places(_bundle(root), threads._machine_id())
        for known in threads._read(place)
    }


_PHOTOS = {
    f"{kind}/{number}.jpg": f"{kind} {number}".encode() * 9 for kind in ("ants", "bees") for number in (1, 2)
}


def _photos(root: Path) -> None:
    for name, data in _PHOTOS.items():
        files.write_bytes(root / "data" / name, data)


def _quarantine(root: Path) -> None:
    away = [root / "data" / name for name in _PHOTOS if name.endswith("1.jpg")]
    quarantine.move_away(root / "data", {path: "a copy" for path in away if path.exists()})


def _undo(root: Path) -> None:
    with contextlib.suppress(UsageError):  # nothing was moved yet
        quarantine.undo(root / "data")


def _read_photos(root: Path) -> Value:
    folder = root / "data" / quarantine.FOLDER
    quarantine._read(folder)
    found = {}
    for name in _PHOTOS:
        places = [root / "data" / name, *sorted(folder.glob(f"*/{name}"))]
        found[name] = [path.read_bytes() for path in places if path.exists()]
    return (sorted(path.name for path in (root / "data").glob("*/*.jpg")), found)


def _every_photo(found: Value, _before: Value, _after: Value) -> bool:
    return all(found[1][name] and set(found[1][name]) == {data} for name, data in _PHOTOS.items())


def _every_photo_in_its_place(found: Value, before: Value, _after: Value) -> bool:
    return bool(found[0] == before[0]) and _every_photo(found, None, None)


def _report(runs: int) -> Any:
    return bench_reports.report(bench_reports.result(), bench_reports.result("onnx-int8", threads=runs))


def _write_report(root: Path, threads: int) -> None:
    bench._write(root / "insects-bench", _report(threads), bench_reports.manifest())


def _read_report(root: Path) -> Value:
    place = root / "insects-bench"
    if (place / "bench.json").exists():
        reading.read_report(place)
    return {path.name: path.read_bytes() for path in place.glob("bench.*")}


def _each_old_or_new(found: Value, before: Value, after: Value) -> bool:
    return all(data in (before.get(name), after[name]) for name, data in found.items()) and set(
        before
    ) <= set(found)


# --- updates on a device -------------------------------------------------------------------------


def _install(root: Path, *numbers: int) -> None:
    for number in numbers:
        source = root / "exported" / str(number) / "insects.edgetl"
        install(source if source.exists() else versions.export(root / "exported", number), root / "store")


def _activate(root: Path) -> None:
    """The self-test is another matter: hundreds of states would each wait for a process."""
    passed = Trial("fake-float32", "fake", "passed", None, 0.001, None)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(limited, "try_variant", lambda *_, **__: passed)
        activation.activate(root / "store")


def _in_use(root: Path, *numbers: int) -> None:
    """A store of which each version was used in turn, and the bundle of the next."""
    for number in numbers:
        _install(root, number)
        _activate(root)
    versions.export(root / "exported", max(numbers, default=-1) + 1)


def _started(root: Path, times: int) -> None:
    """Started so often in vain."""
    _in_use(root, 0, 1)
    for _ in range(times):
        _begin(root)
        _begun(root).ended(failed=True)


def _begin(root: Path) -> None:
    activation.begin(root / "store")


def _begun(root: Path) -> activation.Start:
    """The one that was begun."""
    state = states.read(root / "store")
    assert state.active is not None
    return activation.Start(root / "store", state.active, next(iter(state.starting), processes.mark()))


def _rollback(root: Path) -> None:
    with contextlib.suppress(UsageError):  # it was done already
        activation.rollback(root / "store")


def _read_store(root: Path) -> Value:
    """Which version a program would get, and which there are; whatever is there is whole."""
    store = root / "store"
    state = states.read(store)
    places = stores.digests(store)
    for digest, place in places.items():
        opened = Bundle.open(place)
        opened.check_files()
        assert opened.digest == digest
    assert {state.active, state.previous} - {None} <= set(places)
    starts = (state.starts, len(state.starting))
    return state.active, state.previous, starts, state.refused, sorted(stores.digests(store))


def _active_stays(found: Value, before: Value, after: Value) -> bool:
    return bool(found[0] in (before[0], after[0]))


def _nothing(_root: Path) -> None:
    """An empty folder."""


SCENARIOS = (
    Scenario("a new file", _nothing, _write_file, _read_file("note.txt")),
    Scenario("a file replaced", _old_file, _write_file, _read_file("note.txt")),
    Scenario("a file in new folders", _nothing, _write_deep, _read_file("new", "deep", "note.txt")),
    Scenario("a file by a library", _old_file, _library_writes, _read_file("note.txt")),
    Scenario(
        "a file removed", _old_file, lambda root: files.remove(root / "note.txt"), _read_file("note.txt")
    ),
    Scenario("a file moved", _two_places, _move, _read_both, fits=_at_one_or_both, settled=_at_the_target),
    Scenario("a new folder", _nothing, _write_folder, _read_folder),
    Scenario("a folder replaced", _old_folder, _write_folder, _read_folder),
    Scenario("a folder replaced in two steps", _old_folder, _write_folder, _read_folder, exchange=False),
    Scenario(
        "a folder removed",
        _old_folder,
        lambda root: files.remove_folder(root / "runs" / "first"),
        _read_folder,
    ),
    Scenario(
        "features added",
        lambda root: _add_rows(root, range(3)),
        lambda root: _add_rows(root, range(3, 7)),
        _read_rows,
        fits=_no_row_lost,
        settled=_all_rows,
    ),
    Scenario(
        "features merged",
        _small_shards,
        lambda root: merge(root / "features"),
        _read_rows,
        fits=_no_row_lost,
        settled=_all_rows,
        may_go_on=True,
    ),
    Scenario(
        "features flushed",
        lambda root: _add_rows(root, range(3)),
        _flush_rows,
        _read_rows,
        fits=_no_row_lost,
        settled=_all_rows,
    ),
    Scenario(
        "a checkpoint", lambda root: _checkpoint(root, 1), lambda root: _checkpoint(root, 2), _read_checkpoint
    ),
    Scenario(
        "checkpoints in turn",
        lambda root: _checkpoint(root, 1),
        lambda root: _checkpoint(root, 2, 3, 4),
        _read_checkpoint,
        fits=_not_before,
        spare=dict.fromkeys(("tuning/.even*", "tuning/.odd*", "tuning"), "only the last one is looked for"),
    ),
    Scenario("the first class taught", _bundle, lambda root: _teach(root, "dog", 3), _read_taught),
    Scenario("a second class taught", _taught_one, lambda root: _teach(root, "owl", 4), _read_taught),
    Scenario("the last class forgotten", _taught_one, _forget, _read_taught),
    Scenario("threads remembered", _bundle, _start, _read_remembered, may_go_on=True),
    Scenario(
        "photos put in quarantine",
        _photos,
        _quarantine,
        _read_photos,
        again=_undo,
        fits=_every_photo,
        settled=_every_photo_in_its_place,
        spare={f"data/{quarantine.FOLDER}": "the folders for the files are made next, and flush it too"},
    ),
    Scenario(
        "a report of bench",
        lambda root: _write_report(root, 1),
        lambda root: _write_report(root, 2),
        _read_report,
        fits=_each_old_or_new,
        spare={"insects-bench": "the last of its four files flushes it for the others"},
    ),
    Scenario(
        "photos brought back",
        lambda root: (_photos(root), _quarantine(root)),
        _undo,
        _read_photos,
        again=_undo,
        fits=_every_photo,
        settled=lambda found, _before, after: found == after,
    ),
    Scenario(
        "a first version installed",
        _in_use,
        lambda root: _install(root, 0),
        _read_store,
        fits=_active_stays,
    ),
    Scenario(
        "a next version installed",
        lambda root: _in_use(root, 0, 1),
        lambda root: _install(root, 2),
        _read_store,
        fits=_active_stays,
    ),
    Scenario(
        "a version activated",
        lambda root: (_in_use(root, 0), _install(root, 1)),
        _activate,
        _read_store,
        fits=_active_stays,
    ),
    Scenario(
        "a start begun",
        lambda root: _started(root, 1),
        _begin,
        _read_store,
        settled=lambda found, _before, after: bool(found[0] == after[0]),
        may_go_on=True,
    ),
    Scenario(
        "a start counted",
        lambda root: (_started(root, 1), _begin(root)),
        lambda root: _begun(root).ended(failed=True),
        _read_store,
        settled=lambda found, _before, after: bool(found[0] == after[0]),
        may_go_on=True,
    ),
    Scenario(
        "a first answer",
        lambda root: (_started(root, 1), _begin(root)),
        lambda root: _begun(root).answered(),
        _read_store,
        may_go_on=True,
    ),
    Scenario(
        "a version that never answers, given up",
        lambda root: _started(root, MOST_STARTS),
        _begin,
        _read_store,
        settled=lambda found, _before, after: bool(found[0] == after[0]),
        may_go_on=True,
    ),
    Scenario("an update rolled back", lambda root: _in_use(root, 0, 1), _rollback, _read_store),
    Scenario(
        "versions that nobody needs removed",
        lambda root: (_in_use(root, 0, 1), _rollback(root)),
        lambda root: stores.gc(root / "store"),
        _read_store,
        fits=_active_stays,
    ),
)
