"""Keys, signatures, packing and versions, as a user types them."""

import json
import shlex
from pathlib import Path

import pytest
import signed
from click.testing import CliRunner, Result

from edgetl import settings
from edgetl.cli import main
from edgetl.errors import BundleError
from edgetl.manifest import SIGNATURES
from edgetl.sealing import sealed

PASSPHRASE = "correct horse"


@pytest.fixture
def room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to work in, with three versions of a bundle and a machine that asks for nothing yet."""
    pytest.importorskip("cryptography", reason="needs cryptography to sign")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(settings, "SYSTEM", tmp_path / "no system settings")
    monkeypatch.setenv(settings.VARIABLE, str(tmp_path / "settings.json"))
    Path("pass").write_text(f"{PASSPHRASE}\n")
    for number in (1, 2, 3):
        signed.tiny_bundle(tmp_path / f"v{number}.edgetl", created=f"2026-11-{number:02}T12:00:00+00:00")
    assert edgetl("settings --kind gate").exit_code == 0
    return tmp_path


def edgetl(line: str) -> Result:
    done = CliRunner().invoke(main, shlex.split(line))
    assert "edgetl itself failed" not in done.output
    assert "Traceback" not in done.output
    return done


def refused(line: str, code: int, words: str) -> None:
    done = edgetl(line)
    assert (done.exit_code, words in done.stderr) == (code, True), done.output


def with_key(name: str = "alice") -> None:
    assert edgetl(f"keys new {name} --passphrase-file pass").exit_code == 0


def test_a_key_is_made_trusted_listed_and_revoked(room: Path) -> None:
    done = edgetl("keys new alice --passphrase-file pass")
    assert done.stdout.startswith("secret  alice.key: keep a copy off this machine")
    assert "next: edgetl keys trust alice.pub" in done.stderr
    assert edgetl("keys list").stdout == "no key is trusted here\n"
    done = edgetl("keys trust alice.pub")
    assert done.stdout.startswith("trusted  alice ")
    assert "next: edgetl settings --require 1" in done.stderr
    (row,) = json.loads(edgetl("keys list --json").stdout)
    assert (row["name"], row["revoked"], len(row["keyid"])) == ("alice", None, 64)
    assert edgetl("settings --require 1").exit_code == 0
    done = edgetl(f"keys revoke {row['keyid'][:12]}")
    assert done.stdout.startswith("revoked  alice ")
    assert "1 signatures are required here, and 0 keys are trusted: nothing loads" in done.stderr
    assert "revoked 20" in edgetl("keys list").stdout
    refused("keys trust alice.pub", 2, "the key of alice is revoked here and stays so: make a new one")


def test_wrong_uses_of_keys_are_told(room: Path) -> None:
    with_key()
    with_key("bob")
    refused("keys new alice --passphrase-file pass", 2, "alice.key exists already")
    refused("keys new carol --passphrase-file nowhere", 2, "nowhere cannot be read as a passphrase")
    refused("keys new carol", 2, "there is nobody to ask for the passphrase: name a file")
    refused("keys trust alice.key", 1, "that is the private half, which stays where it is")
    refused("keys trust nobody.pub", 1, "nobody.pub does not exist")
    refused("keys revoke alice", 2, "'alice' is not one of the keys that are known here: none")
    assert edgetl("keys trust alice.pub").exit_code == 0
    Path("bob.pub").write_text(Path("bob.pub").read_text().replace(" bob", " alice"))
    refused("keys trust bob.pub", 2, "another key is called alice here")
    refused("keys", 2, "Usage:")


def test_nothing_is_trusted_when_one_of_several_is_no_key(room: Path) -> None:
    with_key()
    done = edgetl("keys trust alice.pub nobody.pub")
    assert (done.exit_code, done.stdout) == (1, "")
    assert edgetl("keys list").stdout == "no key is trusted here\n"


def test_settings_are_shown_and_changed(room: Path) -> None:
    assert edgetl("settings").stdout.splitlines()[1:] == [
        "signatures  none required; trusted: nobody",
        "kind        gate",
    ]
    refused("settings --require 1", 2, "1 signatures cannot be required, since 0 keys are trusted")
    refused("settings --require -1", 2, "-1 signatures cannot be required: give 0 or more")
    with_key()
    edgetl("keys trust alice.pub")
    shown = json.loads(edgetl("settings --require 1 --kind door --json").stdout)
    assert (shown["required"], shown["kind"], shown["place"]) == (1, "door", str(room / "settings.json"))
    assert "kind        not said" in edgetl("settings --kind ''").stdout
    assert settings.read().required == 1


def test_what_was_asked_for_is_written_also_where_it_is_the_default(room: Path) -> None:
    (room / "settings.json").unlink()
    refused("info v1.edgetl", 1, "does not exist: write it with edgetl settings --require")
    assert edgetl("settings --require 0").exit_code == 0
    assert edgetl("info v1.edgetl").exit_code == 0


@pytest.mark.parametrize("kind", ["\udce9", "pi 4", "a" * 70_000])
def test_a_kind_that_is_none_is_told(room: Path, kind: str) -> None:
    done = CliRunner().invoke(main, ["settings", "--kind", kind])
    assert (done.exit_code, "is no kind of a device: give 1 to 64 letters" in done.stderr) == (2, True)
    assert len(done.stderr) < 1000
    assert settings.read().kind == "gate"


def test_who_requires_signatures_and_cannot_check_them_is_told(
    room: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_key()
    edgetl("keys trust alice.pub")
    assert "securesystemslib" not in edgetl("settings --require 1").stderr
    monkeypatch.setattr("edgetl.extras.is_installed", lambda module: False)
    assert "pip install 'edgetl[signatures]'" in edgetl("settings --require 1").stderr
    assert "pip install" not in edgetl("settings --require 0").stderr


def test_damaged_settings_stop_everything(room: Path) -> None:
    (room / "settings.json").write_bytes(b"\0" * 100)
    for line in (
        "settings",
        "keys list",
        "info v1.edgetl",
        "verify v1.edgetl",
        "install v1.edgetl --into store",
    ):
        refused(line, 1, "settings.json is not understood")
    assert not (room / "store").exists()


def test_a_bundle_is_signed_packed_and_installed(room: Path) -> None:
    with_key()
    edgetl("keys trust alice.pub")
    edgetl("settings --require 1")
    refused(
        "install v1.edgetl --into store",
        1,
        "v1.edgetl: the bundle is not signed, and this machine takes only",
    )
    done = edgetl("sign v1.edgetl --key alice.key --passphrase-file pass")
    assert done.stdout == f"signed  v1.edgetl/{SIGNATURES}\n"
    assert "next: edgetl pack v1.edgetl" in done.stderr
    done = edgetl("pack v1.edgetl")
    assert done.stdout.startswith("packed  v1.zip  ")
    refused("pack v1.edgetl", 2, "v1.zip exists already: choose another --out, or add --force")
    again = edgetl("pack v1.edgetl --force")
    assert again.stdout == done.stdout
    done = edgetl("install v1.zip --into store")
    assert done.stdout.startswith("installed  ")
    assert edgetl("install v1.edgetl --into store").stdout.startswith("was there  ")
    found = json.loads(edgetl("install v1.zip --into store --json").stdout)
    assert [version["digest"] for version in found["versions"]] == [found["digest"]]


def test_who_signed_is_told_of_a_bundle_and_of_a_store(room: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def told(place: str) -> str:
        done = edgetl(f"info {place}")
        assert done.exit_code == 0, done.output
        return next(line for line in done.stdout.splitlines() if line.startswith("signatures"))

    with_key()
    with_key("bob")
    assert told("v1.edgetl") == "signatures  not signed"
    for name in ("alice", "bob"):
        edgetl(f"sign v1.edgetl --key {name}.key --passphrase-file pass")
    assert told("v1.edgetl").endswith(", which this machine does not know")
    edgetl("keys trust alice.pub bob.pub")
    edgetl("keys revoke bob")
    said = "signatures  signed by alice and signed by bob, whose key is revoked"
    assert told("v1.edgetl") == said
    edgetl("install v1.edgetl --into store")
    assert edgetl("activate store").exit_code == 0
    assert told("store") == said
    monkeypatch.setattr("edgetl.extras.is_installed", lambda module: False)
    assert told("v1.edgetl").startswith("signatures  not checked, which needs securesystemslib: pip install")


def test_wrong_uses_of_sign_are_told(room: Path) -> None:
    with_key()
    (room / "other").write_text("another phrase")
    refused("sign v1.edgetl --key alice.key --passphrase-file other", 1, "or its passphrase is another")
    refused("sign nowhere --key alice.key --passphrase-file pass", 1, "nowhere does not exist")
    refused("sign v1.edgetl --passphrase-file pass", 2, "Missing option '--key'")
    Path("alice.key").chmod(0o644)
    refused("sign v1.edgetl --key alice.key --passphrase-file pass", 1, "can be read by others: chmod 600")
    assert not (room / "v1.edgetl" / SIGNATURES).exists()


def test_versions_are_activated_rolled_back_and_removed(room: Path) -> None:
    refused("status store", 2, "store is no store of versions: make one with edgetl install BUNDLE")
    for command in ("activate", "rollback", "gc"):
        refused(f"{command} store", 2, "is no store of versions")
    done = edgetl("install v1.edgetl --into store --activate")
    assert done.stdout.startswith("active  "), done.output
    refused("rollback store", 2, "store has no version before this one")
    done = edgetl("install v2.edgetl --into store --activate --json")
    told = json.loads(done.stdout)
    assert told["state"] == "active"
    assert told["previous"] is not None
    assert "state" in edgetl("status store").stdout
    assert edgetl("gc store").stdout == "nothing to remove\n"
    back = edgetl("rollback store").stdout
    assert back == f"active  {told['previous'][:12]}\n"
    found = json.loads(edgetl("status store --json").stdout)
    assert found["state"]["refused"][0]["reason"] == "rolled back by hand"
    assert edgetl("gc store").stdout == f"removed  {told['digest'][:12]}\n"
    refused("activate store zzz", 2, "'zzz' is not the beginning of one version of store")
    refused("install v1.edgetl --into .", 2, "is not empty and no store of versions")


def test_a_budget_that_is_not_met_leaves_the_version_that_was_used(room: Path) -> None:
    edgetl("install v1.edgetl --into store --activate")
    edgetl("install v2.edgetl --into store")
    done = edgetl("activate store --budget-ms 0.000001 --json")
    assert done.exit_code == 3
    told = json.loads(done.stdout)
    assert told["state"] == "refused"
    assert "are allowed" in told["reason"]
    assert told["active"] != told["digest"]


def test_a_hostile_name_reaches_no_terminal(room: Path) -> None:
    import dataclasses

    from edgetl.manifest import parse

    place, hostile = room / "v1.edgetl" / "manifest.json", "\x1b]0;owned\x07\x1b[2J\nsigned by alice"
    manifest = parse(place.read_bytes())
    place.write_text(dataclasses.replace(manifest, provenance={hostile: hostile}).to_json())
    for line in ("info v1.edgetl", "info v1.edgetl --json", "install v1.edgetl --into store", "status store"):
        done = edgetl(line)
        assert done.exit_code == 0
        assert not {"\x1b", "\x07"} & set(done.output)
        assert not any(told.startswith("signed") for told in done.output.splitlines())
    with pytest.raises(BundleError):
        dataclasses.replace(manifest, name=hostile)
    place.write_text(sealed({**json.loads(place.read_text()), "name": hostile}))
    for line in ("info v1.edgetl", "verify v1.edgetl", "install v1.edgetl --into other", "pack v1.edgetl"):
        done = edgetl(line)
        assert (done.exit_code, "its texts are on one line" in done.stderr) == (1, True)
        assert not {"\x1b", "\x07"} & set(done.output)
        assert len(done.output.splitlines()) == 1
