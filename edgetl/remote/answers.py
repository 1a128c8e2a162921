"""What a device says, believed as far as it can be checked: its supervisor may be another's program.

Every line has a limit, every value a type, and every word that may reach a terminal is on one line, without
what a terminal would obey.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from edgetl import strict_json
from edgetl.errors import BundleError, DeviceError
from edgetl.wording import brief, said

MOST_LINE_BYTES = 1 << 16
"""The longest honest line names four Pythons with their modules."""


@dataclass(frozen=True)
class Python:
    """A Python of the device."""

    path: str
    """As it was asked for, which the device does not choose."""
    version: tuple[int, int, int] | None = None
    """None: it does not run."""
    modules: frozenset[str] = frozenset()
    """Those found, of the ones that were asked for."""
    bits: int = 64


@dataclass(frozen=True)
class Found:
    """What there is on the device."""

    pythons: tuple[Python, ...]
    place: str | None
    """A folder that can be written; None: none can."""
    free_bytes: int


@dataclass(frozen=True)
class Line:
    """The command said something on its stderr."""

    text: str


@dataclass(frozen=True)
class End:
    """The command ended, or could not go on, and the device is clean, or not."""

    code: int | None
    """None: it could not go on."""
    failed: str | None
    output_bytes: int
    left: str | None
    """What could not be removed."""


class Sign:
    """It is alive, or has started."""


Event: TypeAlias = Line | End | Sign


def found(line: bytes, pythons: Sequence[str], modules: Sequence[str]) -> Found:
    """The answer to what there is.

    Args:
        line: the JSON.
        pythons: those that were asked for.
        modules: likewise.

    Raises:
        DeviceError: it is no such answer.
    """
    value = _object(line)
    listed = value.get("pythons")
    if not isinstance(listed, list) or len(listed) != len(pythons):
        raise _nonsense("other Pythons than were asked for")
    place = value.get("place")
    return Found(
        tuple(_python(*pair, frozenset(modules)) for pair in zip(pythons, listed, strict=True)),
        None if place is None else said(_text(place, "place")),
        _number(value, "free"),
    )


def event(line: bytes) -> Event:
    """What happens while the command runs.

    Raises:
        DeviceError: the line says nothing that is known.
    """
    value = _object(line)
    if "line" in value:
        return Line(said(_text(value["line"], "line")))
    if "ended" in value or "failed" in value:
        left = value.get("left")
        failed = said(_text(value["failed"], "failed")) if "failed" in value else None
        return End(
            None if failed is not None else _number(value, "ended", least=-255),
            failed,
            0 if failed is not None else _number(value, "bytes"),
            None if left is None else said(_text(left, "left")),
        )
    if "alive" in value or "started" in value:
        return Sign()
    raise _nonsense(f"no such message: {said(sorted(value)[:3])}")


def _python(path: str, value: Any, asked: frozenset[str]) -> Python:
    if not isinstance(value, dict):
        raise _nonsense("a Python that is none")
    if "version" not in value:
        return Python(path)
    version, modules = value["version"], value.get("modules")
    if not isinstance(version, list) or len(version) != 3 or not isinstance(modules, list):
        raise _nonsense("a Python without version or modules")
    major, minor, patch = (_number({"version": part}, "version", most=999) for part in version)
    known = frozenset(module for module in modules if isinstance(module, str)) & asked
    return Python(path, (major, minor, patch), known, _number(value, "bits", most=128))


def _object(line: bytes) -> dict[str, Any]:
    try:
        value = strict_json.read(line, "it", max_bytes=MOST_LINE_BYTES)
    except BundleError as error:
        raise _nonsense(str(error)) from None
    if not isinstance(value, dict):
        raise _nonsense(f"{type(value).__name__}, and no object")
    return value


def _text(value: Any, name: str) -> str:
    if not isinstance(value, str):
        raise _nonsense(f"{name} is no text")
    return brief(value)


def _number(value: dict[str, Any], name: str, least: int = 0, most: int = 1 << 63) -> int:
    number = value.get(name)
    if type(number) is not int or not least <= number <= most:
        raise _nonsense(f"{name} is no such number")
    return number


def _nonsense(what: str) -> DeviceError:
    return DeviceError(f"does not answer as edgetl's own program there does ({said(what)}); it was left")
