import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import support

import edgetl
from edgetl import extras, settings
from edgetl.errors import BundleError, MissingPackageError, WriteError
from edgetl.fleet import arrival
from edgetl.fleet.arrival import store_of
from edgetl.manifest import SIGNATURES
from edgetl.signing import Envelope, Signature


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


@pytest.fixture
def closed(tmp_path: Path) -> Iterator[Path]:
    """A folder that this user cannot look into, as another's /var/lib/edgetl; root becomes somebody else."""
    place = tmp_path / "edgetl"
    place.mkdir(mode=0o000)
    user = os.geteuid()
    if user == 0:
        os.seteuid(65534)
    try:
        yield place
    finally:
        os.seteuid(user)
        place.chmod(0o755)


def test_where_nobody_can_look_a_store_may_be(closed: Path, tmp_path: Path) -> None:
    store = store_of("bees", closed, tmp_path)
    assert store == closed / "bees"
    with pytest.raises(WriteError, match=r"bees cannot be looked into there \(Permission denied\)"):
        arrival.refuse_closed(store)


def test_a_store_that_is_missing_or_open_is_not_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for place in (tmp_path, tmp_path / "missing", tmp_path / "file"):
        arrival.refuse_closed(place)


@pytest.fixture
def packed(tmp_path: Path) -> Path:
    """A bundle that needs edgetl 0.1.0, and has a file of signatures."""
    bundle = support.write_fake_bundle(tmp_path / "bees.edgetl")
    manifest = (bundle / "manifest.json").read_bytes()
    (bundle / SIGNATURES).write_text(Envelope(manifest, (Signature("a" * 64, bytes(64)),)).to_json())
    return edgetl.pack(bundle, tmp_path / "bees.zip")


@pytest.mark.parametrize("package", ["edgetl", "edgetl-runtime"])
def test_a_device_whose_own_edgetl_is_too_old_is_told_so(
    packed: Path, package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(extras, "version", lambda name: "0.0.9rc1" if name == package else None)
    with pytest.raises(BundleError, match=f"has {package} 0.0.9rc1, and the bundle needs 0.1.0: pip inst"):
        arrival.check(packed)


@pytest.mark.parametrize("version", ["0.1.0", "0.1.1.dev3+local", "0.10.0", "1.0", None])
def test_a_device_with_a_newer_edgetl_or_none_is_not(
    packed: Path, version: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(extras, "version", lambda name: version)
    arrival.check(packed)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", bytes(1000)])
def test_what_is_no_bundle_is_left_to_the_installation(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "bees.zip").write_bytes(content)
    arrival.check(tmp_path / "bees.zip")
    arrival.check(tmp_path / "missing.zip")


def test_a_device_that_requires_signatures_is_told_what_checks_them_and_for_which_python(
    packed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(extras, "is_installed", lambda module: module != "securesystemslib")
    arrival.check(packed)  # it requires none
    monkeypatch.setattr(settings, "read", lambda: settings.Settings(required=1))
    with pytest.raises(MissingPackageError) as told:
        arrival.check(packed)
    assert f"{sys.executable} there lacks securesystemslib" in str(told.value)
    assert str(told.value).endswith(f"on the device, type: {sys.executable} -m pip install securesystemslib")
    monkeypatch.setattr(sys, "prefix", sys.base_prefix)
    with pytest.raises(MissingPackageError, match="venv --system-site-packages ~/edgetl && ~/edgetl/bin/pip"):
        arrival.check(packed)
