"""JSON files that know when a bit of them has fallen over: their last value is their own SHA-256."""

import hashlib
import json
import re
from typing import Any, TypeVar

from edgetl import strict_json
from edgetl.errors import BundleError

KEY = "sha256"
_UNSEALED = "0" * 64

T = TypeVar("T")


def sealed(value: dict[str, Any]) -> str:
    """The text of a JSON object with its seal, which takes the place of one that it has.

    The seal is the SHA-256 of the text with 64 zeros in the seal's place. It tells of SD cards; against
    people there are signatures.
    """
    unsealed = {name: part for name, part in value.items() if name != KEY} | {KEY: _UNSEALED}
    text = json.dumps(unsealed, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
    head, _, tail = text.rpartition(_UNSEALED)
    return head + _hash(text.encode()) + tail


def unseal(data: bytes, value: dict[str, Any], what: str) -> None:
    """Take the seal out of an object that was read, if it is the right one.

    Args:
        data: the bytes of the file.
        value: read from them.
        what: it is, for the message.

    Raises:
        BundleError: not a byte-for-byte copy of what was sealed.
    """
    seal = value.pop(KEY, None)
    if not isinstance(seal, str) or not re.fullmatch("[0-9a-f]{64}", seal):
        raise BundleError(f"{what} has no seal")
    head, _, tail = data.rpartition(seal.encode())
    if seal != _hash(head + _UNSEALED.encode() + tail):
        raise BundleError(f"{what} is not as it was written")


def read(data: bytes, cls: type[T], *, schema: int, max_bytes: int) -> T:
    """Fill a dataclass from the bytes of a sealed file; the inverse of :func:`sealed`.

    Raises:
        BundleError: it has another schema, is damaged, or does not fill it; the message calls it "it".
    """
    value = strict_json.read(data, "it", max_bytes=max_bytes)
    found = value.get("schema") if isinstance(value, dict) else None
    if found != schema:
        raise BundleError(f"its schema is {found!r}, and this edgetl reads {schema}")
    unseal(data, value, "it")
    return strict_json.build(cls, value, "it")


def _hash(unsealed: bytes) -> str:
    return hashlib.sha256(unsealed).hexdigest()
