"""Nothing in the cache is taken for whole that is not."""

from pathlib import Path

import pytest

from edgetl.progress import Progress
from edgetl.training import sealed


class Listener(Progress):
    """Keeps the warnings."""

    def __init__(self) -> None:
        self.warnings: list[str] = []

    def warn(self, text: str) -> None:
        self.warnings.append(text)


@pytest.fixture
def listing(tmp_path: Path) -> Path:
    """Of two files, one of them in a folder."""
    (tmp_path / "engine").mkdir()
    (tmp_path / "engine" / "model.bin").write_bytes(b"weights")
    (tmp_path / "features.keras").write_bytes(b"network")
    sealed.seal(tmp_path / "all.json", width=1280)
    return tmp_path / "all.json"


def test_what_was_sealed_is_whole_also_with_other_files_beside_it(listing: Path) -> None:
    (listing.parent / "later.keras").write_bytes(b"a classifier")
    listener = Listener()
    assert sealed.is_whole(listing, "the backbone", listener)
    assert not listener.warnings


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("features.keras", b"netwosk"),
        ("engine/model.bin", b"weight"),
        ("all.json", b'{"files": {"features.keras": '),
        ("all.json", b"{}"),
        ("all.json", b'{"files": ["features.keras"]}'),
        ("engine/model.bin", None),
    ],
)
def test_damage_is_found_and_told(listing: Path, name: str, content: bytes | None) -> None:
    place = listing.parent / name
    place.unlink() if content is None else place.write_bytes(content)
    listener = Listener()
    assert not sealed.is_whole(listing, "the backbone", listener)
    assert listener.warnings == ["the backbone was damaged and is built anew"]


def test_what_was_never_there_is_no_damage(tmp_path: Path) -> None:
    listener = Listener()
    assert not sealed.is_whole(tmp_path / "gone" / "all.json", "the backbone", listener)
    assert not sealed.is_whole_file(tmp_path / "classifier.keras", "the classifier", listener)
    assert not listener.warnings


def test_a_single_file_has_its_hash_beside_it(tmp_path: Path) -> None:
    place, listener = tmp_path / "classifier-2.keras", Listener()
    place.write_bytes(b"a classifier")
    sealed.seal_file(place)
    assert sealed.is_whole_file(place, "the classifier", listener)
    place.write_bytes(b"a clasSifier")
    assert not sealed.is_whole_file(place, "the classifier", listener)
    assert listener.warnings == ["the classifier was damaged and is built anew"]
