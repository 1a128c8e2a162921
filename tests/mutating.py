"""Seeded damage to files and to JSON: each mutator takes a generator of random numbers and what to change."""

import copy
import json
import random
from collections.abc import Callable, Sequence
from typing import Any

NASTY: tuple[Any, ...] = (
    *(None, True, False, 0, 1, -1, 2**31, 2**63, 2**64, 10**30, -0.0, 0.5, 1e308, 1e-320),
    *("", "a", "..", "../x", "/etc/passwd", "\x1b]0;x\x07", "\ud800", "é", "a" * 300, "0" * 64, "\u202e"),
    *([], {}, [[]], [None], {"": None}, [[[[[[[[[[]]]]]]]]]]),
)


def damaged(draw: random.Random, whole: bytes, others: Sequence[bytes]) -> bytes:
    """One to three of: a bit, a byte, a piece of this or another file put in, taken out, copied, zeroed."""
    data = bytearray(whole)
    for _ in range(draw.choice((1, 1, 1, 2, 3))):
        at = draw.randrange(len(data) + 1)
        size = min(draw.choice((1, 1, 2, 4, 16, 64, 512)), len(data) - at)
        donor = draw.choice(others)
        start = draw.randrange(len(donor) + 1)
        piece = donor[start : start + max(size, 1)]
        kind = draw.randrange(8)
        if kind == 0 and size:
            data[at] ^= 1 << draw.randrange(8)
        elif kind == 1 and size:
            data[at] = draw.randrange(256)
        elif kind == 2:
            data[at:at] = piece
        elif kind == 3:
            data[at:at] = draw.randbytes(max(size, 1))
        elif kind == 4:
            del data[at : at + size]
        elif kind == 5:
            data[at : at + size] = piece
        elif kind == 6:
            data[at : at + size] = bytes(size)
        else:
            del data[at:]
    return bytes(data)


def changed(draw: random.Random, value: Any) -> Any:
    """A JSON value with one to three places in it changed: replaced, removed, doubled, swapped or renamed."""
    value = copy.deepcopy(value)
    for _ in range(draw.choice((1, 1, 2, 3))):
        places = _places(value)
        if not places:
            break
        parent, key = draw.choice(places)
        kind = draw.randrange(6)
        if kind <= 1:
            parent[key] = copy.deepcopy(draw.choice(NASTY))
        elif kind == 2:
            del parent[key]
        elif kind == 3:
            other, there = draw.choice(places)
            parent[key] = copy.deepcopy(other[there])
        elif kind == 4 and isinstance(parent, list):
            parent.insert(key, copy.deepcopy(parent[key]))
        elif kind == 4:
            parent[f"{key}2"] = parent.pop(key)
        else:
            parent[key] = _nearby(draw, parent[key])
    return value


def written(value: Any) -> bytes:
    """The text of a JSON value, also of one that is none: half a character, a number without end."""
    return json.dumps(value, indent=1).encode()


def _nearby(draw: random.Random, value: Any) -> Any:
    if isinstance(value, bool) or value is None:
        return not value
    if isinstance(value, (int, float)):
        return value + draw.choice((-1, 1, 0.5, 1000))
    if isinstance(value, str) and value:
        at = draw.randrange(len(value))
        return value[:at] + draw.choice("abf0159/._ \0") + value[at + draw.randrange(2) :]
    return [value]


def _places(value: Any) -> list[tuple[Any, Any]]:
    """Every container inside, with each of its keys."""
    items: Callable[[Any], Any] = lambda one: one.items() if isinstance(one, dict) else enumerate(one)  # noqa: E731
    if not isinstance(value, (dict, list)):
        return []
    return [place for key, part in items(value) for place in [(value, key), *_places(part)]]
