"""The TFLite Metadata format: a FlatBuffer inside the model, and a zip of files behind it.

The official writers no longer install, so the tables that edgetl needs stand here, and a few short
functions read and write any of them. Names, order and types of the fields are those of
``metadata_schema.fbs`` (schema version 1.5.0, in TensorFlow Lite Support and in MediaPipe).

What reads raises whatever damaged offsets lead to; ``metadata.from_tflite`` turns that into one error.
"""

import io
import struct
import zipfile
from collections.abc import Mapping
from typing import Any

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema
from flatbuffers import number_types
from flatbuffers.table import Table

Values = Mapping[str, Any]
"""What a table holds, by field: text, numbers, lists of floats, tables, lists of tables."""

NAME = "TFLITE_METADATA"
"""Of the model's metadata entry that holds the table."""
IDENTIFIER = b"M001"
RGB = 1
"""ColorSpaceType."""
FEATURE_PROPERTIES, IMAGE_PROPERTIES = 1, 2
"""ContentProperties, and the type of ``content_properties``."""
NORMALIZATION_OPTIONS = 1
"""ProcessUnitOptions."""
TENSOR_AXIS_LABELS = 2
"""AssociatedFileType: line i names element i of the tensor."""

_TABLES: Mapping[str, tuple[str, ...]] = {
    "ModelMetadata": (
        "name: string",
        "description: string",
        "version: string",
        "subgraph_metadata: [SubGraphMetadata]",
        "author: string",
        "license: string",
        "associated_files: [AssociatedFile]",
        "min_parser_version: string",
    ),
    "SubGraphMetadata": (
        "name: string",
        "description: string",
        "input_tensor_metadata: [TensorMetadata]",
        "output_tensor_metadata: [TensorMetadata]",
        "associated_files: [AssociatedFile]",
    ),
    "TensorMetadata": (
        "name: string",
        "description: string",
        "dimension_names: [string]",
        "content: Content",
        "process_units: [ProcessUnit]",
        "stats: Stats",
        "associated_files: [AssociatedFile]",
    ),
    # A union takes two fields: which of its tables it is, and the table.
    "Content": ("content_properties_type: byte", "content_properties: ContentProperties"),
    "ContentProperties": ("color_space: byte", "default_size: ImageSize"),
    "ImageSize": ("width: uint", "height: uint"),
    "ProcessUnit": ("options_type: byte", "options: NormalizationOptions"),
    "NormalizationOptions": ("mean: [float]", "std: [float]"),
    "Stats": ("max: [float]", "min: [float]"),
    "AssociatedFile": ("name: string", "description: string", "type: byte"),
}
"""Fields in the order of their ids. Trailing fields that edgetl neither writes nor reads are left out."""

_UNIONS = {"content_properties": IMAGE_PROPERTIES, "options": NORMALIZATION_OPTIONS}
"""The one table of each union whose fields are known here; another is read as empty."""


def encode(metadata: Values) -> bytes:
    """A ``ModelMetadata`` as the bytes of the entry ``TFLITE_METADATA``."""
    builder = flatbuffers.Builder(1024)
    builder.Finish(_write(builder, "ModelMetadata", metadata), file_identifier=IDENTIFIER)
    return bytes(builder.Output())


def decode(data: bytes) -> dict[str, Any]:
    """The inverse of :func:`encode`; fields that are absent are absent from the result."""
    if data[4:8] != IDENTIFIER:
        raise ValueError(f"TFLite Metadata is marked {IDENTIFIER!r} and not {data[4:8]!r}")
    (root,) = struct.unpack_from("<I", data)
    return _read(Table(data, root), "ModelMetadata")


def attach(model: schema.ModelT, name: str, data: bytes) -> None:
    """Give the model a metadata entry, in the place of one of that name."""
    content = np.frombuffer(data, np.uint8)
    for entry in model.metadata or []:
        if entry.name == name.encode():
            model.buffers[entry.buffer].data = content
            return
    buffer, entry = schema.BufferT(), schema.MetadataT()
    buffer.data, entry.name, entry.buffer = content, name.encode(), len(model.buffers)
    model.buffers = [*model.buffers, buffer]
    model.metadata = [*(model.metadata or []), entry]


