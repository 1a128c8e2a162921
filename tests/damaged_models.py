"""Model files that are damaged, or lie: bytes first, then what each format says of itself.

``damaged(files, format, generator)`` gives another set of files and the name of what was done to it; the same
state of the generator gives the same files.
"""

import re
from collections.abc import Callable
from typing import Any

import numpy as np
from tiny_models import Files

_LIES = (0, 1, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 0xFFFF, 4, 1 << 20)
_SIZES = (0, -1, 1, 3, 2**31 - 1, 2**31, 2**40, 2**63 - 1)
Random = np.random.Generator


def damaged(files: Files, format_name: str, random: Random) -> tuple[str, Files]:
    """Other files than ``files``, and what was done."""
    own = _OWN[format_name]
    for _ in range(20):
        if random.random() < 0.5:
            way = own[random.integers(len(own))]
            other = way(files, random)
        else:
            way = _BYTES[random.integers(len(_BYTES))]
            name = list(files)[random.integers(len(files))]
            other = {**files, name: way(files[name], random)}
        if other != files:
            return way.__name__.strip("_"), other
    raise AssertionError("nothing was damaged")


# --- bytes, whatever they mean ---------------------------------------------------------------------------


def _flip_bits(data: bytes, random: Random) -> bytes:
    changed = bytearray(data)
    for _ in range(int(random.choice([1, 1, 2, 8, 64]))):
        changed[random.integers(len(data))] ^= 1 << int(random.integers(8))
    return bytes(changed)


def _overwrite(data: bytes, random: Random) -> bytes:
    start, size = _part(data, random)
    new = [bytes(size), b"\xff" * size, random.bytes(size)][random.integers(3)]
    return data[:start] + new + data[start + size :]


def _truncate(data: bytes, random: Random) -> bytes:
    return data[: random.integers(len(data))]


def _splice(data: bytes, random: Random) -> bytes:
    start, size = _part(data, random)
    place = int(random.integers(len(data)))
    return data[:place] + data[start : start + size] + data[place + size :]


def _delete(data: bytes, random: Random) -> bytes:
    start, size = _part(data, random)
    return data[:start] + data[start + size :]


def _insert(data: bytes, random: Random) -> bytes:
    start, size = _part(data, random)
    place = int(random.integers(len(data)))
    return data[:place] + data[start : start + size] + data[place:]


