"""Two files in turn: whatever happens to one, the other is whole."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgetl.errors import WriteError
from edgetl.training.tuning.checkpoint import Checkpoints

ARRAYS = (np.arange(6, dtype=np.float32).reshape(2, 3), np.array(7, np.int64), np.ones((), np.float32))


def saved(folder: Path, count: int) -> Checkpoints:
    checkpoints = Checkpoints(folder, "training")
    for number in range(count):
        checkpoints.save({"epoch": number}, [array + number for array in ARRAYS])
    return checkpoints


def epoch(folder: Path, identity: str = "training") -> int | None:
    state = Checkpoints(folder, identity).load()
    return None if state is None else state.position["epoch"]


def test_the_newest_comes_back_to_the_bit(tmp_path: Path) -> None:
    saved(tmp_path, 3)
    state = Checkpoints(tmp_path, "training").load()
    assert state is not None
    assert state.position == {"epoch": 2}
    for array, kept in zip(ARRAYS, state.arrays, strict=True):
        assert (kept.dtype, kept.shape, kept.tobytes()) == (array.dtype, array.shape, (array + 2).tobytes())


def test_saving_goes_on_over_the_older_file_after_a_resume(tmp_path: Path) -> None:
    saved(tmp_path, 2)
    checkpoints = Checkpoints(tmp_path, "training")
    checkpoints.load()
    checkpoints.save({"epoch": 9}, ARRAYS)
    assert epoch(tmp_path) == 9
    (tmp_path / "odd.checkpoint").unlink()
    assert epoch(tmp_path) == 1


def test_there_is_nothing_in_an_empty_folder_and_nothing_of_another_training(tmp_path: Path) -> None:
    assert epoch(tmp_path) is None
    saved(tmp_path, 2)
    assert epoch(tmp_path, "another") is None


@given(where=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7), cut=st.booleans())
def test_a_damaged_file_is_passed_over_for_the_older_one(
    tmp_path_factory: pytest.TempPathFactory, where: float, bit: int, cut: bool
) -> None:
    folder = tmp_path_factory.mktemp("checkpoints")
    saved(folder, 2)
    newest = folder / "even.checkpoint"
    data = bytearray(newest.read_bytes())
    place = int(where * len(data))
    data[place] ^= 1 << bit
    newest.write_bytes(data[:place] if cut else data)
    assert epoch(folder) == 0


def test_a_full_disk_leaves_the_newer_file(small_disk: Path) -> None:
    checkpoints = Checkpoints(small_disk, "training")
    checkpoints.save({"epoch": 0}, [np.zeros(60_000, np.float32)])
    checkpoints.save({"epoch": 1}, [np.zeros(60_000, np.float32)])
    with pytest.raises(WriteError, match="disk is full"):
        checkpoints.save({"epoch": 2}, [np.zeros(200_000, np.float32)])
    assert epoch(small_disk) == 1
