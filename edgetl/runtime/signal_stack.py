"""Keep the stack on which a thread's signal handlers run, through libraries that change it.

OpenVINO gives the thread that compiles a model an alternate signal stack, sigaltstack(2), and puts the former
one back when the model is freed. With two models freed in another order, that is memory of the first: the
next signal then ends the process with SIGSEGV, since Python's handlers ask for that stack (SA_ONSTACK).
"""

import contextlib
import ctypes
import sys
from collections.abc import Iterator


class _Stack(ctypes.Structure):
    """``stack_t`` of Linux."""

    _fields_ = (("address", ctypes.c_void_p), ("flags", ctypes.c_int), ("size", ctypes.c_size_t))


@contextlib.contextmanager
def signal_stack_kept() -> Iterator[None]:
    """Put this thread's signal stack back as the block ends; does nothing on other systems than Linux."""
    if sys.platform != "linux":
        yield
        return
    set_stack = ctypes.CDLL(None).sigaltstack
    before = _Stack()
    set_stack(None, ctypes.byref(before))
    try:
        yield
    finally:
        set_stack(ctypes.byref(before), None)
