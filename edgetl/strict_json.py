"""JSON from outside: read with limits, and made the dataclass that it must fill. numpy-free."""

import json
import math
import types
import typing
from dataclasses import MISSING, fields, is_dataclass
from typing import Any, TypeVar

from edgetl.errors import BundleError

_MAX_DEPTH = 8

T = TypeVar("T")


def read(data: bytes, what: str, *, max_bytes: int) -> Any:
    """Parse JSON from outside: bounded size and depth, no duplicate keys, no NaN or infinities.

    Raises:
        BundleError: one of these rules is broken; the message starts with ``what``.
    """
    if len(data) > max_bytes:
        raise BundleError(f"{what} has {len(data)} bytes, more than the limit of {max_bytes}")
    try:
        value = json.loads(
            data.decode("utf-8"),
            object_pairs_hook=_without_duplicates,
            parse_float=_finite,
            parse_constant=_refuse_constant,
        )
        too_deep = _depth(value) > _MAX_DEPTH
    except ValueError as error:
        raise BundleError(f"{what} is not valid JSON: {error}") from None
    except RecursionError:
        too_deep = True
    if too_deep:
        raise BundleError(f"{what} is nested more than {_MAX_DEPTH} deep")
    return value


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        raise ValueError("a key stands twice")
    return result


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{text} is not a finite number")
    return value


def _refuse_constant(constant: str) -> None:
    raise ValueError(f"{constant} is not allowed")


def _depth(value: Any) -> int:
    children = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return 1 + max((_depth(child) for child in children), default=0)


def build(cls: type[T], value: Any, where: str) -> T:
    """Fill a dataclass from a JSON object of its fields; one with a default may be missing.

    So a bundle can be read that was written before there was such a field.

    Args:
        cls: the dataclass.
        value: as :func:`read` gives it.
        where: it stands, for messages.

    Raises:
        BundleError: an unknown or missing key, or a value of the wrong type.
    """
    if not isinstance(value, dict):
        raise BundleError(f"{where} is not an object")
    names = {item.name for item in fields(cls)}  # type: ignore[arg-type]
    needed = {
        item.name
        for item in fields(cls)  # type: ignore[arg-type]
        if item.default is MISSING and item.default_factory is MISSING
    }
    if odd := (set(value) - names) | (needed - set(value)):
        raise BundleError(f"{where} has unknown or missing keys: {', '.join(sorted(odd))}")
    hints = typing.get_type_hints(cls)
    return cls(**{name: _convert(hints[name], value[name], f"{where}.{name}") for name in value})


def _convert(kind: Any, value: Any, where: str) -> Any:
    if hasattr(kind, "from_dict"):  # it has rules of its own
        return kind.from_dict(value)
    if is_dataclass(kind):
        return build(typing.cast(type[Any], kind), value, where)
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin in (types.UnionType, typing.Union):
        inner = next(option for option in arguments if option is not type(None))
        return None if value is None else _convert(inner, value, where)
    if origin is tuple and isinstance(value, list):
        return tuple(_convert(arguments[0], item, f"{where}[{index}]") for index, item in enumerate(value))
    if kind is float and isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**1023:
        return float(value)
    if isinstance(value, origin or kind) and not (isinstance(value, bool) and kind is not bool):
        return value
    raise BundleError(f"{where} is {type(value).__name__}, not {getattr(kind, '__name__', kind)}")
