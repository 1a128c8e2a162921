import errno
import fcntl
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from edgetl import disk, files, processes
from edgetl.errors import BusyError, UsageError, WriteError


def names(folder: Path) -> list[str]:
    """What stands in a folder, hidden files included."""
    return sorted(path.name for path in folder.iterdir())


def content(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()
    }


# --- files ---------------------------------------------------------------------------------------


def test_a_name_that_is_no_utf8_is_its_bytes_in_text_and_an_escape_in_json(tmp_path: Path) -> None:
    name = os.fsdecode(b"caf\xe9.jpg")
    files.write_text(tmp_path / "list.csv", f"path\n{name}\n")
    assert (tmp_path / "list.csv").read_bytes() == b"path\ncaf\xe9.jpg\n"
    files.write_json(tmp_path / "list.json", [name])
    assert json.loads((tmp_path / "list.json").read_text("utf-8")) == [name]


def test_a_file_is_written_and_replaced(tmp_path: Path) -> None:
    path = tmp_path / "new" / "place" / "note.txt"
    files.write_text(path, "grün\n")
    assert path.read_bytes() == "grün\n".encode()
    files.write_bytes(path, b"second")
    assert path.read_bytes() == b"second"
    assert names(path.parent) == ["note.txt"]


def test_trying_a_place_leaves_everything_as_it_is(tmp_path: Path) -> None:
    files.try_file(tmp_path / "new" / "place" / "page.html")
    assert names(tmp_path) == []
    old = tmp_path / "old.html"
    old.write_text("an hour of measuring")
    files.try_file(old)
    assert old.read_text() == "an hour of measuring"
    assert names(tmp_path) == ["old.html"]
    for refused, words in (
        (old / "page.html", "a part of that path is a file"),
        (tmp_path, "a folder of that"),
    ):
        with pytest.raises(WriteError, match=words):
            files.try_file(refused)
    assert names(tmp_path) == ["old.html"]


def test_json_is_readable_and_holds_no_nan(tmp_path: Path) -> None:
    files.write_json(tmp_path / "value.json", {"label": "größe", "score": 0.5})
    assert json.loads((tmp_path / "value.json").read_text()) == {"label": "größe", "score": 0.5}
    assert "größe" in (tmp_path / "value.json").read_text()
    with pytest.raises(ValueError, match="not JSON compliant"):
        files.write_json(tmp_path / "value.json", {"score": float("nan")})
    assert json.loads((tmp_path / "value.json").read_text())["score"] == 0.5


def test_arrays_come_back_as_they_were(tmp_path: Path) -> None:
    files.write_arrays(tmp_path / "arrays.npz", pixels=np.arange(6, dtype=np.uint8).reshape(2, 3))
    with np.load(tmp_path / "arrays.npz", allow_pickle=False) as arrays:
        assert np.array_equal(arrays["pixels"], [[0, 1, 2], [3, 4, 5]])
    array = files.new_array(tmp_path / "filled.npy", (3, 2), np.uint8)
    array[:] = 7
    array.flush()
    assert np.array_equal(np.load(tmp_path / "filled.npy"), np.full((3, 2), 7))


def test_a_block_that_raises_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "model.keras"
    path.write_bytes(b"old")

    def write_half() -> None:
        with files.new_file(path) as temporary:
            assert temporary.suffix == ".keras"
            temporary.write_bytes(b"half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_half()
    assert content(tmp_path) == {"model.keras": b"old"}


def fill_half(path: Path, error: BaseException) -> None:
    with files.new_folder(path, replace=True) as folder:
        (folder / "new.txt").write_text("new")
        raise error


# --- folders -------------------------------------------------------------------------------------


def test_a_folder_appears_whole(tmp_path: Path) -> None:
    with files.new_folder(tmp_path / "runs" / "first", replace=False) as folder:
        (folder / "deep").mkdir()
        (folder / "deep" / "a.txt").write_text("a")
        assert not (tmp_path / "runs" / "first").exists()
    assert content(tmp_path / "runs") == {"first/deep/a.txt": b"a"}
    assert names(tmp_path / "runs") == ["first"]


@pytest.mark.parametrize("error", [ValueError("no"), KeyboardInterrupt(), SystemExit(2)], ids=repr)
def test_a_folder_whose_block_raises_is_absent(tmp_path: Path, error: BaseException) -> None:
    with pytest.raises(type(error)):
        fill_half(tmp_path / "first", error)
    assert names(tmp_path) == []


def test_a_folder_is_replaced_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "first"
    with files.new_folder(path, replace=False) as folder:
        (folder / "old.txt").write_text("old")
    with pytest.raises(ValueError, match="no"):
        fill_half(path, ValueError("no"))
    assert content(tmp_path) == {"first/old.txt": b"old"}
    with files.new_folder(path, replace=True) as folder:
        (folder / "new.txt").write_text("new")
    assert content(tmp_path) == {"first/new.txt": b"new"}
    assert names(tmp_path) == ["first"]


def test_a_folder_that_exists_is_not_replaced_unasked(tmp_path: Path) -> None:
    (tmp_path / "first").mkdir()
    with (
        pytest.raises(UsageError, match=r"first exists already: choose another --out, or add --force"),
        files.new_folder(tmp_path / "first", replace=False),
    ):
        pytest.fail("the block must not run")


@pytest.mark.parametrize("replace", [True, False])
def test_a_file_is_never_replaced_by_a_folder(tmp_path: Path, replace: bool) -> None:
    (tmp_path / "note.txt").write_text("mine")
    with (
        pytest.raises(UsageError, match=r"note\.txt is a file"),
        files.new_folder(tmp_path / "note.txt", replace=replace),
    ):
        pytest.fail("the block must not run")
    assert content(tmp_path) == {"note.txt": b"mine"}


def no_exchange(_one: Path, _other: Path) -> None:
    """What FAT, NFS and old kernels say."""
    raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))


