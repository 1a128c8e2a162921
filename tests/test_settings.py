import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
import signed

from edgetl import settings
from edgetl.errors import SettingsError
from edgetl.sealing import sealed
from edgetl.settings import SYSTEM, VARIABLE, Settings


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Settings of a machine that requires a signature, in a file that a variable names."""
    monkeypatch.setattr(settings, "SYSTEM", tmp_path / "etc" / "settings.json")
    place = signed.require(tmp_path / "settings.json", "alice", kind="gate", revoked=["bob"])
    monkeypatch.setenv(VARIABLE, str(place))
    return place


@pytest.fixture
def user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user who is not root, and has no settings yet."""
    monkeypatch.delenv(VARIABLE, raising=False)
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    monkeypatch.setattr(settings, "SYSTEM", tmp_path / "etc" / "settings.json")
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def test_what_was_written_is_read(place: Path) -> None:
    found = settings.read()
    assert found == Settings((signed.trusted("alice"), signed.trusted("bob", revoked=True)), 1, "gate")
    assert settings.write(found) == place
    assert settings.read() == found


def test_a_machine_without_settings_takes_any_bundle(user: Path) -> None:
    assert settings.read() == Settings()
    assert settings.place() == user / ".config" / "edgetl" / "settings.json"


def test_every_flipped_bit_is_refused(place: Path) -> None:
    """Above all that which makes a 0 of the 1 that is required."""
    whole = place.read_bytes()
    for bit in range(8 * len(whole)):
        flipped = bytearray(whole)
        flipped[bit // 8] ^= 1 << bit % 8
        place.write_bytes(flipped)
        with pytest.raises(SettingsError, match="is not understood"):
            settings.read()


def test_every_truncation_is_refused(place: Path) -> None:
    whole = place.read_bytes()
    for size in range(len(whole)):
        place.write_bytes(whole[:size])
        with pytest.raises(SettingsError, match="is not understood"):
            settings.read()


def become_a_folder(place: Path) -> None:
    place.unlink()
    place.mkdir()


def become_a_pipe(place: Path) -> None:
    place.unlink()
    os.mkfifo(place)


def point_nowhere(place: Path) -> None:
    place.unlink()
    place.symlink_to(place.parent / "disk that is not mounted" / "settings.json")


def point_at_itself(place: Path) -> None:
    place.unlink()
    place.symlink_to(place)


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (lambda place: place.write_bytes(b""), "not valid JSON"),
        (lambda place: place.write_bytes(b"\0" * 300), "not valid JSON"),
        (lambda place: place.write_bytes(b"{}"), "its schema is None"),
        (lambda place: place.write_bytes(b"[]"), "its schema is None"),
        (lambda place: place.write_bytes(b" " * 70_000), "more than the limit"),
        (lambda place: place.write_text(sealed({"schema": 1, "keys": 5})), "keys is int"),
        (lambda place: place.write_text(sealed({"schema": 1, "required": -1})), "-1 signatures"),
        (lambda place: place.write_text(sealed({"schema": 1, "required": True})), "required is bool"),
        (lambda place: place.write_text(sealed({"schema": 1, "require": 1})), "unknown or missing keys"),
        (lambda place: place.write_text(sealed({"schema": True})), "schema is bool"),
        (lambda place: place.write_text(sealed({"schema": 2})), "its schema is 2, and this edgetl reads 1"),
        (lambda place: place.write_text(json.dumps({"schema": 1})), "has no seal"),
        (become_a_folder, "cannot be read: Is a directory"),
        (become_a_pipe, "cannot be read: it is no regular file"),
        (point_nowhere, "is a link to nowhere: mend it, or remove it"),
        (point_at_itself, "cannot be read: Too many levels of symbolic links"),
        (Path.unlink, f"which {VARIABLE} names, does not exist: write it with"),
    ],
)
def test_settings_that_cannot_be_read_are_never_passed_over(
    place: Path, damage: Callable[[Path], None], reason: str
) -> None:
    damage(place)
    with pytest.raises(SettingsError, match=reason):
        settings.read()


@pytest.mark.parametrize("mistake", [{"public": "ab"}, {"public": "A" * 64}, {"public": "g" * 64}])
def test_a_key_that_is_none_is_refused(place: Path, mistake: dict[str, str]) -> None:
    value = json.loads(place.read_text())
    value["keys"][0].update(mistake)
    place.write_text(sealed(value))
    with pytest.raises(SettingsError, match="public key of 'alice' is not 64 hexadecimal digits"):
        settings.read()


@pytest.mark.parametrize("twice", ["name", "public"])
def test_a_key_that_stands_twice_is_refused(place: Path, twice: str) -> None:
    """Else a revoked key could stand there once more, trusted."""
    value = json.loads(place.read_text())
    value["keys"][1][twice] = value["keys"][0][twice]
    place.write_text(sealed(value))
    with pytest.raises(SettingsError, match="a key stands twice among"):
        settings.read()


def test_a_file_that_is_named_may_be_missing_for_who_writes_it(place: Path) -> None:
    place.unlink()
    assert settings.read(to_change=True) == Settings()
    settings.write(Settings(kind="gate"))
    assert settings.read().kind == "gate"


def test_the_systems_settings_hold_for_everybody(place: Path) -> None:
    assert settings.place() == place
    settings.SYSTEM.parent.mkdir()
    settings.SYSTEM.write_text(sealed({"schema": 1, "kind": "door"}))
    assert settings.read().kind == "door"


def test_a_link_to_a_disk_that_is_not_mounted_switches_nothing_off(place: Path) -> None:
    settings.SYSTEM.parent.mkdir()
    settings.SYSTEM.symlink_to("/data/is not mounted/settings.json")
    with pytest.raises(SettingsError, match="is a link to nowhere"):
        settings.read()
    with pytest.raises(SettingsError, match="is a link to nowhere"):
        settings.read(to_change=True)


def test_roots_settings_are_the_systems(user: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert settings.place() == settings.SYSTEM
    assert not settings.SYSTEM.exists()
    assert Path("/etc/edgetl/settings.json") == SYSTEM


def test_a_relative_configuration_folder_is_none(user: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", "conf")
    assert settings.place() == user / ".config" / "edgetl" / "settings.json"
    monkeypatch.setenv("XDG_CONFIG_HOME", str(user / "conf"))
    assert settings.place() == user / "conf" / "edgetl" / "settings.json"


def test_a_user_without_a_home_has_the_systems_settings_or_none(
    user: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def homeless() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", homeless)
    assert settings.read() == Settings()
    settings.SYSTEM.parent.mkdir()
    settings.SYSTEM.write_text(sealed({"schema": 1, "required": 2}))
    assert settings.read().required == 2


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to become somebody else")
def test_settings_that_this_user_may_not_read_are_not_passed_over(root: Path) -> None:
    with tempfile.TemporaryDirectory() as folder:  # pytest's own folders are closed to others
        Path(folder).chmod(0o755)
        place = signed.require(Path(folder) / "settings.json", "alice")
        place.chmod(0o600)
        script = "import os; from edgetl import settings; os.setuid(65534); settings.read()"
        done = subprocess.run(
            [sys.executable, "-c", script],
            capture_output=True,
            text=True,
            check=False,
            cwd=root,
            env={**os.environ, VARIABLE: str(place)},
        )
    assert "cannot be read: Permission denied" in done.stderr
