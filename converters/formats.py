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
    """Largest and most exact first."""
    module: str
    """Where its ``convert`` is."""
    engines: tuple[str, ...]
    """Which engines run it, best first."""

    @property
    def graph_files(self) -> tuple[str, ...]:
        """What its float graph consists of, from which every precision is made."""
        return tuple(f"graph.{name.rpartition('.')[2]}" for name in self.files)

    @property
    def graph(self) -> str:
        """The main file of its float graph."""
        return self.graph_files[0]

    @property
    def suffix(self) -> str:
        """Of its main file, with the dot."""
        return f".{self.files[0].rpartition('.')[2]}"


AUTO = "auto"
"""In place of a precision: the best that is good enough (``ladder.py``)."""

FORMATS: Mapping[str, Format] = {
    row.name: row
    for row in (
        Format(
            name="tflite",
            files=("model.tflite",),
            precisions=("float32", "float16", "int16x8", "dynamic", "int8"),
            module="edgetl.converters.tflite",
            engines=("litert", "tflite-runtime"),
        ),
        Format(
            name="onnx",
            files=("model.onnx",),
            precisions=("float32", "float16", "dynamic", "int8"),
            module="edgetl.converters.onnx",
            engines=("onnxruntime",),
        ),
        Format(
            name="openvino",
            files=("model.xml", "model.bin"),
            precisions=("float32", "float16", "int8"),
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


def parse_precisions(
    wanted: str | Sequence[str], format_: Format, formats: Sequence[Format] = ()
) -> tuple[str, ...]:
    """The precisions named that the format has, each once, in the order named.

    Args:
        wanted: a list of names, or one text with commas; ``auto`` is one every format has.
        format_: the format.
        formats: all formats of the export. A precision that one of them has is left out for those that
            have not; without others it is refused.

    Raises:
        UsageError: no format offers one of them, none is named, or ``int8`` beside ``auto``.
    """
    rows = formats or (format_,)
    offered = tuple(dict.fromkeys(name for row in rows for name in (*row.precisions, AUTO)))
    where = " or ".join(row.name for row in rows)
    chosen = _chosen(wanted, offered, f"precision {{!r}} is not offered for {where}")
    if AUTO in chosen and "int8" in chosen:
        raise UsageError(f"precision {AUTO!r} begins with int8: leave int8 out")
    kept = tuple(name for name in chosen if name in (*format_.precisions, AUTO))
    if not kept:
        raise UsageError(
            f"none of the precisions {', '.join(chosen)} is offered for {format_.name}: "
            f"choose {_either((*format_.precisions, AUTO))}, or leave {format_.name} out"
        )
    return kept


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
