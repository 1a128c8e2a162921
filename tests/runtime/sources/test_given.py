"""Pictures that are there already: files, lists, the standard input, the fake camera."""

import io
import itertools
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from fake_cameras import StopHereError
from hypothesis import example, given
from hypothesis import strategies as st
from PIL import Image
from support import encoded, scene

from edgetl.errors import DatasetError, ImageError, UsageError
from edgetl.runtime.sources import AbstractSource, open_source


@pytest.fixture
def photos(tmp_path: Path) -> list[Path]:
    """Three of 100 x 80 pixels."""
    paths = [tmp_path / "photos" / f"{number}.jpg" for number in range(3)]
    paths[0].parent.mkdir()
    for number, path in enumerate(paths):
        scene(100, 80, seed=number).save(path)
    return paths


@pytest.mark.parametrize("source", ["photos", "photos/*.jpg", Path("photos")])
@pytest.mark.parametrize("every", [None, True, False])
def test_files_are_given_by_path_in_order(
    source: str | Path, every: bool | None, photos: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(photos[0].parent.parent)
    before = time.time()
    with open_source(source, every=every) as files:
        frames = list(files)
    assert (files.live, files.dropped) == (False, 0)
    names = [f"photos/{number}.jpg" for number in range(3)]
    assert [(frame.name, os.fspath(frame.picture), frame.index) for frame in frames] == [  # type: ignore[arg-type]
        (name, name, number) for number, name in enumerate(names)
    ]
    times = [before, *(frame.time_s for frame in frames), time.time()]
    assert times == sorted(times)


def test_a_second_loop_goes_on_where_the_first_one_stopped(photos: list[Path]) -> None:
    files = open_source(photos[0].parent)
    assert [frame.index for frame, _ in zip(files, range(1), strict=False)] == [0]
    assert next(iter(files)).index >= 1


def test_a_closed_list_of_files_gives_no_more(photos: list[Path]) -> None:
    with open_source(photos[0].parent) as files:
        assert next(iter(files)).name == str(photos[0])
    assert list(files) == []


def test_what_is_not_there_is_named_with_a_way_out(tmp_path: Path) -> None:
    for source in (tmp_path / "nowhere.jpg", str(tmp_path / "nowhere.mp4"), "cam"):
        with pytest.raises(UsageError, match=r"does not exist: give a picture, a folder or a pattern"):
            open_source(source)
    with pytest.raises(DatasetError, match="has no pictures"):
        open_source(tmp_path)


def test_the_fake_camera_shows_pictures_once_each_at_a_camera_s_size(photos: list[Path]) -> None:
    with open_source(f"fake:{photos[0].parent}", width=64, height=48) as fake:
        frames = list(fake)
    assert [frame.name for frame in frames] == [str(path) for path in photos]
    assert [np.asarray(frame.picture).shape for frame in frames] == [(48, 64, 3)] * 3
    assert np.asarray(next(iter(open_source(f"fake:{photos[0]}"))).picture).shape == (480, 640, 3)
    with pytest.raises(UsageError, match="does not exist"):
        open_source("fake:nowhere")


def test_the_fake_camera_says_which_picture_is_none(tmp_path: Path) -> None:
    (tmp_path / "broken.jpg").write_bytes(b"words")
    with pytest.raises(ImageError, match=r"broken\.jpg is no picture"):
        list(open_source(f"fake:{tmp_path}"))


# --- in memory -----------------------------------------------------------------------------------


def test_one_picture_in_memory_is_a_source(photos: list[Path]) -> None:
    data = photos[0].read_bytes()
    pixels = np.zeros((4, 5, 3), np.uint8)
    with photos[0].open("rb") as file:
        for picture in (data, pixels, pixels[:, :, 0], Image.new("RGB", (3, 3)), io.BytesIO(data), file):
            (frame,) = open_source(picture)
            assert frame.picture is picture
            named = picture is file
            assert frame.name == (str(photos[0]) if named else "picture 1")


def test_an_iterable_is_asked_for_one_picture_at_a_time() -> None:
    asked: list[int] = []

    def pictures() -> Iterator[bytes]:
        for number in itertools.count():
            asked.append(number)
            yield b"%d" % number

    with open_source(pictures()) as endless:
        frames = iter(endless)
        assert [next(frames).picture for _ in range(3)] == [b"0", b"1", b"2"]
        assert asked == [0, 1, 2]


def test_an_iterable_may_mix_paths_and_pictures(photos: list[Path]) -> None:
    stack = np.zeros((2, 4, 5, 3), np.uint8)
    assert [frame.name for frame in open_source([photos[0], encoded(scene()), "a.jpg"])] == [
        str(photos[0]),
        "picture 2",
        "a.jpg",
    ]
    assert [np.asarray(frame.picture).shape for frame in open_source(stack)] == [(4, 5, 3)] * 2


def test_an_iterable_s_own_error_gets_through() -> None:
    def pictures() -> Iterator[str]:
        yield "a.jpg"
        raise LookupError("no more film")

    seen: list[str] = []
    with pytest.raises(LookupError, match="no more film"):
        seen.extend(frame.name for frame in open_source(pictures()))
    assert seen == ["a.jpg"]


def test_a_source_that_is_open_is_taken_as_it_is() -> None:
    opened = open_source(["a.jpg"])
    assert open_source(opened, every=True) is opened


@pytest.mark.parametrize("source", [None, 0, 1.5, object()])
def test_what_is_no_source_is_refused(source: object) -> None:
    with pytest.raises(UsageError, match=rf"a {type(source).__name__} is no source of pictures: give a path"):
        open_source(source)  # type: ignore[arg-type]


# --- the standard input --------------------------------------------------------------------------


class Piped:
    """A standard input that the test writes."""

    def __init__(self) -> None:
        listen, tell = os.pipe()
        self.input = os.fdopen(listen)
        self.output = os.fdopen(tell, "wb", buffering=0)


@pytest.fixture
def piped(monkeypatch: pytest.MonkeyPatch) -> Iterator[Piped]:
    pipe = Piped()
    monkeypatch.setattr(sys, "stdin", pipe.input)
    yield pipe
    pipe.input.close()
    pipe.output.close()


def test_paths_are_taken_as_their_lines_come(piped: Piped) -> None:
    with open_source("-") as paths:
        frames = iter(paths)
        piped.output.write(b"one.jpg\ntwo ")
        assert next(frames).picture == "one.jpg"  # while the input is open, and its second line not whole
        piped.output.write(b"words.jpg\r\n\n\xffthree.jpg\nlast.jpg")
        assert next(frames).name == "two words.jpg"
        assert next(frames).name == "\udcffthree.jpg"  # as os.fsdecode has it
        piped.output.close()
        assert [(frame.name, frame.index) for frame in frames] == [("last.jpg", 3)]


def test_another_thread_ends_the_wait_for_a_line(piped: Piped) -> None:
    with open_source("-") as paths:
        piped.output.write(b"one.jpg\n")
        seen: list[str] = []
        first = threading.Event()

        def loop() -> None:
            for frame in paths:
                seen.append(frame.name)
                first.set()

        thread = threading.Thread(target=loop)
        thread.start()
        assert first.wait(30)
        paths.close()
        thread.join(30)
        assert not thread.is_alive()
    assert seen == ["one.jpg"]


def test_a_signal_handler_s_exception_gets_through_while_a_line_is_awaited(
    piped: Piped, alarm: Callable[[float], object]
) -> None:
    with pytest.raises(StopHereError):  # noqa: PT012 - on a busy machine it may come at once
        alarm(0.1)
        list(open_source("-"))


@given(
    st.sampled_from(["/nowhere/", "fake:/nowhere/", "camera:x", "http://[", "x://"]), st.text(max_size=300)
)
@example("/nowhere/", "x" * 5000)
@example("/nowhere/", "x" * 5000 + ".mp4")
@example("/nowhere/", "x\0.mp4")
@example("/nowhere/", "**/*\0")
@example("fake:", "")
@example("", "")
def test_whatever_is_typed_is_refused_in_a_sentence(start: str, text: str) -> None:
    with pytest.raises(UsageError) as caught:
        list(open_source(start + text))
    assert ": " in str(caught.value)


def test_a_picture_piped_in_is_refused(piped: Piped) -> None:
    def write() -> None:
        with piped.output:
            piped.output.write(100_000 * b"\xff\xd8")

    thread = threading.Thread(target=write)
    thread.start()
    with pytest.raises(
        UsageError, match="over 65536 bytes, and - takes one path a line: pictures themselves"
    ):
        list(open_source("-"))
    piped.input.close()
    thread.join()


def test_a_standard_input_in_memory_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("a.jpg\n\nb.jpg"))
    assert [frame.name for frame in open_source("-")] == ["a.jpg", "b.jpg"]


