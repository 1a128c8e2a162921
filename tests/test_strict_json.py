"""JSON from outside, and the dataclasses that it must fill."""

from dataclasses import dataclass
from typing import Any

import pytest

from edgetl import strict_json
from edgetl.errors import BundleError


@dataclass(frozen=True)
class Lens:
    name: str
    focal_mm: float
    coatings: tuple[str, ...] = ()
    maker: str | None = None


@pytest.mark.parametrize(
    ("content", "rule"),
    [
        (b"", "is not valid JSON"),
        (b"{", "is not valid JSON"),
        (b"\xff\xfe{}", "is not valid JSON"),
        (b'{"a": 1, "a": 2}', "a key stands twice"),
        (b'{"a": {"b": 1, "b": 1}}', "a key stands twice"),
        (b'{"a": NaN}', "NaN is not allowed"),
        (b'{"a": -Infinity}', "-Infinity is not allowed"),
        (b'{"a": 1e999}', "1e999 is not a finite number"),
        (b"[" * 9 + b"]" * 9, "nested more than 8 deep"),
        (b"[" * 900 + b"]" * 900, "nested more than 8 deep"),
        (b"[" * 30_000 + b"]" * 30_000, "nested more than 8 deep"),
        (b'{"a":' * 10_000 + b"1" + b"}" * 10_000, "nested more than 8 deep"),
        (b" " * 64_001, "more than the limit of 64000"),
        (b'{"a": ' + b"9" * 5000 + b"}", "is not valid JSON"),
    ],
)
def test_hostile_json_is_refused(content: bytes, rule: str) -> None:
    with pytest.raises(BundleError, match=f"the list .*{rule}"):
        strict_json.read(content, "the list", max_bytes=64_000)


def test_an_object_fills_a_dataclass_and_what_is_missing_keeps_its_default() -> None:
    whole = {"name": "wide", "focal_mm": 3, "coatings": ["MgF2"], "maker": "Zeiss"}
    assert strict_json.build(Lens, whole, "lens") == Lens("wide", 3.0, ("MgF2",), "Zeiss")
    assert strict_json.build(Lens, {"name": "wide", "focal_mm": 3.5}, "lens") == Lens("wide", 3.5)


@pytest.mark.parametrize(
    ("changed", "rule"),
    [
        ({"zoom": 2}, "lens has unknown or missing keys: zoom"),
        ({"name": None}, "lens.name is NoneType, not str"),
        ({"focal_mm": True}, "lens.focal_mm is bool, not float"),
        ({"focal_mm": 10**400}, "lens.focal_mm is int, not float"),
        ({"coatings": "MgF2"}, "lens.coatings is str, not tuple"),
        ({"coatings": ["MgF2", 2]}, r"lens.coatings\[1\] is int, not str"),
        ({"maker": 5}, "lens.maker is int, not str"),
    ],
)
def test_what_does_not_fit_is_refused_by_name(changed: dict[str, Any], rule: str) -> None:
    with pytest.raises(BundleError, match=rule):
        strict_json.build(Lens, {"name": "wide", "focal_mm": 3.5, **changed}, "lens")


def test_a_key_that_is_needed_and_a_value_that_is_no_object_are_told() -> None:
    with pytest.raises(BundleError, match="unknown or missing keys: focal_mm"):
        strict_json.build(Lens, {"name": "wide"}, "lens")
    with pytest.raises(BundleError, match="lens is not an object"):
        strict_json.build(Lens, ["wide", 3.5], "lens")
