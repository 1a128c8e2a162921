"""How many threads numpy may use."""

import sys
from contextlib import AbstractContextManager
from functools import cache
from typing import Any

from edgetl import extras

_LARGE = 50_000_000
"""Multiply-accumulates of one step from which several threads pay."""


def threads_for(work: int) -> AbstractContextManager[Any]:
    """Let numpy use as many threads as products of so many multiply-accumulates are worth.

    numpy and scipy each bring an OpenBLAS, and the threads of the one spin while the other works: on two
    cores a step on 1,968 x 1,280 features took five times as long. Large products are worth it.
    """
    manager: AbstractContextManager[Any] = _pools("scipy.linalg" in sys.modules).limit(
        limits=1 if work < _LARGE else None
    )
    return manager


@cache
def _pools(_scipy_is_loaded: bool) -> Any:
    """The thread pools of numpy and, once it is loaded, scipy: to look for them takes 8 ms."""
    return extras.load("threadpoolctl", extra="train", purpose="training").ThreadpoolController()
