"""What libraries print from C is kept off the terminal, and nothing else is."""

import os
import threading

import pytest

from edgetl import debug
from edgetl.cli import output
from edgetl.runtime import quiet


@pytest.fixture(autouse=True)
def no_debug(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(debug.VARIABLE, raising=False)


def test_what_is_printed_within_is_lost_and_what_follows_is_not(capfd: pytest.CaptureFixture[str]) -> None:
    with quiet.native_output_hidden():
        os.write(2, b"chatter")
    os.write(2, b"words")
    assert capfd.readouterr().err == "words"


def test_blocks_may_lie_within_each_other(capfd: pytest.CaptureFixture[str]) -> None:
    with quiet.native_output_hidden():
        with pytest.raises(ValueError, match="odd"), quiet.native_output_hidden():
            raise ValueError("odd")
        os.write(2, b"chatter")
    os.write(2, b"words")
    assert capfd.readouterr().err == "words"


def test_blocks_of_several_threads_hide_until_the_last_ends(capfd: pytest.CaptureFixture[str]) -> None:
    entered, leave = threading.Event(), threading.Event()

    def other() -> None:
        with quiet.native_output_hidden():
            entered.set()
            leave.wait(10)
            os.write(2, b"chatter")

    thread = threading.Thread(target=other)
    with quiet.native_output_hidden():
        thread.start()
        assert entered.wait(10)  # it need not wait for this one
    os.write(2, b"chatter")
    leave.set()
    thread.join()
    os.write(2, b"words")
    assert capfd.readouterr().err == "words"


def test_the_first_word_may_be_said_while_a_picture_is_decoded(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where errors go is found out then, and kept."""
    output._own_stderr.cache_clear()
    with quiet.native_output_hidden():
        words = output._own_stderr()
        words.write("within\n")
    words.write("after\n")
    output._own_stderr.cache_clear()
    words.close()
    assert capfd.readouterr().err == "within\nafter\n"


def test_many_at_once_leave_stderr_as_it_was(capfd: pytest.CaptureFixture[str]) -> None:
    before = os.fstat(2).st_ino

    def work() -> None:
        for _ in range(200):
            with quiet.native_output_hidden():
                os.write(2, b"chatter")

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert os.fstat(2).st_ino == before
    assert capfd.readouterr().err == ""
