"""The ``.xml`` of an OpenVINO model as plain values, read with limits.

OpenVINO itself dies on deeply nested XML, and entities can grow without bounds: both are refused here.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from xml.parsers import expat

from edgetl.errors import ModelError

_MOST_BYTES, _MOST_ELEMENTS, _MOST_LEVELS = 128 * 1024**2, 5_000_000, 64
_MOST_DIGITS = 32  # of a size, with the space around it
_LAYER, _EDGE, _FACTS = ["net", "layers", "layer"], ["net", "edges", "edge"], ["net", "rt_info"]


@dataclass
class Port:
    """One input or output of a layer."""

    id: str
    precision: str = ""
    """``FP32``, ``U8`` and so on, as the file writes it."""
    names: str = ""
    shape: tuple[int | None, ...] = ()


@dataclass
class Layer:
    """One layer, the layers inside it (of a loop) left out."""

    id: str
    name: str
    type: str
    data: Mapping[str, str] = field(default_factory=dict)
    """The attributes of its ``<data>``."""
    inputs: list[Port] = field(default_factory=list)
    outputs: list[Port] = field(default_factory=list)


@dataclass
class Network:
    """The graph."""

    layers: dict[str, Layer] = field(default_factory=dict)
    edges: dict[tuple[str, str], tuple[str, str]] = field(default_factory=dict)
    """(layer, port) that is read from, by the (layer, port) that reads."""
    facts: dict[str, str] = field(default_factory=dict)
    """``rt_info``, its levels joined with dots."""


def parse(name: str, data: bytes) -> Network:
    """Read an ``.xml``.

    Raises:
        ModelError: it is not well-formed, is no OpenVINO model, or breaks a limit.
    """
    if len(data) > _MOST_BYTES:
        raise ModelError(f"{name} has {len(data)} bytes, and {_MOST_BYTES} is the limit for an .xml")
    builder = _Builder(name)
    parser = expat.ParserCreate()
    parser.StartElementHandler = builder.start
    parser.EndElementHandler = builder.end
    parser.CharacterDataHandler = builder.characters
    parser.StartDoctypeDeclHandler = builder.refuse_doctype
    try:
        parser.Parse(data, True)
    except expat.ExpatError as error:
        raise ModelError(f"{name} is damaged, or no OpenVINO model: {error}") from error
    if not builder.network.layers:
        raise ModelError(f"{name} is no OpenVINO model: it has no layers")
    return builder.network


class _Builder:
    def __init__(self, name: str) -> None:
        self.network = Network()
        self._name = name
        self._path: list[str] = []
        self._elements = 0
        self._layer: Layer | None = None
        self._text = ""

    def refuse_doctype(self, *declared: object) -> None:
        raise ModelError(f"{self._name} is no OpenVINO model: it declares a document type")

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        self._path.append(tag)
        self._elements += 1
        if len(self._path) > _MOST_LEVELS or self._elements > _MOST_ELEMENTS:
            raise ModelError(
                f"{self._name} is no OpenVINO model: it nests too deeply, or has too many elements"
            )
        self._text = ""
        path, network = self._path, self.network
        if path == _LAYER:
            layer = Layer(attributes["id"], attributes.get("name", ""), attributes["type"])
            network.layers[layer.id] = self._layer = layer
        elif path == _EDGE:
            reader = (attributes["to-layer"], attributes["to-port"])
            network.edges[reader] = (attributes["from-layer"], attributes["from-port"])
        elif path[:2] == _FACTS and len(path) > 2 and "value" in attributes:
            network.facts[".".join(path[2:])] = attributes["value"]
        elif path[:3] == _LAYER and self._layer is not None:
            self._inside(tag, attributes, self._layer)

    def _inside(self, tag: str, attributes: dict[str, str], layer: Layer) -> None:
        path = self._path[3:]
        if path == ["data"]:
            layer.data = attributes
        elif path in (["input", "port"], ["output", "port"]):
            ports = layer.inputs if path[0] == "input" else layer.outputs
            ports.append(Port(attributes["id"], attributes.get("precision", ""), attributes.get("names", "")))

    def characters(self, text: str) -> None:
        if self._path[-1:] == ["dim"]:  # all other text is space between elements
            self._text = (self._text + text)[:_MOST_DIGITS]

    def end(self, tag: str) -> None:
        if self._layer is not None and self._path[:3] == _LAYER:
            path = self._path[3:]
            if path in (["input", "port", "dim"], ["output", "port", "dim"]):
                ports = self._layer.inputs if path[0] == "input" else self._layer.outputs
                size = int(self._text)
                ports[-1].shape = (*ports[-1].shape, None if size < 0 else size)
            elif not path:
                self._layer = None
        self._path.pop()