def _lie(data: bytes, random: Random) -> bytes:
    """Words that are offsets, lengths or numbers of things."""
    changed = bytearray(data)
    for _ in range(int(random.integers(1, 4))):
        place = 4 * int(random.integers(max(1, len(data) // 4)))
        word = _LIES[random.integers(len(_LIES))]
        changed[place : place + 4] = word.to_bytes(4, "little")
    return bytes(changed[: len(data)])


def _lie_in_header(data: bytes, random: Random) -> bytes:
    return _lie(data[:64], random) + data[64:]


def _part(data: bytes, random: Random) -> tuple[int, int]:
    size = int(min(len(data), random.choice([1, 4, 16, 100, 1000])))
    return int(random.integers(len(data) - size + 1)), size


_BYTES = (_flip_bits, _overwrite, _truncate, _splice, _delete, _insert, _lie, _lie_in_header)


# --- TFLite ----------------------------------------------------------------------------------------------


def _tflite(change: Callable[..., None]) -> Callable[[Files, Random], Files]:
    def way(files: Files, random: Random) -> Files:
        from edgetl.converters import flatbuffer

        ((name, content),) = files.items()
        model = flatbuffer.read(content)
        change(model, flatbuffer.graph(model), random)
        return {name: flatbuffer.write(model)}

    way.__name__ = change.__name__
    return way


def _one(items: Any, random: Random) -> Any:
    return items[random.integers(len(items))]


def _tensor_shape(model: Any, graph: Any, random: Random) -> None:
    tensor = _one(graph.tensors, random)
    size = int(_one(_SIZES[:5], random))
    shape = list(tensor.shape if tensor.shape is not None else [])
    if shape and random.random() < 0.7:
        shape[random.integers(len(shape))] = size
    else:
        shape = [size] * int(random.integers(1, 9))
    tensor.shape = shape


def _tensor_type(model: Any, graph: Any, random: Random) -> None:
    _one(graph.tensors, random).type = int(random.integers(20))


def _tensor_buffer(model: Any, graph: Any, random: Random) -> None:
    _one(graph.tensors, random).buffer = int(_one((0, 1, 7, 99, 2**32 - 1), random))


def _operator_ends(model: Any, graph: Any, random: Random) -> None:
    """Inputs and outputs of an operator that are others: past the end, none, or its own (a cycle)."""
    operator = _one(graph.operators, random)
    ends = "inputs" if random.random() < 0.7 else "outputs"
    places = list(getattr(operator, ends))
    new = _one((-1, -2, 0, len(graph.tensors), 2**31 - 1, operator.outputs[0], operator.inputs[0]), random)
    places[random.integers(len(places))] = int(new)
    setattr(operator, ends, places if random.random() < 0.8 else places[:-1])


def _operator_kind(model: Any, graph: Any, random: Random) -> None:
    code = _one(model.operatorCodes, random)
    code.builtinCode = int(random.integers(210))
    code.deprecatedBuiltinCode = min(127, code.builtinCode)


def _operator_order(model: Any, graph: Any, random: Random) -> None:
    random.shuffle(graph.operators)
    _one(graph.operators, random).opcodeIndex = int(_one((0, 1, 2, 99, 2**31 - 1), random))


def _graph_ends(model: Any, graph: Any, random: Random) -> None:
    ends = [int(_one((-1, 0, 1, len(graph.tensors), 2**31 - 1), random))]
    setattr(graph, "inputs" if random.random() < 0.5 else "outputs", ends * int(random.integers(3)))


def _quantization(model: Any, graph: Any, random: Random) -> None:
    tensor = _one([one for one in graph.tensors if one.quantization is not None], random)
    scale = float(_one((0.0, float("nan"), float("inf"), -1.0, 1e-38, 1e38), random))
    tensor.quantization.scale = [scale] * int(random.integers(4))
    tensor.quantization.zeroPoint = [int(_one(_SIZES, random))] * int(random.integers(3))
    tensor.quantization.quantizedDimension = int(_one((0, 1, 7, -1), random))


def _buffer(model: Any, graph: Any, random: Random) -> None:
    """Shorter or longer than the tensor's shape says, or somewhere else in the file."""
    buffer = _one([one for one in model.buffers if one.data is not None] or model.buffers, random)
    if random.random() < 0.6 and buffer.data is not None:
        buffer.data = np.resize(buffer.data, int(random.integers(2 * len(buffer.data) + 1)))
    else:
        buffer.data = None
        buffer.offset = int(_one((1, 64, 2**31, 2**63), random))
        buffer.size = int(_one((1, 64, 2**31, 2**63), random))


def _metadata(model: Any, graph: Any, random: Random) -> None:
    for entry in model.metadata or ():
        entry.buffer = int(_one((0, 99, 2**32 - 1), random))
    for signature in model.signatureDefs or ():
        signature.subgraphIndex = int(_one((0, 1, 99), random))
        for tensor in (*signature.inputs, *signature.outputs):
            tensor.tensorIndex = int(_one((0, 99, 2**32 - 1), random))


# --- ONNX ------------------------------------------------------------------------------------------------


def _onnx(change: Callable[..., None]) -> Callable[[Files, Random], Files]:
    def way(files: Files, random: Random) -> Files:
        import onnx

        ((name, content),) = files.items()
        model = onnx.load_from_string(content)
        change(model, model.graph, random)
        return {name: model.SerializeToString()}

    way.__name__ = change.__name__
    return way


def _constant_shape(model: Any, graph: Any, random: Random) -> None:
    dims = _one(graph.initializer, random).dims
    dims[random.integers(len(dims))] = _one(_SIZES, random)


def _constant_data(model: Any, graph: Any, random: Random) -> None:
    constant = _one(graph.initializer, random)
    if random.random() < 0.5:
        constant.raw_data = constant.raw_data[: random.integers(len(constant.raw_data))]
    else:
        constant.data_type = int(random.integers(30))


def _external_data(model: Any, graph: Any, random: Random) -> None:
    """Weights that are said to stand in another file."""
    constant = _one(graph.initializer, random)
    places = (
        "/etc/hostname",
        "../../etc/hostname",
        "weights.bin",
        "pyproject.toml",
        "/dev/zero",
        "*/_ORT_MEM_ADDR_/*",
    )
    where = {"location": _one(places, random), "offset": _one(("0", "4096", "-1"), random), "length": "12"}
    constant.ClearField("raw_data")
    constant.data_location = 1
    for key, value in where.items():
        entry = constant.external_data.add()
        entry.key, entry.value = key, str(value)


def _cycle(model: Any, graph: Any, random: Random) -> None:
    first, second = _one(graph.node, random), _one(graph.node, random)
    first.input[0] = second.output[0]


def _node_kind(model: Any, graph: Any, random: Random) -> None:
    kinds = ("If", "Loop", "Conv", "Reshape", "Tile", "Expand", "ConstantOfShape", "Range", "Scan", "Nothing")
    _one(graph.node, random).op_type = _one(kinds, random)


def _picture_shape(model: Any, graph: Any, random: Random) -> None:
    ends = graph.input if random.random() < 0.6 else graph.output
    dims = _one(ends, random).type.tensor_type.shape.dim
    _one(dims, random).dim_value = _one(_SIZES, random)


def _attributes(model: Any, graph: Any, random: Random) -> None:
    nodes = [node for node in graph.node if len(node.attribute)]
    item = _one(_one(nodes, random).attribute, random)
    item.i = _one(_SIZES, random)
    item.ints[:] = [_one(_SIZES, random)] * int(random.integers(4))


def _versions(model: Any, graph: Any, random: Random) -> None:
    model.ir_version = int(_one((0, 1, 3, 99, 2**62), random))
    model.opset_import[0].version = int(_one((0, 1, 13, 99, 2**62, -1), random))


def _nested_graphs(model: Any, graph: Any, random: Random) -> None:
    """Graphs within graphs: protobuf itself reads no more than a hundred levels."""
    for _ in range(int(_one((1, 10, 30), random))):
        import onnx

        inner = onnx.GraphProto()
        inner.CopyFrom(graph)
        del graph.node[:]
        node = onnx.helper.make_node(
            "If", ["pixels"], ["probabilities"], then_branch=inner, else_branch=onnx.GraphProto()
        )
        graph.node.append(node)


def _grow_memory(model: Any, graph: Any, random: Random) -> None:
    """A constant of a few bytes, spread out to a tensor of up to 4 TB."""
    import onnx

    sizes = np.array([int(_one((1 << 10, 1 << 20, 1 << 14), random)), 1 << 10, 1 << 10], np.int64)
    graph.initializer.append(onnx.numpy_helper.from_array(sizes, "sizes"))
    graph.node.append(onnx.helper.make_node("ConstantOfShape", ["sizes"], ["large"]))
    graph.node.append(onnx.helper.make_node("ReduceSum", ["large"], ["sum"]))
    graph.output.append(onnx.helper.make_tensor_value_info("sum", onnx.TensorProto.FLOAT, None))


# --- OpenVINO --------------------------------------------------------------------------------------------


def _xml(change: Callable[[str, Random], str]) -> Callable[[Files, Random], Files]:
    def way(files: Files, random: Random) -> Files:
        text = change(files["model.xml"].decode(), random)
        return {**files, "model.xml": text.encode("utf-8", "surrogateescape")}

    way.__name__ = change.__name__
    return way


def _replace_one(text: str, pattern: str, new: str, random: Random) -> str:
    found = list(re.finditer(pattern, text))
    if not found:
        return text
    match = found[random.integers(len(found))]
    return text[: match.start()] + new + text[match.end() :]


def _numbers(text: str, random: Random) -> str:
    """Offsets, sizes, ports and layers in attributes."""
    return _replace_one(text, r'(?<==")-?\d+(?=")', str(_one(_SIZES, random)), random)


def _dimensions(text: str, random: Random) -> str:
    return _replace_one(text, r"(?<=<dim>)\d+(?=</dim>)", str(_one(_SIZES, random)), random)


def _shapes(text: str, random: Random) -> str:
    new = ",".join([str(_one(_SIZES, random))] * int(random.integers(1, 9)))
    return _replace_one(text, r'(?<=shape=")[^"]*(?=")', new, random)


def _types(text: str, random: Random) -> str:
    words = ("Loop", "If", "TensorIterator", "Convolution", "Const", "Nothing", "f64", "i4", "string", "u8")
    return _replace_one(text, r'(?<=type=")[^"]*(?=")', str(_one(words, random)), random)


def _lines(text: str, random: Random) -> str:
    """A line gone, or there twice: a layer with two ends, an edge too many."""
    lines = text.splitlines(keepends=True)
    place = int(random.integers(len(lines)))
    lines[place] = lines[place] * int(random.integers(3))
    return "".join(lines)


def _edges(text: str, random: Random) -> str:
    """An edge back to where it comes from."""
    found = re.findall(r'<edge from-layer="(\d+)" from-port="(\d+)" to-layer="(\d+)" to-port="(\d+)"', text)
    a, b, c, d = found[random.integers(len(found))]
    edge = f'<edge from-layer="{c}" from-port="{d}" to-layer="{a}" to-port="{b}" />'
    return text.replace("<edges>", f"<edges>{edge}")


def _deep(text: str, random: Random) -> str:
    levels = int(_one((10, 1000, 30_000, 200_000), random))
    deep = "<a>" * levels + "</a>" * levels
    where = str(_one(("<layers>", "<rt_info>", "<edges>", "</net>"), random))
    return text.replace(where, deep + where if where == "</net>" else where + deep)


def _entities(text: str, random: Random) -> str:
    entities = '<!ENTITY a "aaaaaaaaaa">' + "".join(
        f'<!ENTITY {new} "{f"&{old};" * 10}">' for old, new in zip("abcdefgh", "bcdefghi", strict=True)
    )
    head, mark, rest = text.partition("?>")
    return f"{head}{mark}<!DOCTYPE net [{entities}]>{rest}".replace('name="', 'name="&i;', 1)


_OWN: dict[str, tuple[Callable[[Files, Random], Files], ...]] = {
    "tflite": tuple(
        map(
            _tflite,
            (
                *(_tensor_shape, _tensor_type, _tensor_buffer, _operator_ends, _operator_kind),
                *(_operator_order, _graph_ends, _quantization, _buffer, _metadata),
            ),
        )
    ),
    "onnx": tuple(
        map(
            _onnx,
            (
                *(_constant_shape, _constant_data, _external_data, _cycle, _node_kind, _picture_shape),
                *(_attributes, _versions, _nested_graphs, _grow_memory),
            ),
        )
    ),
    "openvino": tuple(map(_xml, (_numbers, _dimensions, _shapes, _types, _lines, _edges, _deep, _entities))),
}
