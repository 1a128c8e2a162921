"""The pickles inside PyTorch checkpoints, interpreted without running anything they ask for.

A pickle is a program that may call any function. This interpreter knows the few instructions that
records of tensors are made of and calls nothing: a name in the file stays a name. Instructions:
CPython's pickletools; records: torch/_utils.py, ``_rebuild_tensor_v2``, and torch/serialization.py,
``persistent_id``.
"""

import pickletools
from dataclasses import dataclass
from typing import Any, BinaryIO

import numpy as np

DTYPES = {
    "torch.FloatStorage": "<f4",
    "torch.DoubleStorage": "<f8",
    "torch.HalfStorage": "<f2",
    "torch.LongStorage": "<i8",
    "torch.IntStorage": "<i4",
    "torch.ShortStorage": "<i2",
    "torch.CharStorage": "<i1",
    "torch.ByteStorage": "<u1",
    "torch.BoolStorage": "?",
}
"""Kinds of storage that are read, and their dtype."""

_MAX_BYTES = 16 << 20  # the pickle of EfficientNet-Lite2 with its 386 tensors has 56 kB
_MAX_NAME = 200
_MAX_DIMENSIONS = 8


class RefusedError(Exception):
    """The bytes can be read, and ask for something that is no part of a tensor."""


@dataclass(frozen=True)
class Storage:
    """A row of values that lies elsewhere in the checkpoint."""

    key: str
    dtype: "np.dtype[Any]"
    elements: int


@dataclass(frozen=True)
class Tensor:
    """A window on a storage. Offset and strides count elements and are not checked yet."""

    storage: Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


@dataclass(frozen=True)
class _Name:
    """A class or function that the file names. It is never looked up."""

    text: str


def interpret(stream: BinaryIO) -> tuple[Any, dict[str, Storage]]:
    """Read one pickle and leave the stream behind it.

    Returns:
        What it describes, made of dicts with text as keys, lists, tuples, numbers, text and
        :class:`Tensor`; and every storage it mentions, by key.

    Raises:
        RefusedError: it asks for anything else.
        EOFError, LookupError, TypeError, ValueError: it is damaged.
    """
    machine = _Machine()
    start = stream.tell()
    for opcode, argument, position in pickletools.genops(stream):
        if (position or 0) - start > _MAX_BYTES:
            raise RefusedError(f"its list of tensors is larger than {_MAX_BYTES >> 20} MiB")
        if opcode.name == "STOP":
            break
        machine.step(opcode.name, argument)
    return machine.stack.pop(), machine.storages


class _Machine:
    """The stack machine that a pickle is written for, with inert values on the stack."""

    def __init__(self) -> None:
        self.stack: list[Any] = []
        self.storages: dict[str, Storage] = {}
        self._marks: list[int] = []
        self._memo: dict[int, Any] = {}

    def step(self, instruction: str, argument: Any) -> None:
        stack = self.stack
        match instruction:
            case "PROTO":
                pass
            case "BININT" | "BININT1" | "BININT2" | "LONG1" | "BINUNICODE":
                stack.append(argument)
            case "NONE":
                stack.append(None)
            case "NEWTRUE" | "NEWFALSE":
                stack.append(instruction == "NEWTRUE")
            case "EMPTY_DICT":
                stack.append({})
            case "EMPTY_LIST":
                stack.append([])
            case "EMPTY_TUPLE":
                stack.append(())
            case "GLOBAL":
                stack.append(_Name(argument.replace(" ", ".")[:_MAX_NAME]))
            case "BINPUT" | "LONG_BINPUT":
                self._memo[argument] = stack[-1]
            case "BINGET" | "LONG_BINGET":
                stack.append(self._memo[argument])
            case "MARK":
                self._marks.append(len(stack))
            case "TUPLE":
                stack.append(tuple(self._since_mark()))
            case "TUPLE1" | "TUPLE2" | "TUPLE3":
                stack.append(tuple(self._last(int(instruction[-1]))))
            case "APPEND":
                item = stack.pop()
                _expect(stack[-1], list).append(item)
            case "APPENDS":
                items = self._since_mark()
                _expect(stack[-1], list).extend(items)
            case "SETITEM":
                items = self._last(2)
                _set(stack[-1], items)
            case "SETITEMS":
                items = self._since_mark()
                _set(stack[-1], items)
            case "BINPERSID":
                storage = _storage(stack.pop())
                self.storages[storage.key] = storage
                stack.append(storage)
            case "REDUCE":
                name, arguments = self._last(2)
                stack.append(_rebuild(name, arguments))
            case "BUILD":
                # Attributes of an OrderedDict, where PyTorch keeps version numbers of its layers.
                stack.pop()
                _expect(stack[-1], dict)
            case _:
                raise RefusedError(f"its pickle uses {instruction}, which tensors do not need")

    def _since_mark(self) -> list[Any]:
        return self._last(len(self.stack) - self._marks.pop())

    def _last(self, count: int) -> list[Any]:
        if not 0 <= count <= len(self.stack):
            raise IndexError("the stack is too short")
        cut = len(self.stack) - count
        items = self.stack[cut:]
        del self.stack[cut:]
        return items


def _rebuild(name: Any, arguments: Any) -> Any:
    asked = _expect(name, _Name).text
    if asked == "collections.OrderedDict" and arguments == ():
        return {}
    if asked == "torch._utils._rebuild_tensor_v2":
        storage, offset, shape, strides = _expect(arguments, tuple)[:4]
        tensor = Tensor(_expect(storage, Storage), _expect(offset, int), _integers(shape), _integers(strides))
        if len(tensor.shape) != len(tensor.strides) or len(tensor.shape) > _MAX_DIMENSIONS:
            raise ValueError("a tensor's dimensions make no sense")
        return tensor
    raise RefusedError(
        f"it asks for {asked!r}, which is no part of a tensor: do not open it with anything else"
    )


def _storage(record: Any) -> Storage:
    kind, name, key, _, elements = _expect(record, tuple)[:5]
    asked = _expect(name, _Name).text
    if kind != "storage" or asked not in DTYPES:
        raise RefusedError(f"it stores values as {asked!r}: {', '.join(DTYPES)} are read")
    if _expect(elements, int) < 0:
        raise ValueError("a storage has a negative length")
    return Storage(_expect(key, str), np.dtype(DTYPES[asked]), elements)


def _set(target: Any, items: list[Any]) -> None:
    # Only text as a key: hashing tuples of tuples of tuples, which take few bytes to ask for, never ends.
    for key, value in zip(items[::2], items[1::2], strict=True):
        _expect(target, dict)[_expect(key, str)] = value


def _integers(values: Any) -> tuple[int, ...]:
    return tuple(_expect(value, int) for value in _expect(values, tuple))


def _expect(value: Any, kind: type) -> Any:
    if not isinstance(value, kind):
        raise ValueError(f"a {kind.__name__} is expected")
    return value
