"""The table of formats: what each is, what it offers and what runs it. It imports no library."""

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from edgetl.errors import UsageError


@dataclass(frozen=True)
class Format:
    """One line of the table."""

    name: str
    files: tuple[str, ...]
    """What a variant of it consists of, the file that engines name first."""
    precisions: tuple[str, ...]
    module: str
    """Where its ``convert`` is."""
    engines: tuple[str, ...]
    """Which engines run it, best first."""

    @property
    def suffix(self) -> str:
        """Of its main file, with the dot."""
        return f".{self.files[0].rpartition('.')[2]}"


FORMATS: Mapping[str, Format] = {
    row.name: row
    for row in (
        Format(
            name="tflite",
            files=("model.tflite",),
            precisions=("float32", "int8"),
            module="edgetl.converters.tflite",
            engines=("litert", "tflite-runtime"),
        ),
        Format(
            name="onnx",
            files=("model.onnx",),
            precisions=("float32", "int8"),
            module="edgetl.converters.onnx",
            engines=("onnxruntime",),
        ),
        Format(
            name="openvino",
            files=("model.xml", "model.bin"),
            precisions=("float32", "int8"),
            module="edgetl.converters.openvino",
            engines=("openvino",),
        ),
    )
}


def parse_formats(wanted: str | Sequence[str]) -> tuple[Format, ...]:
    """The rows of the formats named, each once, in the order named.

    Args:
        wanted: a list of names, or one text with commas.

    Raises:
        UsageError: a name is not in the table, or there is none.
    """
    return tuple(FORMATS[name] for name in _chosen(wanted, tuple(FORMATS), "format {!r} is not offered"))


def parse_precisions(wanted: str | Sequence[str], format_: Format) -> tuple[str, ...]:
    """The precisions named, each once, in the order named.

    Raises:
        UsageError: the format does not offer one of them, or none is named.
    """
    return _chosen(wanted, format_.precisions, f"precision {{!r}} is not offered for {format_.name}")


def _chosen(wanted: str | Sequence[str], offered: Sequence[str], refusal: str) -> tuple[str, ...]:
    words = [word.strip() for word in (wanted.split(",") if isinstance(wanted, str) else wanted)]
    for word in words or [""]:
        if word not in offered:
            near = difflib.get_close_matches(word, offered, n=1, cutoff=0.8)
            hint = f"; did you mean {near[0]}?" if near else ""
            raise UsageError(f"{refusal.format(word)}: choose {_either(offered)}{hint}")
    return tuple(dict.fromkeys(words))


def _either(names: Sequence[str]) -> str:
    return " or ".join([", ".join(names[:-1]), names[-1]]) if len(names) > 1 else names[0]
