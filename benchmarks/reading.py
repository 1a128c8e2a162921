"""Read a report back: ``bench.json`` becomes the :class:`BenchReport` that it was written from."""

import functools
import json
import math
import types
import typing
from dataclasses import MISSING, fields, is_dataclass
from pathlib import Path
from typing import Any, NoReturn

from edgetl.benchmarks.results import SCHEMA, BenchReport, Result, Throughput
from edgetl.errors import ReportError

FILE_NAME = "bench.json"
OLDEST = 2
"""The layout of 1 was another one."""
MAX_BYTES = 100_000_000
"""A larger file is refused unread: a sample takes some 25 bytes, so this is four million of them."""
_MAX_VALUES = 5_000_000
_MAX_LISTS = 1_000_000
"""An empty list is three bytes in a file and 64 in memory."""


def read_report(path: str | Path) -> BenchReport:
    """Read a report of ``edgetl bench``.

    Args:
        path: the JSON file, or the folder with the ``bench.json`` that ``edgetl bench`` wrote.

    Raises:
        ReportError: nothing there, too large, no report, a damaged one, or one of a newer schema.
    """
    place = Path(path) / FILE_NAME if Path(path).is_dir() else Path(path)
    try:
        with place.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise ReportError(
            f"{place} cannot be read ({error.strerror}): name the folder that edgetl bench wrote, or the "
            f"{FILE_NAME} in it"
        ) from error
    return parse(data, str(place))


def parse(data: bytes, name: str) -> BenchReport:
    """The report in the bytes of a ``bench.json``.

    Fields with a default may be missing, as they are in reports of an older edgetl. What is not a field is
    passed over, among it the figures: they are made anew from the raw times.

    Args:
        data: JSON in UTF-8.
        name: what the messages call it.

    Raises:
        ReportError: as :func:`read_report`.
    """
    if len(data) > MAX_BYTES:
        raise ReportError(
            f"{name} has more than {MAX_BYTES} bytes, and no report of edgetl bench is so large"
        )
    if data.count(b",") > _MAX_VALUES or data.count(b"[") + data.count(b"{") > _MAX_LISTS:
        raise ReportError(
            f"{name} has more than {_MAX_VALUES} values or {_MAX_LISTS} lists, and no report of edgetl bench "
            "has so many"
        )
    try:
        value = json.loads(
            data.decode("utf-8"), object_pairs_hook=_without_duplicates, parse_constant=_refuse_constant
        )
    except (ValueError, RecursionError) as error:
        raise ReportError(f"{name} is not valid JSON ({error}): it is damaged or no report") from None
    schema = value.get("schema") if isinstance(value, dict) else None
    if not isinstance(schema, int) or isinstance(schema, bool) or schema < 1:
        raise ReportError(f"{name} is no report of edgetl bench: its schema is {schema!r}")
    if schema < OLDEST:
        raise ReportError(f"{name} has schema {schema} and this edgetl reads from {OLDEST} on: measure again")
    if schema > SCHEMA:
        raise ReportError(
            f"{name} has schema {schema} and this edgetl reads up to {SCHEMA}: pip install --upgrade edgetl"
        )
    try:
        report: BenchReport = _build(BenchReport, value, "report")
        _check(report)
    except _DamageError as error:
        raise ReportError(f"{name} is damaged or no report of edgetl bench: {error}") from None
    return report


class _DamageError(Exception):
    """Where a value is not what the report's classes say."""


def _check(report: BenchReport) -> None:
    """Refuse what no benchmark yields and what no figure can be made of."""
    if not report.states:
        raise _DamageError("report.platform.states is empty")
    for result in report.results:
        if any(min(process.inference_s, default=0.0) <= 0 for process in result.processes):
            raise _DamageError(f"a time of {result.name} is not above 0")
        for yardstick in (process.yardstick for process in result.processes if process.yardstick):
            if min(yardstick.taken_s, default=1.0) <= 0 or len(yardstick.taken_s) != len(yardstick.after):
                raise _DamageError(f"a yardstick of {result.name} is not above 0, or its lists not in step")
    rows: tuple[Result | Throughput, ...] = (*report.results, *report.throughput)
    for row in rows:
        try:
            _ = row.figures
        except (ValueError, ArithmeticError, LookupError) as error:
            raise _DamageError(f"the figures of {row.name} cannot be made ({error})") from None


def _build(kind: Any, value: Any, where: str) -> Any:
    if is_dataclass(kind):
        return _build_dataclass(kind, value, where)
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin in (types.UnionType, typing.Union):
        return _build_union(arguments, value, where)
    if origin is typing.Literal:
        return value if isinstance(value, str) and value in arguments else _refuse(kind, value, where)
    if origin is tuple and isinstance(value, list):
        return _build_tuple(arguments, value, where)
    if origin is dict and isinstance(value, dict):
        return {key: _build(arguments[1], item, f"{where}.{key}") for key, item in value.items()}
    if kind is float and type(value) in (int, float):
        return _finite(value, where)
    if kind is Any or type(value) is (origin or kind):
        return value
    return _refuse(kind, value, where)


def _build_dataclass(kind: Any, value: Any, where: str) -> Any:
    if not isinstance(value, dict):
        _refuse(kind, value, where)
    required, hints = _fields(kind)
    if missing := required - set(value):
        raise _DamageError(f"{where} lacks {', '.join(sorted(missing))}")
    return kind(
        **{
            name: _build(hint, value[name], f"{where}.{name}")
            for name, hint in hints.items()
            if name in value
        }
    )


def _build_union(options: tuple[Any, ...], value: Any, where: str) -> Any:
    if value is None and type(None) in options:
        return None
    *others, last = (option for option in options if option is not type(None))
    for option in others:
        try:
            return _build(option, value, where)
        except _DamageError:
            continue
    return _build(last, value, where)


def _build_tuple(arguments: tuple[Any, ...], value: list[Any], where: str) -> tuple[Any, ...]:
    if arguments[-1] is ...:
        # Raw times are millions after a long soak, and most of the file.
        if arguments[0] is float and all(type(item) is float and math.isfinite(item) for item in value):
            return tuple(value)
        return tuple(_build(arguments[0], item, f"{where}[{number}]") for number, item in enumerate(value))
    if len(arguments) != len(value):
        raise _DamageError(f"{where} has {len(value)} values, not {len(arguments)}")
    pairs = enumerate(zip(arguments, value, strict=True))
    return tuple(_build(kind, item, f"{where}[{number}]") for number, (kind, item) in pairs)


@functools.cache
def _fields(kind: Any) -> tuple[frozenset[str], dict[str, Any]]:
    """The names without a default, and each name with its type."""
    required = (
        item.name for item in fields(kind) if item.default is MISSING and item.default_factory is MISSING
    )
    hints = typing.get_type_hints(kind)
    return frozenset(required), {item.name: hints[item.name] for item in fields(kind)}


def _finite(value: float, where: str) -> float:
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise _DamageError(f"{where} is not a finite number")
    return number


def _refuse(kind: Any, value: Any, where: str) -> NoReturn:
    raise _DamageError(f"{where} is {type(value).__name__}, not {getattr(kind, '__name__', kind)}")


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        raise ValueError("a key stands twice")
    return result


def _refuse_constant(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not allowed")
