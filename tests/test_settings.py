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
from edgetl.errors import BundleError, SettingsError, UsageError
from edgetl.sealing import sealed
from edgetl.settings import SYSTEM, VARIABLE, Settings, TrustedKey


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


@pytest.mark.parametrize("written", ["{}/settings.json/", "{}//settings.json", "{}/./settings.json"])
def test_a_mistyped_name_is_never_passed_over_however_it_is_written(
    place: Path, written: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, written.format(place.parent / "mistyped"))
    with pytest.raises(SettingsError, match=f"which {VARIABLE} names, does not exist"):
        settings.read()


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


def test_a_folder_of_a_disk_that_is_not_mounted_switches_nothing_off(place: Path) -> None:
    folder = settings.SYSTEM.parent
    folder.symlink_to("/data/is not mounted/edgetl")
    for to_change in (False, True):
        with pytest.raises(SettingsError, match=f"{folder} is a link to nowhere: mend it, or remove it"):
            settings.read(to_change=to_change)
    with pytest.raises(SettingsError, match="is a link to nowhere"):
        settings.change(lambda found: found)


def test_a_users_folder_of_a_disk_that_is_not_mounted_switches_nothing_off(user: Path) -> None:
    user.mkdir()
    (user / ".config").symlink_to(user / "not mounted")
    with pytest.raises(SettingsError, match="config is a link to nowhere"):
        settings.read()


def test_no_change_is_lost_where_several_change_at_once(place: Path) -> None:
    """Above all no revocation."""
    names = [f"key{number}" for number in range(8)]
    script = (
        "import sys; from edgetl import settings\n"
        "name, public = sys.argv[1:]\n"
        "for turn in range(10):\n"
        "    key = settings.TrustedKey(name, public, str(turn))\n"
        "    settings.change(lambda found: settings.with_key(found, key))\n"
    )
    commands = [[sys.executable, "-c", script, name, signed.trusted(name).public] for name in names]
    running = [subprocess.Popen(command) for command in commands]
    assert [one.wait(60) for one in running] == [0] * len(names)
    assert {key.name for key in settings.read().keys} == {"alice", "bob", *names}
    assert {key.added for key in settings.read().keys if key.name in names} == {"9"}


def test_a_change_that_is_refused_changes_nothing(place: Path) -> None:
    before = place.read_bytes()

    def refuse(found: Settings) -> Settings:
        raise UsageError("no")

    with pytest.raises(UsageError):
        settings.change(refuse)
    assert place.read_bytes() == before


def test_more_keys_than_can_be_read_are_not_written(place: Path) -> None:
    before = place.read_bytes()
    many = tuple(TrustedKey(f"key{number}", f"{number:064x}", "") for number in range(600))
    with pytest.raises(SettingsError, match="more than 64000 bytes, which nothing reads: trust fewer keys"):
        settings.write(Settings(many))
    assert place.read_bytes() == before


@pytest.mark.parametrize("kind", ["", "a" * 65, "pi 4", "\udce9", "a\nb"])
def test_a_kind_that_is_none_is_refused(kind: str) -> None:
    with pytest.raises(BundleError, match="the kind of this device is not of 1 to 64 letters"):
        Settings(kind=kind)


def test_the_systems_settings_can_be_read_by_all_whatever_roots_umask_is(place: Path) -> None:
    before = os.umask(0o077)
    try:
        folder = settings.SYSTEM.parent
        folder.mkdir()
        settings.SYSTEM.write_text(place.read_text())
        settings.change(lambda found: found)
    finally:
        os.umask(before)
    assert settings.SYSTEM.stat().st_mode & 0o777 == 0o644
    assert folder.stat().st_mode & 0o777 == 0o700  # somebody's own choice
    assert (folder / ".settings.lock").stat().st_mode & 0o777 == 0o600


def test_a_folder_for_the_systems_settings_can_be_read_by_all(
    user: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    before = os.umask(0o077)
    try:
        settings.change(lambda found: found)
    finally:
        os.umask(before)
    assert settings.SYSTEM.stat().st_mode & 0o777 == 0o644
    assert settings.SYSTEM.parent.stat().st_mode & 0o777 == 0o755


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
    with pytest.raises(
        SettingsError, match=f"no home to keep settings in: name a file for them in {VARIABLE}"
    ):
        settings.change(lambda found: found)
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