def attached(model: bytes, name: str) -> bytes | None:
    """A metadata entry of a ``.tflite`` file, without unpacking its weights; None when it has none."""
    content = schema.Model.GetRootAs(model, 0)
    for entry in map(content.Metadata, range(content.MetadataLength())):
        if entry.Name() == name.encode():
            return bytes(content.Buffers(entry.Buffer()).DataAsNumpy())
    return None


def pack(model: bytes, files: Mapping[str, str]) -> bytes:
    """Append texts as a zip archive, so that ``unzip model.tflite`` finds them. Equal input, equal bytes."""
    buffer = io.BytesIO(model)
    with zipfile.ZipFile(buffer, "a", zipfile.ZIP_STORED) as archive:
        for name, text in files.items():
            # The earliest time a zip can hold: neither the clock nor the machine is in the file.
            entry = zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))
            entry.create_system, entry.external_attr = 3, 0o644 << 16
            archive.writestr(entry, text.encode())
    return buffer.getvalue()


def unpack(model: bytes, name: str, *, limit: int = 1 << 24) -> str | None:
    """A text that :func:`pack` appended, of at most ``limit`` bytes; None when there is none of that name."""
    buffer = io.BytesIO(model)
    if not zipfile.is_zipfile(buffer):
        return None
    with zipfile.ZipFile(buffer) as archive:
        if name not in archive.namelist():
            return None
        with archive.open(name) as file:
            data = file.read(limit + 1)
    if len(data) > limit:
        raise ValueError(f"{name} is larger than the limit of {limit / 1e6:g} MB")
    return data.decode()


def _fields(table: str) -> list[tuple[int, str, str]]:
    """(id, name, type) of each field."""
    pairs = (field.split(": ") for field in _TABLES[table])
    return [(place, name, kind) for place, (name, kind) in enumerate(pairs)]


def _write(builder: flatbuffers.Builder, table: str, values: Values) -> int:
    """Write a table, what it points to first; returns its offset."""
    unknown = set(values) - {name for _, name, _ in _fields(table)}
    if unknown:
        raise ValueError(f"{table} has no field {', '.join(sorted(unknown))}")
    held = [(place, kind, values[name]) for place, name, kind in _fields(table) if name in values]
    offsets = {place: _point_to(builder, kind, value) for place, kind, value in held if _is_offset(kind)}
    builder.StartObject(len(_TABLES[table]))
    for place, kind, value in held:
        if kind == "byte":
            builder.PrependInt8Slot(place, value, 0)
        elif kind == "uint":
            builder.PrependUint32Slot(place, value, 0)
        else:
            builder.PrependUOffsetTRelativeSlot(place, offsets[place], 0)
    return int(builder.EndObject())


def _is_offset(kind: str) -> bool:
    return kind not in ("byte", "uint")


def _point_to(builder: flatbuffers.Builder, kind: str, value: Any) -> int:
    if kind == "string":
        return int(builder.CreateString(value))
    if not kind.startswith("["):
        return _write(builder, kind, value)
    element = kind.strip("[]")
    if element == "float":
        builder.StartVector(4, len(value), 4)
        for number in reversed(value):
            builder.PrependFloat32(number)
    else:
        offsets = [_point_to(builder, element, item) for item in value]
        builder.StartVector(4, len(offsets), 4)
        for offset in reversed(offsets):
            builder.PrependUOffsetTRelative(offset)
    return int(builder.EndVector())


def _read(table: Table, name: str) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for place, field, kind in _fields(name):
        offset = table.Offset(4 + 2 * place)
        if offset:
            known = values.get(f"{field}_type", _UNIONS.get(field)) == _UNIONS.get(field)
            values[field] = _value(table, table.Pos + offset, kind) if known else {}
    return values


def _value(table: Table, place: int, kind: str) -> Any:
    if kind == "byte":
        return table.Get(number_types.Int8Flags, place)
    if kind == "uint":
        return table.Get(number_types.Uint32Flags, place)
    if kind == "string":
        return table.String(place).decode()
    if not kind.startswith("["):
        return _read(Table(table.Bytes, table.Indirect(place)), kind)
    element = kind.strip("[]")
    start, length = table.Vector(place - table.Pos), table.VectorLen(place - table.Pos)
    if element == "float":
        return [table.Get(number_types.Float32Flags, start + 4 * item) for item in range(length)]
    return [_value(table, start + 4 * item, element) for item in range(length)]
