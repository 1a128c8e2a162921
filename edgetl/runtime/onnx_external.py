"""Does an ONNX model want weights from other files? ONNX Runtime would read them from the current folder.

Only the wire format of protobuf is read, since a board has no package onnx.
"""

from collections.abc import Iterator

from edgetl.errors import ModelError

_LOCATION = b"location"
"""The key that names the other file: where it is missing, there is none."""

# From onnx.proto: which fields of which message hold messages that may end in a tensor.
_INSIDE = {
    "model": {7: "graph", 20: "training", 25: "function"},
    "training": {1: "graph", 2: "graph"},
    "function": {7: "node", 11: "attribute"},
    "graph": {1: "node", 5: "tensor", 15: "sparse"},
    "node": {5: "attribute"},
    "attribute": {5: "tensor", 6: "graph", 10: "tensor", 11: "graph", 22: "sparse", 23: "sparse"},
    "sparse": {1: "tensor", 2: "tensor"},
}
_EXTERNAL_DATA, _DATA_LOCATION = 13, 14  # of a tensor


def refuse(content: bytes) -> None:
    """Refuse a model that keeps weights elsewhere.

    Raises:
        ModelError: it does, or it is damaged.
    """
    if _LOCATION not in content:
        return
    view, waiting = memoryview(content), [("model", 0, len(content))]
    while waiting:
        kind, start, end = waiting.pop()
        for field, value in _fields(view, start, end):
            if kind == "tensor":
                if field == _EXTERNAL_DATA or (field == _DATA_LOCATION and value != 0):
                    raise ModelError(
                        "the model keeps weights in other files, which no hash covers: save it as one file"
                    )
            elif (inner := _INSIDE[kind].get(field)) and isinstance(value, tuple):
                waiting.append((inner, *value))


def _fields(view: memoryview, place: int, end: int) -> Iterator[tuple[int, int | tuple[int, int]]]:
    """The number of each field of a message, with its number or where its bytes begin and end."""
    while place < end:
        key, place = _varint(view, place, end)
        wire = key & 7
        if wire == 0:
            number, place = _varint(view, place, end)
            yield key >> 3, number
            continue
        if wire == 2:
            size, place = _varint(view, place, end)
        elif wire in (1, 5):
            size = 8 if wire == 1 else 4
        else:
            raise ModelError("the model is damaged: it is no protobuf")
        if size > end - place:
            raise ModelError("the model is damaged: it ends too early")
        yield key >> 3, (place, place + size)
        place += size


def _varint(view: memoryview, place: int, end: int) -> tuple[int, int]:
    number = 0
    for shift in range(0, 70, 7):
        if place >= end:
            break
        number |= (view[place] & 0x7F) << shift
        place += 1
        if view[place - 1] < 0x80:
            return number, place
    raise ModelError("the model is damaged: it ends too early")
