import os
from pathlib import Path

import pytest

from edgetl.fleet.arrival import store_of


def test_a_place_for_all_is_taken_where_it_can_be_written(tmp_path: Path) -> None:
    system, home = tmp_path / "lib" / "edgetl", tmp_path / "home"
    system.parent.mkdir()
    assert store_of("bees", system, home) == system / "bees"


@pytest.mark.skipif(os.getuid() == 0, reason="root can write everywhere")
def test_else_the_users_own_place_is_taken(tmp_path: Path) -> None:
    (tmp_path / "lib").mkdir(mode=0o555)
    assert store_of("bees", tmp_path / "lib" / "edgetl", tmp_path) == tmp_path / ".local/state/edgetl/bees"


def test_a_system_without_the_place_has_the_users_own(tmp_path: Path) -> None:
    assert store_of("bees", tmp_path / "no" / "edgetl", tmp_path) == tmp_path / ".local/state/edgetl/bees"


def test_a_store_that_is_there_is_never_forked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    system = tmp_path / "edgetl"
    (system / "bees").mkdir(parents=True)
    monkeypatch.setattr(os, "access", lambda place, mode: False)
    assert store_of("bees", system, tmp_path) == system / "bees"
    assert store_of("ants", system, tmp_path) == tmp_path / ".local/state/edgetl/ants"
