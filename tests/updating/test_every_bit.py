"""Every bit and every length of a small signed bundle, folder or zip: not one change gets through.

Each run flips every bit of the zip, which holds every byte of every file, and every tenth bit of the folder;
the deep form flips every one of both.
"""

import io
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import signed
from deep import cases

from edgetl import settings
from edgetl.bundle import Bundle, check_signatures
from edgetl.errors import BundleError
from edgetl.updating.archive import Reader
from edgetl.updating.install import checked
from edgetl.updating.pack import pack


@pytest.fixture(autouse=True)
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(settings.VARIABLE, str(signed.require(tmp_path / "settings.json", "alice")))
    # Read once: what is asked here a hundred thousand times is the bundle.
    found = settings.read()
    monkeypatch.setattr(settings, "read", lambda: found)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return signed.tiny_bundle(tmp_path / "tiny.edgetl", "alice")


@pytest.fixture
def packed(folder: Path, tmp_path: Path) -> bytes:
    return pack(folder, tmp_path / "tiny.zip").read_bytes()


def opens(folder: Path) -> bool:
    """Whether the bundle would be loaded: what load and verify ask before they start an engine."""
    try:
        Bundle.open(folder).check_files()
    except BundleError:
        return False
    return True


def unpacks(data: bytes) -> bool:
    """Whether the packed bundle would be installed: what install asks before it makes a version of it."""
    try:
        found = Reader(io.BytesIO(data), "the zip")
        check_signatures(found.manifest_bytes, found.signatures, None, "the zip")
        for entry, pieces in found.contents():
            for _ in checked(entry, pieces):
                pass
    except BundleError:
        return False
    return True


def flipped(whole: bytes) -> Iterator[bytes]:
    """The bytes with one bit changed, for each bit."""
    changed = bytearray(whole)
    for place in range(len(whole)):
        for bit in range(8):
            changed[place] ^= 1 << bit
            yield bytes(changed)
            changed[place] ^= 1 << bit


def test_the_unchanged_bundle_passes(folder: Path, packed: bytes) -> None:
    assert opens(folder)
    assert unpacks(packed)


def test_no_flipped_bit_of_any_file_gets_through(folder: Path) -> None:
    tried = 0
    for place in sorted(place for place in folder.rglob("*") if place.is_file()):
        whole = place.read_bytes()
        file = os.open(place, os.O_WRONLY)
        for number, changed in enumerate(flipped(whole)):
            if (tried := tried + 1) % cases(10, 1):
                continue
            os.pwrite(file, changed[number // 8 : number // 8 + 1], number // 8)
            assert not opens(folder), f"bit {number} of {place}"
            os.pwrite(file, whole[number // 8 : number // 8 + 1], number // 8)
        os.close(file)
    assert opens(folder)
    assert tried == 8 * sum(place.stat().st_size for place in folder.rglob("*") if place.is_file())


def test_no_truncated_file_gets_through(folder: Path) -> None:
    for place in sorted(place for place in folder.rglob("*") if place.is_file()):
        whole = place.read_bytes()
        for size in range(len(whole) - 1, -1, -1):
            os.truncate(place, size)
            assert not opens(folder), f"{size} bytes of {place}"
        place.write_bytes(whole)
    assert opens(folder)


def test_no_flipped_bit_of_the_zip_gets_through(packed: bytes) -> None:
    for number, changed in enumerate(flipped(packed)):
        assert not unpacks(changed), f"bit {number}"


def test_no_truncated_or_longer_zip_gets_through(packed: bytes) -> None:
    for size in range(len(packed)):
        assert not unpacks(packed[:size]), f"{size} bytes"
    for byte in range(256):
        assert not unpacks(packed + bytes([byte])), f"another {byte}"


def test_no_flipped_bit_of_an_unsigned_bundle_gets_through(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The seal and the hashes alone: what falls over on an SD card is seen without any key."""
    monkeypatch.setattr(settings, "read", settings.Settings)
    plain = signed.tiny_bundle(tmp_path / "plain.edgetl")
    packed = pack(plain, tmp_path / "plain.zip").read_bytes()
    assert unpacks(packed)
    for number, changed in enumerate(flipped(packed)):
        if number % 7 == 0:
            assert not unpacks(changed), f"bit {number}"
