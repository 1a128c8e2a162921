"""Records that check themselves: whatever happens to a file, a row is right or not there."""

import contextlib
import hashlib
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from edgetl import files
from edgetl.errors import CacheError, WriteError
from edgetl.training.features.merging import merge
from edgetl.training.features.shards import SUFFIX, Writer, record_bytes
from edgetl.training.features.table import FeatureTable

WIDTH = 5


def name(number: int) -> str:
    """A SHA-256."""
    return hashlib.sha256(str(number).encode()).hexdigest()


def row(number: int) -> NDArray[np.float32]:
    """Features that no other picture has."""
    return np.random.default_rng(number).normal(size=WIDTH).astype(np.float32)


def write(folder: Path, numbers: range) -> Path:
    """Write a shard; returns its file."""
    before = set(folder.glob(f"*{SUFFIX}"))
    with contextlib.closing(Writer(folder)) as writer:
        for number in numbers:
            writer.add(name(number), row(number))
    (new,) = set(folder.glob(f"*{SUFFIX}")) - before
    return new


def test_rows_come_back_to_the_bit_in_the_order_asked_for(tmp_path: Path) -> None:
    write(tmp_path, range(10))
    write(tmp_path, range(10, 13))
    table = FeatureTable(tmp_path)
    asked = [12, 0, 7, 7, 3]
    assert np.array_equal(table.rows([name(number) for number in asked]), [row(number) for number in asked])
    assert np.array_equal(table[name(11)], row(11))
    assert (len(table), table.width) == (13, WIDTH)
    assert (name(5) in table, name(13) in table) == (True, False)
    blocks = list(table.blocks([name(number) for number in range(13)], 5))
    assert [len(block) for block in blocks] == [5, 5, 3]
    assert np.array_equal(np.concatenate(blocks), [row(number) for number in range(13)])
    with pytest.raises(KeyError):
        table.rows([name(1), name(13)])


def test_a_folder_that_is_not_there_has_no_rows(tmp_path: Path) -> None:
    table = FeatureTable(tmp_path / "none")
    assert (len(table), name(0) in table, table.has([name(0), name(1)]).any()) == (0, False, False)
    assert table.drop_damaged([]) == 0


@given(damage=st.data())
def test_whatever_is_damaged_no_wrong_row_is_given(
    tmp_path_factory: pytest.TempPathFactory, damage: st.DataObject
) -> None:
    folder = tmp_path_factory.mktemp("shards")
    shard = write(folder, range(12))
    file = damage.draw(st.sampled_from([shard, shard.with_suffix(".index")]))
    content = bytearray(file.read_bytes())
    place = damage.draw(st.integers(0, len(content) - 1))
    if damage.draw(st.booleans()):
        content[place] ^= damage.draw(st.integers(1, 255))
    else:
        del content[place:]
    file.write_bytes(content)
    table = FeatureTable(folder)
    known = [number for number in range(12) if name(number) in table]
    damaged = table.drop_damaged([name(number) for number in known])
    kept = [number for number in known if name(number) in table]
    assert len(kept) == len(known) - damaged
    assert np.array_equal(
        table.rows([name(number) for number in kept]), [row(number) for number in kept]
    ) or (not kept)
    if file != shard:
        assert len(kept) == 12  # an index can be made again
    elif place >= 16:
        first = (place - 16) // record_bytes(WIDTH)
        assert set(kept) >= set(range(first))


def test_a_damaged_row_is_left_out_of_the_index_and_another_copy_serves(tmp_path: Path) -> None:
    shard = write(tmp_path, range(4))
    with shard.open("r+b") as file:
        file.seek(16 + 2 * record_bytes(WIDTH) + 40)
        file.write(b"\xff\xff")
    table = FeatureTable(tmp_path)
    with pytest.raises(CacheError, match="damaged while they were in use: do the same again"):
        table.rows([name(2)])
    assert table.drop_damaged([name(number) for number in range(4)]) == 1
    assert name(2) not in table
    write(tmp_path, range(2, 3))
    assert np.array_equal(FeatureTable(tmp_path)[name(2)], row(2))


def test_what_is_not_ours_is_passed_over(tmp_path: Path) -> None:
    write(tmp_path, range(2))
    (tmp_path / f"0000{SUFFIX}").write_bytes(b"")
    (tmp_path / f"ffff{SUFFIX}").write_bytes(b"something else altogether")
    (tmp_path / "old.npz").write_bytes(b"PK")
    assert len(FeatureTable(tmp_path)) == 2


