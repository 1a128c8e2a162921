"""LiteRT's profile: a text with a table of all operators."""

from collections.abc import Iterator

from edgetl.benchmarks.profile.litert_library import summary
from edgetl.benchmarks.profile.request import ProfileRequest
from edgetl.benchmarks.profile.results import Operator
from edgetl.errors import ModelError

_RUN_ORDER, _END = "Run Order", "===="
_HEAD = "[node type] [start] [first] [avg ms] [%] [cdf%] [mem KB] [times called] [Name]"
_INSIDE = "Delegate/"
_OTHER = "this LiteRT writes its profile in another way than 2.3.0 does"
_HEAVY = ("Convolution", "Fully Connected")


def operators(request: ProfileRequest) -> list[Operator]:
    """Run a model under the profiler.

    Raises:
        MissingPackageError: LiteRT is not installed.
        ModelError: this version has no such profiler, or LiteRT refuses.
    """
    return from_summary(summary(request), quantized=request.quantized)


def from_summary(text: str, *, quantized: bool) -> list[Operator]:
    """The operators in the order they ran.

    Args:
        text: what LiteRT's profiler writes: a table of all operators in that order, and others.
        quantized: whether layers should compute in integers.

    Raises:
        ModelError: it has no such table, or one of other columns.
    """
    return [_operator(line, quantized) for line in _rows(text)]


def _rows(text: str) -> Iterator[str]:
    lines = iter(text.splitlines())
    if not any(_RUN_ORDER in line for line in lines) or " ".join(next(lines, "").split()) != _HEAD:
        raise ModelError(_OTHER)
    for line in lines:
        if not line.strip() or line.startswith(_END):
            return
        yield line


def _operator(line: str, quantized: bool) -> Operator:
    # Names of operators hold blanks; the seven numbers behind them do not, nor does the name in the end.
    words = line.rsplit(maxsplit=8)
    try:
        milliseconds = float(words[3])
    except (IndexError, ValueError):
        raise ModelError(_OTHER) from None
    inside, kind = words[0].strip().startswith(_INSIDE), words[0].strip().removeprefix(_INSIDE)
    return Operator(
        name=words[-1],
        kind=kind,
        seconds=milliseconds / 1000,
        kernel="XNNPACK" if inside else None,
        plain=_plain(kind, inside, quantized),
    )


def _plain(kind: str, inside: bool, quantized: bool) -> str | None:
    if not inside:
        return "runs outside XNNPACK"
    # XNNPACK names the types in brackets: ``(NC, F32)`` is all float, QS8, QC8W and QD8 are integers.
    is_float = kind.startswith(_HEAVY) and "F32" in kind and "Q" not in kind
    return "left in float32" if quantized and is_float else None