def test_without_a_standard_input_the_other_sources_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", None)
    with pytest.raises(UsageError, match="there is no standard input: give a picture, a folder or a pattern"):
        list(open_source("-"))


def test_a_standard_input_that_cannot_be_read_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    nothing = SimpleNamespace(closed=False, fileno=lambda: 1_000_000)
    monkeypatch.setattr(sys, "stdin", nothing)
    with pytest.raises(UsageError, match="the standard input cannot be read: Bad file descriptor"):
        list(open_source("-"))


def test_a_file_and_a_terminal_s_end_are_standard_inputs(tmp_path: Path) -> None:
    listed = tmp_path / "list.txt"
    listed.write_text("a.jpg\nb.jpg\n")
    code = (
        "from edgetl.runtime.sources import open_source; print(*(frame.name for frame in open_source('-')))"
    )
    with listed.open() as file:
        done = subprocess.run(
            [sys.executable, "-c", code], stdin=file, capture_output=True, text=True, check=True
        )
    assert done.stdout == "a.jpg b.jpg\n"
    nothing = subprocess.run(
        [sys.executable, "-c", code], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=True
    )
    assert nothing.stdout == "\n"


def test_sources_are_of_one_kind() -> None:
    assert isinstance(open_source(["a.jpg"]), AbstractSource)
