"""The file beside the bundle: whole or absent, of this bundle, and one writer at a time."""

import errno
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import teachable
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from teachable import LABELS, WIDTH, certain, seen

from edgetl import disk, files
from edgetl.bundle import Bundle
from edgetl.errors import BundleError, DamagedBundleError, EdgetlError, WriteError
from edgetl.runtime import teaching
from edgetl.runtime.teaching import beside, store

TEACHER = """
import sys
import teachable
from edgetl.bundle import Bundle
from edgetl.runtime import teaching
bundle = Bundle.open(sys.argv[1])
print("ready", flush=True)
sys.stdin.readline()
for number in map(int, sys.argv[2:]):
    teaching.teach(bundle, f"class {number}", teachable.seen(10 + number, 4), variant="a")
"""


def ready_teacher(bundle: Bundle, *numbers: int) -> subprocess.Popen[str]:
    """A process that, when :func:`go` says so, teaches classes of these numbers one after the other."""
    process = subprocess.Popen(
        [sys.executable, "-c", TEACHER, str(bundle.path), *map(str, numbers)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(Path(teachable.__file__).parent), "OPENBLAS_NUM_THREADS": "1"},
    )
    assert process.stdout is not None
    with process.stdout:
        assert process.stdout.readline() == "ready\n"
    return process


