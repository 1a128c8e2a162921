"""Photos of a dataset of any size."""

import hashlib
import pickle
import tracemalloc
from dataclasses import FrozenInstanceError, asdict, replace
from pathlib import Path

import pytest

from edgetl.errors import DatasetError
from edgetl.training.hashing import hash_all
from edgetl.training.photo import Photo

SHA256 = hashlib.sha256(b"a photo").hexdigest()


def test_a_photo_gives_back_what_it_was_made_of() -> None:
    photo = Photo(Path("ants/1.jpg"), 3, "train", SHA256)
    told = {"path": Path("ants/1.jpg"), "label": 3, "split": "train", "sha256": SHA256}
    assert asdict(photo) == told
    assert replace(photo, split="val") == Photo(Path("ants/1.jpg"), 3, "val", SHA256)
    assert pickle.loads(pickle.dumps(photo)) == photo
    assert len({photo, Photo(**told)}) == 1


@pytest.mark.parametrize("name", ["path", "label", "split", "sha256"])
def test_a_photo_stays_as_it_is(name: str) -> None:
    with pytest.raises(FrozenInstanceError):
        setattr(Photo(Path("1.jpg"), 3, "train", SHA256), name, None)


def test_a_million_photos_take_some_250_megabytes() -> None:
    tracemalloc.start()
    photos = [
        Photo(Path(f"/data/photos/train/class{n % 100}/IMG_{n:08}.jpg"), n % 100, "train", f"{n:064x}")
        for n in range(2000)
    ]
    taken, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert taken / len(photos) < 300


def test_files_are_hashed_in_order_and_a_block_at_a_time(tmp_path: Path) -> None:
    paths = []
    for number in range(20):
        paths.append(tmp_path / str(number))
        paths[-1].write_bytes(bytes([number]) * number * 100)
    large = tmp_path / "large"
    large.write_bytes(bytes(50_000_000))
    tracemalloc.start()
    hashes = hash_all([*paths, large])
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert hashes == [hashlib.sha256(path.read_bytes()).hexdigest() for path in [*paths, large]]
    assert peak < 5_000_000


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    there = tmp_path / "there"
    there.write_bytes(b"")
    with pytest.raises(DatasetError, match="gone cannot be read: No such file or directory"):
        hash_all([there, tmp_path / "gone"])
    unreadable: dict[Path, str] = {}
    assert hash_all([tmp_path / "gone", there], unreadable)[0] == ""
    assert list(unreadable) == [tmp_path / "gone"]
