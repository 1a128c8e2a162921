"""A plugin of the pytest that runs on the emulated board: ``-p arm.on_board --hypothesis-profile arm``.

It leaves out, by name and with the reason, what an emulated board cannot show.
"""

import subprocess

import pytest
from hypothesis import settings

from edgetl.runtime.sources import feed

# Python is some ten times slower there; what many examples find, they find on x86 as well.
settings.register_profile("arm", deadline=None, max_examples=5, derandomize=True)

# A child there needs longer to import NumPy than a real board, most of all while this machine does more.
feed.START_S = 120.0
# QEMU gives the child of posix_spawn(), which Python 3.13 uses, memory of its own, and so why a program
# cannot be started never reaches the parent: https://docs.python.org/3/library/subprocess.html#disabling-use-of-posix-spawn
subprocess._USE_POSIX_SPAWN = False  # type: ignore[attr-defined]

_SLOW = "the 2 s that this test gives child processes to begin are too few for an emulated Python"
_MJPEG = "tests/runtime/sources/test_mjpeg.py"
LEFT_OUT = {
    f"{_MJPEG}::test_a_camera_that_gets_its_own_headers_wrong_is_read": _SLOW,
    f"{_MJPEG}::test_a_stream_that_ends_says_so": _SLOW,
    f"{_MJPEG}::test_what_is_no_stream_is_an_error_at_once": _SLOW,
    "tests/runtime/test_commands.py::test_what_takes_too_long_is_ended_and_told": _SLOW,
    "tests/runtime/test_watcher.py::test_stop_waits_for_a_callback_also_after_a_join_that_was_interrupted": (
        "QEMU gives a signal to the thread that sent it, not to the one that waits"
    ),
    "tests/runtime/sources/test_devices.py::test_a_device_in_use_names_the_program_that_has_it": (
        "/proc shows this machine's processes, and there every program is called as QEMU's loader is"
    ),
}
"""Test, without its parameters: why it cannot pass under emulation though it would on a board."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip what is left out; an entry that names no test any more must not hide a later one."""
    names = {item.nodeid.partition("[")[0]: item for item in items}
    files = {name.partition("::")[0] for name in names}
    if gone := [name for name in LEFT_OUT if name.partition("::")[0] in files and name not in names]:
        raise pytest.UsageError(f"tests/arm/on_board.py leaves out what is not there: {', '.join(gone)}")
    for item in items:
        if reason := LEFT_OUT.get(item.nodeid.partition("[")[0]):
            item.add_marker(pytest.mark.skip(reason=f"emulated: {reason}"))
