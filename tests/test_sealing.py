import hashlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgetl.errors import BundleError
from edgetl.sealing import sealed, unseal

plain = st.dictionaries(
    st.text(st.characters(exclude_categories=["Cs"]), max_size=5),
    st.none() | st.booleans() | st.integers() | st.text(st.characters(exclude_categories=["Cs"]), max_size=9),
    max_size=4,
)


def opened(text: bytes) -> dict[str, Any]:
    value = json.loads(text)
    unseal(text, value, "it")
    return dict(value)


@given(plain)
def test_what_was_sealed_is_opened(value: dict[str, Any]) -> None:
    kept = {name: part for name, part in value.items() if name != "sha256"}
    assert opened(sealed(value).encode()) == kept
    assert sealed(value) == sealed(json.loads(sealed(value)))


def test_the_seal_is_the_hash_of_the_text_with_zeros_in_its_place() -> None:
    text = sealed({"a": 1})
    seal = json.loads(text)["sha256"]
    assert hashlib.sha256(text.replace(seal, "0" * 64).encode()).hexdigest() == seal


def test_a_text_that_holds_its_own_zeros_is_sealed_at_the_end() -> None:
    assert opened(sealed({"a": "0" * 64, "b": {"sha256": "0" * 64}}).encode())["a"] == "0" * 64


@given(plain, st.data())
def test_any_flipped_bit_is_seen(value: dict[str, Any], data: st.DataObject) -> None:
    text = bytearray(sealed(value).encode())
    text[data.draw(st.integers(0, len(text) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    with pytest.raises(ValueError):  # noqa: PT011 - it is no JSON any more, or its seal is broken
        opened(bytes(text))


@pytest.mark.parametrize(
    "seal", ["", None, 5, [], {}, True, "0" * 64, "A" * 64, "\ud800", "0" * 63, "a", "{"]
)
def test_a_seal_of_another_kind_is_none(seal: Any) -> None:
    text = json.dumps({"a": 1, "sha256": seal}).encode()
    with pytest.raises(BundleError, match=r"it (has no seal|is not as it was written)"):
        opened(text)


def test_a_value_without_a_seal_is_refused() -> None:
    with pytest.raises(BundleError, match="it has no seal"):
        opened(b"{}")


def test_the_same_value_written_in_another_way_is_refused() -> None:
    text = sealed({"a": 1, "b": 2})
    with pytest.raises(BundleError, match="it is not as it was written"):
        opened(json.dumps(json.loads(text)).encode())
