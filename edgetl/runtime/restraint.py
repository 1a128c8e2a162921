"""Take away from this process, for good, what running a model does not need; in part elsewhere than on Linux.

An engine parses what came from outside in C++. Whatever a model makes it do, it can take no more memory, time
or descriptors than it was given, writes, makes, removes and starts nothing, and connects to nowhere.
"""

import contextlib
import ctypes
import os
import signal
import struct
import sys
from collections.abc import Mapping

_PARENT_GONE, _DUMPABLE, _NO_NEW_PRIVS = 1, 4, 38  # prctl(2)
_OPEN_FILES = 128  # OpenVINO looks at many files of /sys, one after the other
_ADDRESSES = 8 << 30
"""Bytes of address space beyond the memory: libraries, and what allocators reserve and never touch."""


def restrain(*, memory_bytes: int, cpu_s: float) -> None:
    """Limit this process.

    Args:
        memory_bytes: of writable memory, stacks included (``RLIMIT_DATA``), 1 or more.
        cpu_s: seconds of all its threads together, after which the kernel ends it.
    """
    limit_memory(memory_bytes, cpu_s=cpu_s)
    _limit({"RLIMIT_CORE": 0, "RLIMIT_FSIZE": 0, "RLIMIT_NOFILE": _OPEN_FILES})
    if sys.platform != "linux":
        return
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_PARENT_GONE, signal.SIGKILL, 0, 0, 0)
    libc.prctl(_NO_NEW_PRIVS, 1, 0, 0, 0)
    # No core: one may go to a program, past RLIMIT_CORE.
    libc.prctl(_DUMPABLE, 0, 0, 0, 0)
    _write_nowhere(libc)


def limit_memory(memory_bytes: int, *, cpu_s: float) -> None:
    """Limit the memory and the time of this process, and nothing else; see :func:`restrain`."""
    wanted = {"RLIMIT_CPU": max(1, int(cpu_s) + 1), "RLIMIT_DATA": memory_bytes}
    if sys.maxsize > 2**32:  # where addresses have 32 bits, they are a limit of their own
        wanted["RLIMIT_AS"] = memory_bytes + _ADDRESSES
    _limit(wanted)
    if sys.platform == "linux":
        with contextlib.suppress(OSError):  # should memory run out all the same, this process goes first
            descriptor = os.open("/proc/self/oom_score_adj", os.O_WRONLY)
            os.write(descriptor, b"1000")
            os.close(descriptor)


def _limit(wanted: Mapping[str, int]) -> None:
    """Set limits by their names; one that is lower already stays as it is."""
    try:
        import resource
    except ImportError:  # Windows
        return
    for name, most in wanted.items():
        with contextlib.suppress(AttributeError, ValueError, OSError):  # macOS knows not all of them
            what = getattr(resource, name)
            soft, hard = resource.getrlimit(what)
            allowed = min([most, *(limit for limit in (soft, hard) if limit != resource.RLIM_INFINITY)])
            # A second later the kernel kills; before, SIGXCPU says why.
            last = allowed + (name == "RLIMIT_CPU")
            resource.setrlimit(what, (allowed, last if hard == resource.RLIM_INFINITY else min(last, hard)))


# --- Landlock, landlock(7): since Linux 5.13, where the kernel was built with it ----------------------------

_CREATE, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446  # the same numbers on all processors
_ASK_VERSION, _BENEATH = 1, 1
_EXECUTE, _WRITE, _TRUNCATE, _IOCTL = 1 << 0, 1 << 1, 1 << 14, 1 << 15
_MAKE_OR_REMOVE = 0b1_1111_1111_0000  # bits 4 to 12: remove folders and files, make any kind of them
_REFER, _TCP = 1 << 13, 0b11  # move to another folder; bind and connect


def _write_nowhere(libc: ctypes.CDLL) -> None:
    """Forbid every change of files but what goes to /dev/null, starting programs, and TCP."""
    version = libc.syscall(_CREATE, None, 0, _ASK_VERSION)
    if version < 1:
        return
    files = _EXECUTE | _WRITE | _MAKE_OR_REMOVE
    files |= (_REFER if version >= 2 else 0) | (_TRUNCATE if version >= 3 else 0)
    rules = struct.pack("QQ", files, _TCP) if version >= 4 else struct.pack("Q", files)
    ruleset = libc.syscall(_CREATE, rules, len(rules), 0)
    if ruleset < 0:
        return
    with contextlib.suppress(OSError):
        nowhere = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
        libc.syscall(_ADD_RULE, ruleset, _BENEATH, struct.pack("=Qi", _WRITE, nowhere), 0)
        os.close(nowhere)
    libc.syscall(_RESTRICT_SELF, ruleset, 0)
    os.close(ruleset)
