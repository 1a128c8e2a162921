import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from edgetl.errors import KeyFileError, UsageError, WriteError
from edgetl.signing import ed25519, keys

PASSPHRASE = "correct horse"
pytest.importorskip("cryptography", reason="needs cryptography to make keys")


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Path, Path]:
    return keys.new("alice@work", tmp_path, PASSPHRASE)


@pytest.fixture
def open_umask() -> Iterator[None]:
    before = os.umask(0)
    yield
    os.umask(before)


def test_a_key_signs_what_its_public_half_verifies(pair: tuple[Path, Path]) -> None:
    private, public = pair
    secret, known = keys.read_private(private, PASSPHRASE), keys.read_public(public)
    assert secret.public == known
    signature = secret.sign(b"message")
    assert ed25519.is_valid(bytes.fromhex(known.public), signature.value, b"message")


def test_the_secret_is_its_owners_alone_whatever_the_umask(open_umask: None, tmp_path: Path) -> None:
    private, public = keys.new("alice", tmp_path, PASSPHRASE)
    assert stat.S_IMODE(private.stat().st_mode) == 0o600
    assert stat.S_IMODE(public.stat().st_mode) == 0o666


def test_the_secret_is_never_readable_by_others_while_it_is_written(tmp_path: Path) -> None:
    script = f"""
import os, pathlib
from edgetl import disk
from edgetl.signing import keys
os.umask(0)
made = []
before = disk.create
def create(path, mode=disk.FOR_ALL):
    file = before(path, mode)
    made.append((path.name, os.fstat(file).st_mode & 0o777))
    return file
disk.create = create
keys.new("alice", pathlib.Path({str(tmp_path)!r}), {PASSPHRASE!r})
assert [mode for name, mode in made if ".key" in name] == [0o600], made
"""
    subprocess.run([sys.executable, "-c", script], check=True, cwd=Path(__file__).parents[2])


def test_the_secret_is_not_in_its_file(pair: tuple[Path, Path]) -> None:
    content = pair[0].read_bytes()
    assert b"ENCRYPTED PRIVATE KEY" in content
    assert PASSPHRASE.encode() not in content


@pytest.mark.parametrize("passphrase", ["", "correct hors", "correct horse ", "Correct horse"])
def test_another_passphrase_opens_nothing(pair: tuple[Path, Path], passphrase: str) -> None:
    with pytest.raises(KeyFileError, match="is no key of edgetl keys new, or its passphrase is another"):
        keys.read_private(pair[0], passphrase)


def test_a_short_passphrase_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="has 7 letters: take 8 or more"):
        keys.new("alice", tmp_path, "1234567")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("passphrase", ["a" * 1024, "ä" * 512])
def test_a_passphrase_that_no_key_takes_is_refused_before_anything_is_written(
    tmp_path: Path, passphrase: str
) -> None:
    with pytest.raises(UsageError, match="has 1024 bytes: take 1023 or fewer"):
        keys.new("alice", tmp_path, passphrase)
    assert list(tmp_path.iterdir()) == []
    private, _ = keys.new("alice", tmp_path, passphrase[:1023] if passphrase[0] == "a" else passphrase[1:])
    with pytest.raises(KeyFileError, match="or its passphrase is another"):
        keys.read_private(private, passphrase * 5)


def test_a_passphrase_of_bytes_that_are_no_text_is_taken(tmp_path: Path) -> None:
    """What is typed into a terminal of another encoding."""
    private, _ = keys.new("alice", tmp_path, "caf\udce9 au lait")
    assert keys.read_private(private, "caf\udce9 au lait").public.name == "alice"


@pytest.mark.parametrize("name", ["", "a b", "a/b", "../a", "a" * 65, "a" * 5000, "\udce9", "a\nb"])
def test_a_name_that_is_none_is_refused_before_anything_is_written(tmp_path: Path, name: str) -> None:
    with pytest.raises(KeyFileError, match="is no name of a key: up to 64 letters"):
        keys.new(name, tmp_path, PASSPHRASE)
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_was_renamed_is_told_and_not_its_key(pair: tuple[Path, Path]) -> None:
    copy = pair[0].rename(pair[0].with_name("alice (copy).key"))
    with pytest.raises(
        KeyFileError, match=r"alice \(copy\)\.key is not called after its key: give it its name"
    ):
        keys.read_private(copy, PASSPHRASE)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o644, 0o666, 0o610])