def go(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    with process.stdin:
        process.stdin.write("go\n")


def rewrite(bundle: Bundle, change: Callable[[dict[str, Any], dict[str, np.ndarray]], object]) -> None:
    """Change what the file says, as somebody might who knows its layout."""
    place = teaching.place(bundle)
    with np.load(place) as found:
        arrays = {name: found[name] for name in found.files}
    about = json.loads(arrays["about"].tobytes())
    change(about, arrays)
    arrays["about"] = np.frombuffer(json.dumps(about).encode(), np.uint8)
    files.write_arrays(place, **arrays)


@pytest.fixture
def taught(bundle: Bundle) -> Bundle:
    teaching.teach(bundle, "dog", seen(3, 6), variant="fake-float32")
    teaching.teach(bundle, "fox", seen(4, 6), variant="fake-float32")
    return bundle


# --- one writer ----------------------------------------------------------------------------------


def test_processes_that_teach_at_the_same_time_lose_nothing(bundle: Bundle) -> None:
    teachers = [ready_teacher(bundle, *range(first, first + 8)) for first in (0, 8, 16)]
    for teacher in teachers:
        go(teacher)
    assert [teacher.wait() for teacher in teachers] == [0, 0, 0]
    learned = teaching.load_learned(bundle)
    assert learned is not None
    assert sorted(learned.labels) == sorted(f"class {number}" for number in range(24))


def test_who_teaches_for_too_long_is_not_waited_for(taught: Bundle, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(beside, "_WAIT_S", 0.05)
    before = teaching.place(taught).read_bytes()
    with beside.locked(taught):
        with pytest.raises(WriteError, match=r"another process has been teaching .* wait until it ends"):
            teaching.teach(taught, "owl", seen(5, 3), variant="a")
        with pytest.raises(WriteError, match="another process"):
            teaching.forget(taught, "dog")
    assert before == teaching.place(taught).read_bytes()
    assert teaching.teach(taught, "owl", seen(5, 3), variant="a").labels == ("dog", "fox", "owl")


def test_reading_waits_for_nobody(taught: Bundle) -> None:
    with beside.locked(taught):
        assert teaching.load_learned(taught) is not None


@pytest.mark.parametrize("delay_ms", [0, 15, 40, 90, 160])
def test_a_process_that_is_killed_leaves_what_was_or_what_is(taught: Bundle, delay_ms: int) -> None:
    teacher = ready_teacher(taught, *range(20))
    go(teacher)
    time.sleep(delay_ms / 1000)
    teacher.send_signal(signal.SIGKILL)
    teacher.wait()
    learned = teaching.load_learned(taught)
    assert learned is not None
    done = len(learned.labels) - 2
    assert learned.labels == ("dog", "fox", *(f"class {number}" for number in range(done)))
    # Its lock ended with it, and the next to write clears away what it left.
    assert teaching.teach(taught, "owl", seen(5, 3), variant="a").labels[-1] == "owl"
    left = {path.name for path in taught.path.parent.iterdir()}
    assert left == {"insects.edgetl", "insects.learned"}


# --- what cannot be written ----------------------------------------------------------------------


@pytest.mark.parametrize("code", [errno.EROFS, errno.EACCES, errno.ENOSPC])
def test_a_place_that_takes_no_file_is_named_with_a_way_out(
    taught: Bundle, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    before = teaching.place(taught).read_bytes()

    def refuse(*_: object, **__: object) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(disk, "rename", refuse)
    with pytest.raises(WriteError, match=rf"insects\.learned \({os.strerror(code)}.*\): copy the bundle to"):
        teaching.teach(taught, "owl", seen(5, 3), variant="a")
    monkeypatch.undo()
    assert before == teaching.place(taught).read_bytes()


def test_what_cannot_be_removed_says_so(bundle: Bundle, monkeypatch: pytest.MonkeyPatch) -> None:
    teaching.teach(bundle, "dog", seen(3, 6), variant="a")

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(errno.EACCES, "no")

    monkeypatch.setattr(Path, "unlink", refuse)
    with pytest.raises(WriteError, match="Permission denied"):
        teaching.forget(bundle, "dog")


# --- what cannot be read -------------------------------------------------------------------------


def test_what_was_taught_to_another_bundle_is_not_used(taught: Bundle, tmp_path: Path) -> None:
    other = teachable.write_bundle(tmp_path / "other.edgetl", teachable.known(per_class=30))
    teaching.place(taught).rename(teaching.place(other))
    with pytest.raises(BundleError, match=r"was taught to another bundle .* remove it with  rm \S+other"):
        teaching.load_learned(other)
    with pytest.raises(BundleError, match="another bundle"):
        teaching.teach(other, "owl", seen(5, 3), variant="a")


def test_a_copy_of_the_bundle_under_another_name_keeps_what_was_taught(
    taught: Bundle, tmp_path: Path
) -> None:
    copy = teachable.write_bundle(tmp_path / "copy.edgetl")
    teaching.place(copy).write_bytes(teaching.place(taught).read_bytes())
    assert teaching.load_learned(copy) is not None


def test_a_file_of_a_newer_edgetl_says_upgrade(taught: Bundle) -> None:
    rewrite(taught, lambda about, _: about.update(version=2, lens="wide"))
    with pytest.raises(BundleError, match="pip install --upgrade edgetl"):
        teaching.load_learned(taught)


@pytest.mark.parametrize(
    "change",
    [
        lambda about, _: about.update(version="1"),
        lambda about, _: about.pop("threshold"),
        lambda about, _: about.update(threshold="high"),
        lambda about, _: about.update(scale=0),
        lambda about, _: about.update(scale=[1]),
        lambda about, _: about.update(labels=["dog"]),
        lambda about, _: about.update(labels=["dog", "bee"]),
        lambda about, _: about.update(labels=["dog", "two\nlines"]),
        lambda about, _: about.update(labels=7),
        lambda about, _: about.update(labels="df"),
        lambda about, _: about.update(recognised=["all", 6]),
        lambda about, _: about.update(guard={"exemplars": 1}),
        lambda about, _: about.update(guard=dict.fromkeys(about["guard"], "x")),
        lambda about, _: about.update(pictures=[]),
        lambda _, arrays: arrays.pop("bias"),
        lambda _, arrays: arrays.update(more=np.zeros(3)),
        lambda _, arrays: arrays.update(bias=arrays["bias"][:2]),
        lambda _, arrays: arrays.update(bias=arrays["bias"].astype(np.float64)),
        lambda _, arrays: arrays.update(kernel=arrays["kernel"][:-1]),
        lambda _, arrays: arrays.update(kernel=arrays["kernel"] * np.float32(np.nan)),
        lambda _, arrays: arrays.update(centre=arrays["centre"][None]),
        lambda _, arrays: arrays.update(centre=np.array([None, {}], object)),
    ],
)
def test_a_file_that_breaks_a_rule_names_the_command_that_removes_it(
    taught: Bundle, change: Callable[[dict[str, Any], dict[str, np.ndarray]], object]
) -> None:
    rewrite(taught, change)
    with pytest.raises(DamagedBundleError, match=r"insects\.learned is damaged .*: remove it with  rm \S+"):
        teaching.load_learned(taught)


@pytest.mark.parametrize(
    "change",
    [
        lambda about, _: about.update(variants=["a"]),
        lambda _, arrays: arrays.update(owners=arrays["owners"] * 0),
        lambda _, arrays: arrays.update(owners=arrays["owners"] - 1),
        lambda _, arrays: arrays.update(owners=arrays["owners"].astype(np.int64)),
        lambda _, arrays: arrays.update(features=arrays["features"][:-1]),
        lambda _, arrays: arrays.update(features=arrays["features"][:, :-1]),
    ],
)
def test_pictures_that_break_a_rule_are_not_taught_with(
    taught: Bundle, change: Callable[[dict[str, Any], dict[str, np.ndarray]], object]
) -> None:
    rewrite(taught, change)
    before = teaching.place(taught).read_bytes()
    with pytest.raises(DamagedBundleError, match="is damaged"):
        teaching.teach(taught, "owl", seen(5, 3), variant="a")
    assert before == teaching.place(taught).read_bytes()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_damaged_file_answers_as_it_did_or_is_refused(taught: Bundle, data: st.DataObject) -> None:
    place = teaching.place(taught)
    whole = place.read_bytes()
    rows, probabilities = seen(3, 4, seed=2), certain(np.zeros(4, np.int64))
    expected = teaching.load_learned(taught).extend(probabilities, rows)  # type: ignore[union-attr]
    content = bytearray(whole)
    if data.draw(st.booleans()):
        content = content[: data.draw(st.integers(0, len(content) - 1))]
    else:
        for _ in range(data.draw(st.integers(1, 3))):
            content[data.draw(st.integers(0, len(content) - 1))] ^= data.draw(st.integers(1, 255))
    place.write_bytes(content)
    try:
        found = teaching.load_learned(taught)
    except EdgetlError as error:
        assert "rm " in str(error) or "--upgrade" in str(error)  # noqa: PT017 - some bytes carry nothing
    else:
        assert found is not None
        np.testing.assert_array_equal(expected, found.extend(probabilities, rows))
    finally:
        place.write_bytes(whole)


def test_an_archive_that_unpacks_to_too_much_is_not_unpacked(taught: Bundle) -> None:
    rewrite(taught, lambda _, arrays: arrays.update(kernel=np.zeros((WIDTH, 200_000), np.float32)))
    assert teaching.place(taught).stat().st_size < 1_000_000
    with pytest.raises(DamagedBundleError, match=f"unpacks to .* more than {store.MOST_BYTES}"):
        teaching.load_learned(taught)


def test_a_folder_in_the_place_of_the_file_is_named(bundle: Bundle) -> None:
    teaching.place(bundle).mkdir()
    with pytest.raises(DamagedBundleError, match="cannot be read"):
        teaching.load_learned(bundle)


def test_the_file_is_small(taught: Bundle) -> None:
    size = teaching.place(taught).stat().st_size
    numbers = 12 * WIDTH * 2 + (len(LABELS) + 2 + 1) * WIDTH * 4
    assert size < numbers + 3000