def test_a_shard_that_still_grows_is_read_and_left_alone(tmp_path: Path) -> None:
    writer = Writer(tmp_path)
    for number in range(3):
        writer.add(name(number), row(number))
    table = FeatureTable(tmp_path)
    for number in range(3, 6):
        writer.add(name(number), row(number))
    for _ in range(8):
        write(tmp_path, range(1))
    merge(tmp_path)
    writer.close()
    assert len(table) == 3
    assert sorted(number for number in range(9) if name(number) in FeatureTable(tmp_path)) == list(range(6))


def test_many_small_shards_become_one_and_open_tables_go_on(tmp_path: Path) -> None:
    for number in range(9):
        write(tmp_path, range(number, number + 2))
    before = FeatureTable(tmp_path)
    merge(tmp_path)
    files = sorted(path.suffix for path in tmp_path.iterdir())
    assert files == [".index", SUFFIX]
    after = FeatureTable(tmp_path)
    hashes = [name(number) for number in range(10)]
    assert np.array_equal(after.rows(hashes), before.rows(hashes))
    (shard,) = after.shards
    assert shard.count == 10  # no row twice


def test_a_merge_drops_what_is_damaged(tmp_path: Path) -> None:
    shards = [write(tmp_path, range(number, number + 1)) for number in range(8)]
    content = bytearray(shards[3].read_bytes())
    content[60] ^= 1
    shards[3].write_bytes(content)
    merge(tmp_path)
    assert len(FeatureTable(tmp_path)) == 7


def test_keys_whose_first_half_is_the_same_are_told_apart(tmp_path: Path) -> None:
    hashes = [name(0)[:16] + name(number)[16:] for number in range(4)]
    with contextlib.closing(Writer(tmp_path)) as writer:
        for number, sha256 in enumerate(hashes[:3]):
            writer.add(sha256, row(number))
    table = FeatureTable(tmp_path)
    assert table.has(hashes).tolist() == [True, True, True, False]
    assert np.array_equal(table.rows(hashes[:3]), [row(number) for number in range(3)])


def test_a_full_disk_keeps_what_was_written_and_names_the_cache(
    small_disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EDGETL_CACHE", str(small_disk))
    writer = Writer(small_disk / "features")
    rows = np.random.default_rng(0).normal(size=(300, 1280)).astype(np.float32)
    with pytest.raises(
        WriteError, match=r"the disk is full .*: free some space or name another folder in EDGETL"
    ):
        list(map(writer.add, map(name, range(300)), rows))
    table = FeatureTable(small_disk / "features")
    written = len(table)
    assert 100 < written < 210
    assert np.array_equal(table.rows([name(number) for number in range(written)]), rows[:written])


def test_a_killed_writer_loses_nothing_it_had_added(tmp_path: Path) -> None:
    program = f"""
import os, signal, sys
sys.path.insert(0, {str(Path(__file__).parent)!r})
from test_shards import Path, Writer, name, row
writer = Writer(Path({str(tmp_path)!r}))
for number in range(50):
    writer.add(name(number), row(number))
os.kill(os.getpid(), signal.SIGKILL)
"""
    done = subprocess.run([sys.executable, "-c", program], check=False, cwd=tmp_path, env={**os.environ})
    assert done.returncode == -9
    assert len(FeatureTable(tmp_path)) == 50
    assert [path.suffix for path in tmp_path.iterdir() if path.suffix == ".index"] == [".index"]
    assert len(FeatureTable(tmp_path)) == 50


def test_what_was_left_of_a_shard_without_a_record_goes_and_all_else_stays(tmp_path: Path) -> None:
    whole = write(tmp_path, range(1)).rename(tmp_path / "whole.rows")
    content = bytearray(whole.read_bytes())
    for left, size in (("nothing", 0), ("head", 16), ("torn head", 9), ("torn record", len(content) - 1)):
        (tmp_path / f"{left}.rows").write_bytes(content[:size])
    (tmp_path / "zeros.rows").write_bytes(bytes(len(content)))
    (tmp_path / "other.rows").write_bytes(b"edgetl\0\3" + content[8:])
    grows = files.Log(tmp_path / "grows.rows")
    merge(tmp_path)
    assert sorted(path.name for path in tmp_path.glob("*.rows")) == ["grows.rows", "other.rows", "whole.rows"]
    grows.close()
    merge(tmp_path)
    assert sorted(path.name for path in tmp_path.glob("*.rows")) == ["other.rows", "whole.rows"]
    assert FeatureTable(tmp_path)[name(0)].tobytes() == row(0).tobytes()
