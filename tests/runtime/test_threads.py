"""The trial of numbers of threads, and what is remembered of it."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import write_fake_bundle

import edgetl
from edgetl import cache
from edgetl.bundle import Bundle
from edgetl.errors import ModelError
from edgetl.runtime import threads
from edgetl.runtime.base import AbstractEngine, Images, Outputs
from edgetl.runtime.engines import EngineRow

ROW = EngineRow("litert", ("tflite",), "litert:LiteRTEngine", "json", "numpy", "litert")


class Timed(AbstractEngine):
    """Takes as long as the test says, on a clock of the test's own."""

    name = "litert"
    board: "Board"

    def _load(self, files: Mapping[str, bytes]) -> None:
        self.input_shape = (2, 2, 3)
        self.board.loaded.append(self)
        if self.num_threads in self.board.too_much:
            raise ModelError("there is not enough memory for it")
        self._seconds = iter(self.board.seconds[self.num_threads])

    def _run_one(self, image: Images) -> Outputs:
        self.board.now += next(self._seconds)
        return (np.zeros((1, 2), np.float32),)

    def _free(self) -> None:
        self.board.freed.append(self)


def steady(seconds: float) -> Iterator[float]:
    while True:
        yield seconds


class Board:
    """A machine with a certain number of cores, and how long an inference takes on it."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 0.0
        self.cores = 4
        self.label = "Raspberry Pi 4 Model B Rev 1.2"
        self.id: str | None = "3f" * 16
        self.row = ROW
        self.seconds: dict[int, Any] = {1: steady(0.04), 2: steady(0.02), 4: steady(0.021)}
        self.too_much: set[int] = set()
        self.loaded: list[AbstractEngine] = []
        self.freed: list[AbstractEngine] = []
        self.bundle = Bundle.open(write_fake_bundle(folder / "insects.edgetl"))
        self.remembered = folder / "insects.threads.json"
        monkeypatch.setattr(Timed, "board", self, raising=False)
        monkeypatch.setattr(threads, "time", SimpleNamespace(perf_counter=lambda: self.now))
        monkeypatch.setattr(
            threads.engines, "start", lambda row, files, *, num_threads: Timed(files, num_threads=num_threads)
        )
        monkeypatch.setattr(threads.engines, "available_cores", lambda: self.cores)
        # Its engines are classes of this test, which no fresh process knows.
        monkeypatch.setattr(threads.confined, "can_start", lambda: False)
        monkeypatch.setattr("edgetl.benchmarks.machine.describe", lambda: SimpleNamespace(label=self.label))
        monkeypatch.setattr(threads, "_machine_id", lambda: self.id)

    def start(self) -> list[int]:
        """Load the model, and say with which numbers of threads: those tried, then the one taken."""
        self.loaded.clear()
        self.freed.clear()
        engine = threads.start_fastest(self.bundle, self.bundle.manifest.variants[0], self.row, {})
        kept = [one for one in self.loaded if one not in self.freed and one.num_threads not in self.too_much]
        assert kept == [engine]
        return [*(one.num_threads for one in self.loaded if one is not engine), engine.num_threads]


@pytest.fixture
def board(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Board:
    monkeypatch.setenv("EDGETL_CACHE", str(tmp_path / "cache"))
    return Board(tmp_path, monkeypatch)


# --- which number --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cores", "counts"), [(0, [1]), (1, [1]), (2, [1, 2]), (3, [1, 2]), (4, [1, 2, 4]), (64, [1, 2, 4])]
)
def test_powers_of_two_are_tried_as_far_as_there_are_cores(cores: int, counts: list[int]) -> None:
    assert threads.candidates(cores) == counts


@given(st.dictionaries(st.sampled_from([1, 2, 4]), st.floats(1e-5, 10), min_size=1))
def test_more_threads_are_taken_only_where_they_are_worth_it(seconds: dict[int, float]) -> None:
    taken = threads.fastest(seconds)
    assert seconds[taken] <= 1.1 * min(seconds.values()) * (1 + 1e-9)
    if taken != min(seconds):
        assert seconds[min(seconds)] >= 1.1 * seconds[taken] * (1 - 1e-9)


def test_what_other_programs_do_during_the_trial_does_not_decide(board: Board) -> None:
    # Most runs with two threads had to share a core.
    board.seconds = {1: steady(0.04), 2: iter([9, 0.09, 0.08, 0.02, 0.09, 0.09, 0.09, 0.09]), 4: steady(0.06)}
    assert board.start() == [1, 2, 4, 2]


def test_on_a_machine_of_one_core_a_model_is_tried_all_the_same(board: Board) -> None:
    board.cores = 1
    assert board.start() == [1, 1]
    assert board.start() == [1]


def test_where_two_of_them_do_not_fit_the_one_that_does_is_taken(board: Board) -> None:
    board.too_much = {2}
    assert board.start() == [1, 2, 1]
    board.remembered.unlink()
    board.too_much = {1}
    with pytest.raises(ModelError, match="not enough memory"):
        board.start()


# --- remembered ----------------------------------------------------------------------------------


def test_it_is_tried_once(board: Board) -> None:
    assert board.start() == [1, 2, 4, 2]
    (entry,) = json.loads(board.remembered.read_text())
    assert entry["num_threads"] == 2
    assert entry["machine"] == "Raspberry Pi 4 Model B Rev 1.2, 4 cores"
    assert entry["milliseconds"] == "1: 40.00, 2: 20.00, 4: 21.00"
    assert board.start() == [2]


def move_to_a_pi_5(board: Board) -> None:
    board.label = "Raspberry Pi 5 Model B Rev 1.0"


def take_cores_away(board: Board) -> None:
    board.cores = 3


def upgrade_the_engine(board: Board) -> None:
    board.row = EngineRow("litert", ("tflite",), "litert:LiteRTEngine", "json", "pillow", "litert")


@pytest.mark.parametrize("change", [move_to_a_pi_5, take_cores_away, upgrade_the_engine])
def test_what_was_found_elsewhere_is_not_believed_and_kept(
    board: Board, change: Callable[[Board], None]
) -> None:
    board.start()
    (old,) = json.loads(board.remembered.read_text())
    change(board)
    assert len(board.start()) > 1
    entries = json.loads(board.remembered.read_text())
    assert entries[0] == old
    assert len(entries) == 2
    assert board.start() == [2]


def test_only_so_much_is_remembered(board: Board) -> None:
    for number in range(70):
        board.label = f"Board {number}"
        board.start()
    entries = json.loads(board.remembered.read_text())
    assert [entry["machine"] for entry in entries] == [f"Board {number}, 4 cores" for number in range(6, 70)]


def test_beside_a_bundle_that_cannot_be_written_to_the_cache_remembers(
    board: Board, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    write = threads.files.write_json

    def read_only(path: Path, value: object) -> None:
        if path.parent == tmp_path:
            raise OSError(30, "Read-only file system")
        write(path, value)

    monkeypatch.setattr(threads.files, "write_json", read_only)
    assert board.start() == [1, 2, 4, 2]
    assert board.start() == [2]
    assert (tmp_path / "cache" / "insects.threads.json").is_file()


def test_where_nothing_can_be_written_and_nobody_has_a_home_it_is_tried_each_time(
    board: Board, monkeypatch: pytest.MonkeyPatch
) -> None:
    def nobody() -> Path:
        raise RuntimeError("Could not determine home directory.")

    def read_only(path: Path, value: object) -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.delenv("EDGETL_CACHE")
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(Path, "home", nobody)
    monkeypatch.setattr(threads.files, "write_json", read_only)
    assert board.start() == [1, 2, 4, 2]
    assert board.start() == [1, 2, 4, 2]


def forge(board: Board) -> dict[str, Any]:
    """An entry of all that whoever sends a bundle can know or guess."""
    model = "-".join(file.sha256 for file in board.bundle.manifest.variants[0].files)
    machine, engine = f"{board.label}, {board.cores} cores", f"{board.row.name} {board.row.version}"
    return {"machine": machine, "engine": engine, "model": model, "num_threads": 4, "milliseconds": ""}


@pytest.mark.parametrize("mark", [{}, {"mark": ""}, {"mark": "0" * 64}, {"mark": None}])
@pytest.mark.parametrize("id_", ["3f" * 16, None])
def test_a_file_that_came_with_the_bundle_does_not_spare_the_trial(
    board: Board, id_: str | None, mark: dict[str, Any]
) -> None:
    board.id = id_
    board.remembered.write_text(json.dumps([{**forge(board), **mark}]))
    assert board.start() == [1, 2, 4, 2]
    assert board.start() == [2]


def test_what_another_machine_wrote_does_not_spare_the_trial(board: Board) -> None:
    board.start()
    board.id = "5e" * 16
    assert board.start() == [1, 2, 4, 2]


def test_a_mark_holds_for_one_model_and_one_number_of_threads(board: Board) -> None:
    board.start()
    (entry,) = json.loads(board.remembered.read_text())
    for lie in ({"num_threads": 4}, {"model": forge(board)["model"][::-1]}):
        assert threads._mark(board.id, *_of({**entry, **lie})) != entry["mark"]
        board.remembered.write_text(json.dumps([{**entry, **lie}]))
        assert board.start() == [1, 2, 4, 2]


def _of(entry: dict[str, Any]) -> tuple[tuple[str, str, str], int]:
    return (entry["machine"], entry["engine"], entry["model"]), entry["num_threads"]


def test_a_machine_without_an_id_remembers_in_the_cache_alone(board: Board, tmp_path: Path) -> None:
    board.id = None
    assert board.start() == [1, 2, 4, 2]
    assert not board.remembered.exists()
    assert (tmp_path / "cache" / "insects.threads.json").is_file()
    assert board.start() == [2]


@pytest.mark.parametrize(
    ("first", "second", "found"),
    [
        ("3f" * 16 + "\n", None, "3f" * 16),
        (None, "3f" * 16, "3f" * 16),
        ("uninitialized\n", None, None),
        ("", None, None),
        ("0" * 32, None, None),
        ("\xe9" * 32, None, None),
        (None, None, None),
    ],
)
def test_an_id_is_read_where_the_machine_has_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, first: str | None, second: str | None, found: str | None
) -> None:
    places = (tmp_path / "etc", tmp_path / "dbus")
    monkeypatch.setattr(threads, "_MACHINE_IDS", places)
    for place, text in zip(places, (first, second), strict=True):
        if text is not None:
            place.write_text(text, "utf-8")
    assert threads._machine_id() == found


GOOD = {
    "machine": "Pi",
    "engine": "litert 2",
    "model": "00",
    "num_threads": 2,
    "milliseconds": "1: 2.00",
    "mark": "",
}


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\0" * 100,
        b"\xff\xfe[]",
        b"[" * 100_000,
        b"[" * 900 + b"]" * 900,
        b"{}",
        b"null",
        b'"text"',
        b"[1, null, [], {}]",
        b"9" * 60_000,
        json.dumps([{**GOOD, "more": 1}]).encode(),
        json.dumps([{**GOOD, "machine": 7}]).encode(),
        json.dumps([{**GOOD, "num_threads": True}]).encode(),
        json.dumps([{**GOOD, "num_threads": "2"}]).encode(),
        json.dumps([{**GOOD, "num_threads": 2.0}]).encode(),
        json.dumps([{**GOOD, "milliseconds": float("nan")}]).encode(),
        json.dumps([{**GOOD, "machine": "\ud800"}]).encode(),
        json.dumps([{**GOOD, "machine": "\x1b[31m"}]).encode(),
        json.dumps([{**GOOD, "machine": "x" * 70_000}]).encode(),
    ],
)
def test_a_file_that_is_not_ours_is_replaced(board: Board, content: bytes) -> None:
    board.remembered.write_bytes(content)
    assert board.start() == [1, 2, 4, 2]
    (entry,) = json.loads(board.remembered.read_text())
    assert entry["machine"].startswith("Raspberry Pi 4")


@given(
    st.binary(max_size=200)
    | st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(sorted(GOOD)) | st.text(), inner),
    ).map(lambda value: json.dumps(value).encode())
)
def test_whatever_stands_there_is_read_without_a_crash(content: bytes) -> None:
    place = Path(os.environ["EDGETL_CACHE"], "hostile.threads.json")
    place.write_bytes(content)
    for entry in threads._read(place):
        assert type(entry.num_threads) is int
        json.dumps([entry.subject, entry.num_threads], ensure_ascii=False).encode()


@pytest.mark.parametrize("count", [0, -1, 3, 8, 10**6])
def test_a_number_that_was_never_a_candidate_is_not_taken(board: Board, count: int) -> None:
    board.start()
    (entry,) = json.loads(board.remembered.read_text())
    board.remembered.write_text(json.dumps([{**entry, "num_threads": count}]))
    assert board.start() == [1, 2, 4, 2]
    assert board.start() == [2]


def test_what_is_no_file_is_not_waited_for(board: Board, tmp_path: Path) -> None:
    os.mkfifo(board.remembered)
    assert board.start() == [1, 2, 4, 2]
    assert board.start() == [2]
    board.remembered.unlink()
    board.remembered.mkdir()
    (board.remembered / "file").touch()
    assert board.start() == [1, 2, 4, 2]  # and remembered in the cache
    assert (tmp_path / "cache" / board.remembered.name).is_file()
    assert board.start() == [2]


def test_several_processes_may_try_at_once(colour_bundle: Path, tmp_path: Path) -> None:
    code = (
        "import sys\n"
        "from edgetl.runtime import engines\n"
        "engines.available_cores = lambda: 4\n"
        "import edgetl\n"
        "print(edgetl.load(sys.argv[1]).engine.num_threads)"
    )
    started = [
        subprocess.Popen([sys.executable, "-c", code, str(colour_bundle)], stdout=subprocess.PIPE, text=True)
        for _ in range(4)
    ]
    printed = [process.communicate(timeout=300)[0] for process in started]
    assert [process.returncode for process in started] == [0] * 4
    places = (colour_bundle.with_name("colours.threads.json"), cache.folder() / "colours.threads.json")
    place = next(place for place in places if place.is_file())  # the cache's on a machine without an id
    taken = {str(entry["num_threads"]) for entry in json.loads(place.read_text())}
    assert taken & {line.strip() for line in printed}
    assert [path for path in place.parent.iterdir() if ".tmp-" in path.name] == []


def test_a_number_that_was_asked_for_is_taken_untried(board: Board) -> None:
    board.seconds[3] = steady(0.03)
    with edgetl.load(board.bundle.path, num_threads=3) as model:
        assert model.engine.num_threads == 3
    assert len(board.loaded) == 1
    assert not board.remembered.exists()
