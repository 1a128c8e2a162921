"""Options with a unit: ``30ms``, ``4MB``, ``5%``. Seconds, bytes and shares inside."""

import re
from typing import Any, ClassVar

import click

_NUMBER = re.compile(r"\s*([0-9]*\.?[0-9]+)\s*([A-Za-z%]*)\s*")


class _Quantity(click.ParamType):  # type: ignore[type-arg]
    units: ClassVar[dict[str, float]]
    example: ClassVar[str]

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if not isinstance(value, str):
            return value
        match = _NUMBER.fullmatch(value)
        unit = match[2].lower() if match else ""
        if match is None or unit not in self.units:
            self.fail(
                f"{value!r} is not a number with one of the units {', '.join(self.units)}, "
                f"such as {self.example}",
                param,
                ctx,
            )
        return float(match[1]) * self.units[unit]


class _Seconds(_Quantity):
    name = "time"
    units: ClassVar[dict[str, float]] = {"ms": 1e-3, "s": 1.0}
    example = "30ms"


class _Bytes(_Quantity):
    name = "size"
    units: ClassVar[dict[str, float]] = {"kb": 1e3, "mb": 1e6, "gb": 1e9}
    example = "4MB"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Whole bytes."""
        return round(super().convert(value, param, ctx))


class _Share(_Quantity):
    name = "share"
    units: ClassVar[dict[str, float]] = {"%": 1e-2}
    example = "5%"


SECONDS, BYTES, SHARE = _Seconds(), _Bytes(), _Share()
