"""Tensors out of a PyTorch checkpoint, without PyTorch and without running what the file asks for.

Both layouts of ``torch.save`` are read: the zip archive of PyTorch 1.6 and later, and the stream of
pickles before it, which the ImageNet weights of EfficientNet-Lite are. Layouts: torch/serialization.py,
``_save`` and ``_legacy_save``.
"""

import io
import struct
import zipfile
from collections.abc import Mapping
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgetl.errors import WeightsError
from edgetl.training.torch_pickle import RefusedError, Tensor, interpret

_MAX_FILE = 2 << 30
_ZIP_MAGIC = b"PK"
_STREAM_MAGIC = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."  # 0x1950A86A20F9469CFC6C as a pickle
_STREAM_PROTOCOL = 1001
# What zipfile, pickletools, struct and numpy raise at damaged bytes.
_DAMAGE = (
    zipfile.BadZipFile,
    NotImplementedError,
    RuntimeError,
    EOFError,
    LookupError,
    struct.error,
    TypeError,
    ValueError,
    OverflowError,
    OSError,
    MemoryError,
)


def read(path: Path) -> dict[str, NDArray[Any]]:
    """Read the tensors of a state dict.

    Args:
        path: what ``torch.save(model.state_dict(), path)`` wrote.

    Returns:
        Each tensor by its name, in the order of the file; read-only, in PyTorch's own layout.

    Raises:
        WeightsError: the file is missing, damaged or too large, or holds anything but tensors.
    """
    try:
        if path.stat().st_size > _MAX_FILE:
            raise WeightsError(f"weights file {path} is refused: it is larger than {_MAX_FILE >> 30} GiB")
        return _parse(path.read_bytes())
    except WeightsError:
        raise
    except RefusedError as refusal:
        raise WeightsError(f"weights file {path} is refused: {refusal}") from None
    except FileNotFoundError as error:
        raise WeightsError(f"weights file {path} does not exist") from error
    except _DAMAGE as error:
        raise WeightsError(
            f"weights file {path} is damaged or no PyTorch checkpoint: download or save it again"
        ) from error


def _parse(data: bytes) -> dict[str, NDArray[Any]]:
    return _read_archive(data) if data.startswith(_ZIP_MAGIC) else _read_stream(data)


def _read_archive(data: bytes) -> dict[str, NDArray[Any]]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        entries = {entry.filename: entry for entry in archive.infolist()}
        # PyTorch stores its tensors as they are, so nothing in an honest file can grow when read.
        if any(entry.compress_type != zipfile.ZIP_STORED for entry in entries.values()):
            raise RefusedError("it is compressed, which torch.save never does")
        if sum(entry.file_size for entry in entries.values()) > len(data):
            raise RefusedError("its parts overlap")
        (pickled,) = (name for name in entries if name.endswith("/data.pkl") and name.count("/") == 1)
        folder = pickled.removesuffix("data.pkl")
        if f"{folder}byteorder" in entries and archive.read(f"{folder}byteorder") != b"little":
            raise RefusedError("it was written on a big-endian machine")
        state, storages = interpret(io.BytesIO(archive.read(pickled)))
        return _arrays(state, {key: archive.read(f"{folder}data/{key}") for key in storages})


def _read_stream(data: bytes) -> dict[str, NDArray[Any]]:
    if not data.startswith(_STREAM_MAGIC):
        raise ValueError("another kind of file")
    stream = io.BytesIO(data)
    stream.seek(len(_STREAM_MAGIC))
    protocol, _ = interpret(stream)
    system, _ = interpret(stream)
    if protocol != _STREAM_PROTOCOL:
        raise RefusedError(f"its protocol is not {_STREAM_PROTOCOL}")
    if not isinstance(system, dict) or system.get("little_endian") is not True:
        raise RefusedError("it was written on a big-endian machine")
    state, storages = interpret(stream)
    keys, _ = interpret(stream)
    if not isinstance(keys, list) or not all(isinstance(key, str) for key in keys):
        raise ValueError("the list of storages is no list of names")
    contents = {}
    for key in keys:
        storage = storages[key]
        (elements,) = struct.unpack("<q", stream.read(8))
        if elements != storage.elements:
            raise ValueError("a storage has another length than its record")
        contents[key] = stream.read(elements * storage.dtype.itemsize)
    return _arrays(state, contents)


def _arrays(state: Any, contents: Mapping[str, bytes]) -> dict[str, NDArray[Any]]:
    if not isinstance(state, dict) or not all(isinstance(tensor, Tensor) for tensor in state.values()):
        raise RefusedError(
            "it holds more than named tensors: save it with torch.save(model.state_dict(), ...)"
        )
    return {name: _array(tensor, contents[tensor.storage.key]) for name, tensor in state.items()}


def _array(tensor: Tensor, content: bytes) -> NDArray[Any]:
    storage = tensor.storage
    size = storage.dtype.itemsize
    # A stride of 0 repeats a value: the tensor could be far larger than the file that holds it.
    if len(content) != storage.elements * size or prod(tensor.shape) > storage.elements:
        raise ValueError("a tensor reaches beyond its storage")
    strides = tuple(stride * size for stride in tensor.strides)
    # numpy refuses a shape, offset or stride that leaves the buffer.
    return np.ndarray(tensor.shape, storage.dtype, content, tensor.offset * size, strides)
