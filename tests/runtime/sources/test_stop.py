import os
import stat
import threading

import pytest

from edgetl.runtime.sources.stop import Stop, StoppedError


def test_a_wait_says_whether_there_is_data() -> None:
    stop = Stop()
    listen, tell = os.pipe()
    assert stop.wait(0.001, readable=listen) is False
    assert stop.wait(-1, readable=listen) is False
    os.write(tell, b"x")
    assert stop.wait(None, readable=listen) is True
    os.close(tell)
    os.read(listen, 1)
    assert stop.wait(None, readable=listen) is True  # its end counts as data
    os.close(listen)


def test_setting_it_ends_a_wait_and_those_to_come() -> None:
    stop = Stop()
    ended = threading.Event()

    def wait() -> None:
        with pytest.raises(StoppedError):
            stop.wait(None)
        ended.set()

    thread = threading.Thread(target=wait)
    thread.start()
    stop.set()
    stop.set()
    thread.join(30)
    assert ended.is_set()
    with pytest.raises(StoppedError):
        stop.wait(0)


def test_its_descriptors_go_with_it() -> None:
    stop = Stop()
    descriptors = (stop._listen, stop._tell)
    assert all(stat.S_ISFIFO(os.fstat(descriptor).st_mode) for descriptor in descriptors)
    del stop
    for descriptor in descriptors:
        with pytest.raises(OSError, match="Bad file descriptor"):
            os.fstat(descriptor)