def test_a_secret_that_others_can_read_is_refused(pair: tuple[Path, Path], mode: int) -> None:
    pair[0].chmod(mode)
    with pytest.raises(KeyFileError, match="can be read by others: chmod 600"):
        keys.read_private(pair[0], PASSPHRASE)


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to give a file away")
def test_the_secret_of_another_user_is_refused(pair: tuple[Path, Path]) -> None:
    os.chown(pair[0], 12345, 12345)
    with pytest.raises(KeyFileError, match="belongs to another user"):
        keys.read_private(pair[0], PASSPHRASE)


@pytest.mark.parametrize("suffix", [".key", ".pub"])
def test_no_key_is_ever_replaced(pair: tuple[Path, Path], suffix: str) -> None:
    before = pair[0].read_bytes(), pair[1].read_bytes()
    (pair[0] if suffix == ".pub" else pair[1]).rename(pair[0].parent / "elsewhere")
    with pytest.raises(UsageError, match="exists already, and a key that is lost cannot be made again"):
        keys.new("alice@work", pair[0].parent, PASSPHRASE)
    left = pair[0] if suffix == ".key" else pair[1]
    assert left.read_bytes() in before


@pytest.mark.parametrize(
    "name", ["", "a b", "a/b", "../up", "a\nb", "x" * 65, "аlice", "alice\u200b", "a\\b"]
)
def test_a_name_that_could_be_taken_for_another_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(KeyFileError, match="is no name of a key"):
        keys.new(name, tmp_path, PASSPHRASE)
    assert list(tmp_path.iterdir()) == []


def test_half_a_key_is_not_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise WriteError("the disk is full")

    monkeypatch.setattr(keys.files, "write_bytes", full)
    monkeypatch.setattr(keys.files, "write_text", lambda path, text: path.write_text(text))
    with pytest.raises(WriteError):
        keys.new("alice", tmp_path, PASSPHRASE)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\0" * 100,
        b"edgetl-ed25519",
        b"edgetl-ed25519 abc alice",
        b"edgetl-ed25519 " + b"A" * 64 + b" alice",
        b"edgetl-ed25519 " + b"0" * 64 + b" alice",  # of small order
        b"edgetl-ed25519 " + b"01" + b"0" * 62 + b" alice",  # the identity
        b"edgetl-ed25519 " + b"ff" * 32 + b" alice",  # not in the one way
        b"ssh-ed25519 " + b"3d" * 32 + b" alice",
        b"edgetl-ed25519 " + b"3d" * 32 + b" alice bob",
        b"edgetl-ed25519 " + b"3d" * 32 + b" al\xc3\xadce",
        b" " * 5000,
    ],
)
def test_what_is_no_public_key_is_refused(tmp_path: Path, content: bytes) -> None:
    place = tmp_path / "alice.pub"
    place.write_bytes(content)
    with pytest.raises(KeyFileError, match=r"is no (public|Ed25519|name|key)"):
        keys.read_public(place)


def test_the_private_half_is_not_taken_for_the_public_one(pair: tuple[Path, Path]) -> None:
    with pytest.raises(KeyFileError, match="that is the private half, which stays where it is"):
        keys.read_public(pair[0])


def test_keys_of_other_kinds_do_not_sign(tmp_path: Path) -> None:
    ec = pytest.importorskip("cryptography.hazmat.primitives.asymmetric.ec")
    serialization = pytest.importorskip("cryptography.hazmat.primitives.serialization")
    place = tmp_path / "alice.key"
    place.write_bytes(
        ec.generate_private_key(ec.SECP256R1()).private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(PASSPHRASE.encode()),
        )
    )
    place.chmod(0o600)
    with pytest.raises(KeyFileError, match="is no Ed25519 key: make one with edgetl keys new"):
        keys.read_private(place, PASSPHRASE)


def test_places_that_are_no_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(KeyFileError, match="does not exist: make a key"):
        keys.read_public(tmp_path / "nobody.pub")
    with pytest.raises(KeyFileError, match="cannot be read: Is a directory"):
        keys.read_private(tmp_path, PASSPHRASE)
    os.mkfifo(tmp_path / "pipe.key")
    with pytest.raises(KeyFileError, match="cannot be read: it is no regular file"):
        keys.read_private(tmp_path / "pipe.key", PASSPHRASE)
