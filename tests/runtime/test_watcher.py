"""A thread that watches, calls back, and ends whatever it does at the moment."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from support import encoded, scene, write_fake_bundle

import edgetl
from edgetl.errors import ImageError, UsageError
from edgetl.runtime.classifier import Classifier
from edgetl.runtime.stream import Seen

PHOTO = encoded(scene())


@pytest.fixture
def model(tmp_path: Path) -> Iterator[Classifier]:
    with edgetl.load(write_fake_bundle(tmp_path / "insects.edgetl")) as loaded:
        yield loaded


def test_callbacks_are_called_for_results_changes_and_labels(model: Classifier) -> None:
    calls: list[str] = []
    watcher = model.watch(
        [PHOTO, PHOTO, PHOTO],
        on_result=lambda seen: calls.append(f"result {seen.frame.index}"),
        on_change=lambda seen: calls.append(f"change to {seen.label}"),
        on_label={"bee": lambda _: calls.append("bee"), "ant": lambda _: calls.append("ant")},
    )
    watcher.join()
    assert not watcher.running
    assert calls == ["result 0", "change to bee", "bee", "result 1", "result 2"]


def test_the_unknown_is_a_change_and_no_label(tmp_path: Path) -> None:
    bundle = write_fake_bundle(tmp_path / "unsure.edgetl", reject_threshold=0.9)
    changes: list[str | None] = []
    with edgetl.load(bundle) as model:
        model.watch(
            [PHOTO, PHOTO],
            on_change=lambda seen: changes.append(seen.label),
            on_label={"bee": lambda _: changes.append("bee")},
        ).join()
    assert changes == [None]


def test_a_label_the_model_has_not_is_refused(model: Classifier) -> None:
    with pytest.raises(UsageError, match="the model has no label wasp: choose from ant, bee, cat"):
        model.watch([PHOTO], on_label={"wasp": print})


@pytest.mark.parametrize("kind", [LookupError, SystemExit, ImageError])
def test_what_a_callback_raises_ends_the_watching_and_is_raised_once(
    model: Classifier, kind: type[BaseException]
) -> None:
    calls: list[Seen] = []

    def call(seen: Seen) -> None:
        calls.append(seen)
        raise kind("a callback's own")

    watcher = model.watch([PHOTO] * 5, on_result=call)
    with pytest.raises(kind, match="a callback's own"):
        watcher.join()
    assert len(calls) == 1
    watcher.stop()


def test_a_picture_that_is_none_ends_it_unless_somebody_is_told(model: Classifier) -> None:
    with pytest.raises(ImageError, match="is no picture"):
        model.watch([PHOTO, b"words", PHOTO]).join()
    errors: list[ImageError] = []
    results: list[int] = []
    model.watch(
        [PHOTO, b"words", PHOTO],
        on_result=lambda seen: results.append(seen.frame.index),
        on_error=errors.append,
    ).join()
    assert results == [0, 2]
    assert len(errors) == 1


def test_it_is_stopped_from_outside_and_from_a_callback(model: Classifier) -> None:
    seen: list[int] = []
    with model.watch(
        (PHOTO for _ in iter(int, 1)), on_result=lambda answer: seen.append(answer.frame.index)
    ) as watcher:
        assert watcher.running
    assert not watcher.running
    stopped = threading.Event()
    inside = model.watch((PHOTO for _ in iter(int, 1)), on_result=lambda _: (stopped.wait(30), inside.stop()))
    stopped.set()
    inside.join()
    assert not inside.running


def test_a_join_that_waits_long_enough_gives_up(model: Classifier) -> None:
    going_on = threading.Event()
    watcher = model.watch([PHOTO], on_result=lambda _: going_on.wait(30))
    watcher.join(0.01)
    assert watcher.running
    going_on.set()
    watcher.join()
    assert not watcher.running


def test_what_ends_the_block_is_not_hidden_by_what_ended_the_watching(model: Classifier) -> None:
    called = threading.Event()

    def call(_: Seen) -> None:
        called.set()
        raise LookupError

    def block(error: BaseException | None) -> None:
        called.clear()
        with model.watch([PHOTO], on_result=call):
            assert called.wait(30)
            if error is not None:
                raise error

    with pytest.raises(KeyboardInterrupt):
        block(KeyboardInterrupt())
    with pytest.raises(LookupError):
        block(None)


class Interrupted(BaseException):
    """What a signal's handler raises."""


def test_stop_waits_for_a_callback_also_after_a_join_that_was_interrupted(model: Classifier) -> None:
    going_on, ended, joining = threading.Event(), threading.Event(), threading.Event()

    def interrupt(*_: object) -> None:
        raise Interrupted

    def call(_: Seen) -> None:
        joining.wait(30)
        os.kill(os.getpid(), signal.SIGUSR1)
        going_on.wait(30)
        ended.set()

    before = signal.signal(signal.SIGUSR1, interrupt)
    try:
        watcher = model.watch([PHOTO], on_result=call)
        with pytest.raises(Interrupted):  # noqa: PT012 - on a busy machine it may come at once
            joining.set()
            watcher.join()
        ended.clear()
        threading.Timer(0.1, going_on.set).start()
        watcher.stop()
        assert ended.is_set()
    finally:
        signal.signal(signal.SIGUSR1, before)


def test_the_end_of_the_program_ends_it_after_the_callback_under_way(tmp_path: Path) -> None:
    bundle = write_fake_bundle(tmp_path / "insects.edgetl")
    code = (
        "import sys, threading, time, numpy, edgetl\n"
        "model = edgetl.load(sys.argv[1])\n"
        "began = threading.Event()\n"
        "def call(seen):\n"
        "    began.set(); time.sleep(0.2); print('ended', flush=True)\n"
        "pixels = numpy.zeros((32, 32, 3), numpy.uint8)\n"
        "model.watch((pixels for _ in iter(int, 1)), on_result=call)\n"
        "began.wait()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(bundle)], capture_output=True, text=True, check=False, timeout=120
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "ended\n", "")