def test_a_folder_is_replaced_where_names_cannot_change_places(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(disk, "exchange", no_exchange)
    path = tmp_path / "first"
    path.mkdir()
    (path / "old.txt").write_text("old")
    with files.new_folder(path, replace=True) as folder:
        (folder / "new.txt").write_text("new")
    assert content(tmp_path) == {"first/new.txt": b"new"}
    assert names(tmp_path) == ["first"]


def test_if_the_new_folder_cannot_take_its_place_the_old_one_comes_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "first"
    path.mkdir()
    (path / "old.txt").write_text("old")
    rename = disk.rename

    def fail_for_the_new_one(source: Path, target: Path) -> None:
        if (source / "new.txt").exists():
            raise OSError(errno.EROFS, "read-only")
        rename(source, target)

    monkeypatch.setattr(disk, "exchange", no_exchange)
    monkeypatch.setattr(disk, "rename", fail_for_the_new_one)
    with pytest.raises(WriteError, match="read-only"), files.new_folder(path, replace=True) as folder:
        (folder / "new.txt").write_text("new")
    assert content(tmp_path) == {"first/old.txt": b"old"}


# --- killed in the middle ------------------------------------------------------------------------

_HANG = """
import sys, time
from pathlib import Path
from edgetl import disk, files
path = Path(sys.argv[1])
def hang():
    print("here", flush=True)
    time.sleep(60)
"""
_KILLED = {
    "while a file is written": """
with files.new_file(path / "old.txt") as temporary:
    temporary.write_bytes(b"half")
    hang()
""",
    "before a file is renamed": """
disk.rename = lambda *_: hang()
files.write_bytes(path / "old.txt", b"whole")
""",
    "while a folder is filled": """
with files.new_folder(path, replace=True) as folder:
    (folder / "new.txt").write_text("half")
    hang()
""",
    "between the two renames": """
def no_exchange(*_):
    raise OSError(22, "")
disk.exchange = no_exchange
rename = disk.rename
disk.rename = lambda source, target: hang() if (source / "new.txt").exists() else rename(source, target)
with files.new_folder(path, replace=True) as folder:
    (folder / "new.txt").write_text("new")
""",
}


@pytest.mark.parametrize("moment", _KILLED)
def test_a_killed_writer_leaves_what_was_there(tmp_path: Path, moment: str) -> None:
    path = tmp_path / "first [1]"
    path.mkdir()
    (path / "old.txt").write_text("old")
    with subprocess.Popen(
        [sys.executable, "-c", _HANG + _KILLED[moment], path], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "here\n"
        process.send_signal(signal.SIGKILL)
    # Killed between the two renames, the folder is gone until the next writer brings it back.
    files.remove_stale(path)
    files.remove_stale(path / "old.txt")
    assert content(tmp_path) == {"first [1]/old.txt": b"old"}
    assert names(tmp_path) == ["first [1]"]


def test_what_a_killed_writer_left_goes_with_the_next_write(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as ended:
        pass
    stale_folder, stale_file = (
        tmp_path / f".first.tmp-{ended.pid}",
        tmp_path / f".note.txt.tmp-{ended.pid}.txt",
    )
    stale_folder.mkdir()
    (stale_folder / "half.txt").write_text("half")
    stale_file.write_text("half")
    with files.new_folder(tmp_path / "first", replace=False):
        pass
    files.write_text(tmp_path / "note.txt", "whole")
    assert names(tmp_path) == ["first", "note.txt"]


def test_the_number_of_a_writer_is_not_looked_for_in_the_end_of_a_name(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as ended:
        pass
    (tmp_path / f".model-v1.2-rc.tmp-{ended.pid}.2-rc").mkdir()
    living = tmp_path / f".cells.2024-{ended.pid}.tmp-{os.getppid()}.2024-{ended.pid}"
    living.mkdir()
    files.remove_stale(tmp_path / "model-v1.2-rc")
    files.remove_stale(tmp_path / f"cells.2024-{ended.pid}")
    assert names(tmp_path) == [living.name]


def test_what_a_living_writer_is_writing_stays(tmp_path: Path) -> None:
    theirs = tmp_path / f".first.tmp-{os.getppid()}"
    theirs.mkdir()
    strange = tmp_path / ".first.tmp-backup"
    strange.mkdir()
    files.remove_stale(tmp_path / "first")
    assert names(tmp_path) == sorted([theirs.name, strange.name])


# --- no place to write ---------------------------------------------------------------------------


def fill_a_file(place: Path) -> None:
    files.write_bytes(place / "model.bin", bytes(2_000_000))


def fill_a_folder(place: Path) -> None:
    with files.new_folder(place / "model.bin", replace=False) as folder:
        for number in range(20):
            (folder / f"{number}.bin").write_bytes(bytes(100_000))


def fill_an_array(place: Path) -> None:
    files.new_array(place / "model.bin", (2_000_000,), np.uint8)[:] = 1


@pytest.mark.parametrize("fill", [fill_a_file, fill_a_folder, fill_an_array])
def test_a_full_disk_is_named_with_a_way_out(small_disk: Path, fill: Callable[[Path], None]) -> None:
    (small_disk / "other.txt").write_text("other")
    with pytest.raises(
        WriteError,
        match=r"cannot write .*model\.bin: the disk is full \(it needs at least [\d,]+ bytes, .* are free\): "
        "free some space or choose another --out",
    ) as caught:
        fill(small_disk)
    assert caught.value.errno == errno.ENOSPC
    assert caught.value.needed is not None
    assert caught.value.needed > 1_000_000
    assert content(small_disk) == {"other.txt": b"other"}
    assert names(small_disk) == ["other.txt"]


def test_a_full_disk_leaves_the_old_folder(small_disk: Path) -> None:
    with files.new_folder(small_disk / "first", replace=False) as folder:
        (folder / "old.txt").write_text("old")
    with (
        pytest.raises(WriteError, match="disk is full"),
        files.new_folder(small_disk / "first", replace=True) as folder,
    ):
        (folder / "new.bin").write_bytes(bytes(2_000_000))
    assert content(small_disk) == {"first/old.txt": b"old"}


def test_a_limit_on_file_sizes_is_named(tmp_path: Path) -> None:
    code = """
import resource, sys
from pathlib import Path
from edgetl import files
from edgetl.errors import WriteError
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
try:
    files.write_bytes(Path(sys.argv[1]) / "model.bin", bytes(2000))
except WriteError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", code, tmp_path], capture_output=True, text=True, check=True)
    assert done.stdout.endswith(
        "model.bin: the file is larger than this system allows: choose another --out\n"
    )
    assert names(tmp_path) == []


def test_a_place_below_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "note.txt").write_text("mine")
    with pytest.raises(WriteError, match="a part of that path is a file: choose another --out"):
        files.write_text(tmp_path / "note.txt" / "deep" / "a.txt", "a")
    with (
        pytest.raises(WriteError, match="a part of that path is a file"),
        files.new_folder(tmp_path / "note.txt" / "run", replace=False),
    ):
        pytest.fail("the block must not run")


def test_a_file_does_not_replace_a_folder(tmp_path: Path) -> None:
    (tmp_path / "runs").mkdir()
    with pytest.raises(WriteError, match=r"runs: a folder of that name is there"):
        files.write_text(tmp_path / "runs", "text")
    assert names(tmp_path) == ["runs"]


def test_a_name_that_is_too_long_is_refused(tmp_path: Path) -> None:
    with pytest.raises(WriteError, match="the name is too long"):
        files.write_text(tmp_path / ("x" * 300), "text")


def test_a_folder_without_permission_is_refused(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    try:
        if os.access(tmp_path, os.W_OK):
            pytest.skip("this user may write everywhere")
        with pytest.raises(WriteError, match="permission denied: choose another --out"):
            files.write_text(tmp_path / "note.txt", "text")
    finally:
        tmp_path.chmod(0o700)


def test_other_errors_of_the_block_are_left_alone(tmp_path: Path) -> None:
    with pytest.raises(PermissionError, match="camera"), files.new_folder(tmp_path / "run", replace=False):
        raise PermissionError(errno.EACCES, "camera")


def test_force_replaces_only_what_the_marker_says_is_its_own(tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    (photos / "cat.jpg").write_bytes(b"cat")
    with (
        pytest.raises(UsageError, match=r"photos has no run.json, so it is something else and stays"),
        files.new_folder(photos, replace=True, marker="run.json"),
    ):
        pass
    assert (photos / "cat.jpg").read_bytes() == b"cat"
    (photos / "run.json").write_text("{}")
    with files.new_folder(photos, replace=True, marker="run.json") as folder:
        (folder / "new").write_text("new")
    assert [path.name for path in photos.iterdir()] == ["new"]


def test_a_moved_file_is_whole_at_its_new_place(tmp_path: Path) -> None:
    source, target = tmp_path / "a.jpg", tmp_path / "new" / "deep" / "a.jpg"
    source.write_bytes(b"photo")
    files.move(source, target)
    assert (source.exists(), target.read_bytes()) == (False, b"photo")


def test_a_file_is_not_moved_onto_another_or_onto_a_dead_link(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"a")
    (tmp_path / "b").write_bytes(b"b")
    (tmp_path / "dead").symlink_to(tmp_path / "nowhere")
    for target in ("b", "dead"):
        with pytest.raises(WriteError, match="something stands there, and stays"):
            files.move(tmp_path / "a", tmp_path / target)
    assert (tmp_path / "a").read_bytes() == b"a"
    assert (tmp_path / "b").read_bytes() == b"b"


def test_a_file_moves_to_another_disk(tmp_path: Path, small_disk: Path) -> None:
    (tmp_path / "a").write_bytes(b"photo")
    files.move(tmp_path / "a", small_disk / "a")
    assert ((tmp_path / "a").exists(), (small_disk / "a").read_bytes()) == (False, b"photo")


def test_a_file_stays_where_it_is_when_the_other_disk_is_full(tmp_path: Path, small_disk: Path) -> None:
    (tmp_path / "a").write_bytes(bytes(2_000_000))
    with pytest.raises(WriteError, match="the disk is full"):
        files.move(tmp_path / "a", small_disk / "a")
    assert (tmp_path / "a").stat().st_size == 2_000_000
    assert list(small_disk.iterdir()) == []


def test_a_log_keeps_what_was_appended_and_tells_that_it_grows(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "new.rows"
    log = files.Log(path)
    log.append(b"one ")
    log.append(b"two")
    assert path.read_bytes() == b"one two"
    with path.open("rb") as reader:
        with pytest.raises(BlockingIOError):
            fcntl.flock(reader, fcntl.LOCK_EX | fcntl.LOCK_NB)
        log.sync()
        log.close()
        fcntl.flock(reader, fcntl.LOCK_EX | fcntl.LOCK_NB)
    assert list(path.parent.iterdir()) == [path]


def test_what_cannot_be_written_in_the_cache_names_its_variable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EDGETL_CACHE", str(tmp_path / "cache"))
    (tmp_path / "cache").write_text("a file")
    (tmp_path / "out").write_text("a file")
    with pytest.raises(
        WriteError, match="a part of that path is a file: name another folder in EDGETL_CACHE"
    ):
        files.write_text(tmp_path / "cache" / "features" / "a.txt", "text")
    with pytest.raises(WriteError, match="a part of that path is a file: choose another --out"):
        files.write_text(tmp_path / "out" / "a.txt", "text")


# --- removing and locking ------------------------------------------------------------------------


def test_a_folder_is_removed_with_all_that_is_in_it(tmp_path: Path) -> None:
    (tmp_path / "first" / "deep").mkdir(parents=True)
    (tmp_path / "first" / "deep" / "a.txt").write_text("a")
    (tmp_path / "second").mkdir()
    files.remove_folder(tmp_path / "first")
    assert names(tmp_path) == ["second"]
    files.remove_folder(tmp_path / "first")
    assert names(tmp_path) == ["second"]


def test_a_killed_removal_leaves_nothing_half_and_is_finished_later(tmp_path: Path) -> None:
    (tmp_path / "first").mkdir()
    for number in range(3):
        (tmp_path / "first" / f"{number}.txt").write_text("old")
    code = """
import os, sys
from pathlib import Path
from edgetl import disk, files
unlink = disk.unlink
disk.unlink = lambda path: os._exit(9) if path.name == "1.txt" else unlink(path)
files.remove_folder(Path(sys.argv[1]))
"""
    assert subprocess.run([sys.executable, "-c", code, tmp_path / "first"], check=False).returncode == 9
    assert not (tmp_path / "first").exists()
    assert len(names(tmp_path)) == 1
    files.remove_leftovers(tmp_path)
    assert names(tmp_path) == []


def test_what_a_killed_writer_left_is_cleared_away_whatever_its_name(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as ended:
        pass
    for name in (f".a [1].tmp-{ended.pid}", f".b.tmp-1.x.tmp-{ended.pid}.x", ".c.tmp-backup", ".hidden"):
        (tmp_path / name).mkdir()
    (tmp_path / f".d.tmp-old-{ended.pid}").mkdir()
    (tmp_path / f".d.tmp-{os.getppid()}").mkdir()
    files.remove_leftovers(tmp_path)
    assert names(tmp_path) == sorted([".c.tmp-backup", f".d.tmp-{os.getppid()}", ".hidden", "d"])


_HOLD = """
import sys, time
from pathlib import Path
from edgetl import files
with files.lock(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


def test_a_place_is_held_by_one_alone_and_freed_when_its_process_is_killed(tmp_path: Path) -> None:
    path = tmp_path / "store" / "lock"
    with subprocess.Popen([sys.executable, "-c", _HOLD, path], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        with pytest.raises(BusyError, match=r"another edgetl is at work in .*store: wait"), files.lock(path):
            pytest.fail("the block must not run")
        process.send_signal(signal.SIGKILL)
    with files.lock(path), pytest.raises(BusyError), files.lock(path):
        pytest.fail("the block must not run")
    with files.lock(path):
        pass
    assert names(path.parent) == ["lock"]


# --- whose leftover is it ------------------------------------------------------------------------


def test_a_leftover_of_an_earlier_process_with_a_number_that_lives_again_goes(tmp_path: Path) -> None:
    # After a restart a board gives the same numbers again, to other programs.
    living = os.getppid()
    theirs = f".first.tmp-{living}-{processes.started(living)}-0"
    for name in (theirs, f".first.tmp-{living}-00000000-0"):
        (tmp_path / name).mkdir()
    files.remove_stale(tmp_path / "first")
    assert names(tmp_path) == [theirs]


def test_in_a_folder_for_everybody_only_ones_own_leftovers_go(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as ended:
        pass
    left = tmp_path / f".edgetl.tmp-{ended.pid}-0123abcd-0"
    left.mkdir()
    tmp_path.chmod(0o1777)
    monkeypatch.setattr(os, "geteuid", lambda: left.stat().st_uid + 1)
    files.remove_stale(tmp_path / "edgetl")
    assert names(tmp_path) == [left.name]
    monkeypatch.undo()
    files.remove_stale(tmp_path / "edgetl")
    assert names(tmp_path) == []


def test_a_scratch_folder_goes_and_so_does_that_of_a_killed_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    code = """
import os
from edgetl import files
with files.scratch_folder() as folder:
    (folder / "half.txt").write_text("half")
    os._exit(9)
"""
    surroundings = {**os.environ, "TMPDIR": str(tmp_path)}
    assert subprocess.run([sys.executable, "-c", code], env=surroundings, check=False).returncode == 9
    assert len(names(tmp_path)) == 1
    with files.scratch_folder() as first, files.scratch_folder() as second:
        (first / "a.txt").write_text("a")
        assert names(tmp_path) == sorted([first.name, second.name])
        assert first.stat().st_mode & 0o777 == 0o700
    assert names(tmp_path) == []


def test_an_error_when_the_new_folder_is_made_durable_brings_the_old_one_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "first"
    path.mkdir()
    (path / "old.txt").write_text("old")
    sync_folder = disk.sync_folder

    def fail(folder: Path) -> None:
        if folder == tmp_path:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        sync_folder(folder)

    monkeypatch.setattr(disk, "sync_folder", fail)
    with (
        pytest.raises(WriteError, match="input/output error: look into dmesg"),
        files.new_folder(path, replace=True) as folder,
    ):
        (folder / "new.txt").write_text("new")
    assert content(tmp_path) == {"first/old.txt": b"old"}
    assert names(tmp_path) == ["first"]
