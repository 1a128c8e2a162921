"""A disk whose n-th operation fails, once or from then on, or takes only half of what it is given."""

import contextlib
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from edgetl import disk
from faults.recorder import SEAM


@dataclass
class Fault:
    """What goes wrong."""

    number: int
    """Of the operation it begins with, from 0."""
    code: int
    """The system's error number."""
    for_ever: bool
    """Whether every later one fails too, but for those that free space."""
    short: bool = False
    """Whether a write takes half of its bytes before the error comes."""
    count: int = 0
    """Operations so far."""
    hit: str | None = None
    """The operation that failed first."""

    def befalls(self, name: str) -> bool:
        """Whether this operation fails; it is counted."""
        self.count += 1
        place = self.count - 1
        if place == self.number:
            self.hit = name
        return place == self.number or (self.for_ever and place > self.number)


@contextlib.contextmanager
def failing(fault: Fault) -> Iterator[None]:
    """In the block the disk has this fault."""

    def with_fault(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def called(*arguments: Any) -> Any:
            if not fault.befalls(name):
                return function(*arguments)
            if fault.short and name == "write" and len(arguments[1]) > 1:
                fault.number += 1  # the rest fails, when it is asked for
                return function(arguments[0], bytes(arguments[1])[: len(arguments[1]) // 2])
            raise OSError(fault.code, os.strerror(fault.code))

        return called

    with pytest.MonkeyPatch.context() as patch:
        for name in SEAM:
            patch.setattr(disk, name, with_fault(name, getattr(disk, name)))
        yield
