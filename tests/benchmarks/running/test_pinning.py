"""Cores are tried before minutes of measuring."""

import os

import pytest

from edgetl.benchmarks.running import pinning
from edgetl.errors import UsageError

pytestmark = pytest.mark.skipif(
    not hasattr(os, "sched_setaffinity"), reason="this system keeps no process on cores"
)


def test_the_cores_of_this_process_are_accepted_and_it_stays_on_all_of_them() -> None:
    before = os.sched_getaffinity(0)
    pinning.check(sorted(before))
    assert os.sched_getaffinity(0) == before


@pytest.mark.parametrize("core", [-1, 100_000, 10**30])
def test_a_core_that_is_not_there_is_refused_with_those_that_are(core: int) -> None:
    there = sorted(os.sched_getaffinity(0))
    with pytest.raises(UsageError, match=rf"core {core} is not one .*: choose from .*{there[-1]}"):
        pinning.check([there[0], core])


def test_no_core_at_all_is_refused() -> None:
    with pytest.raises(UsageError, match="no cores leave nothing to run on"):
        pinning.check([])


def test_a_system_without_pinning_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "sched_setaffinity")
    with pytest.raises(UsageError, match="leave --cores out"):
        pinning.check([0])
