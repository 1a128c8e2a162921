import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from signed import key

from edgetl.signing import ed25519

# RFC 8032, section 7.1: public key, message, signature.
VECTORS = [
    (
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        (
            "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46b"
            "d25bf5f0595bbe24655141438e7a100b"
        ),
    ),
    (
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        (
            "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c"
            "387b2eaeb4302aeeb00d291612bb0c00"
        ),
    ),
    (
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        "af82",
        (
            "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc659"
            "4a7c15e9716ed28dc027beceea1ec40a"
        ),
    ),
]
ORDER = 2**252 + 27742317777372353535851937790883648493
FIELD = 2**255 - 19
# All points of small order, in every encoding with a y below 2**255 (Chalkias and others, 2020, table 1).
Y8 = 0x05FC536D880238B13933C6D305ACDFD5F098EFF289F4C345B027B2C28F95E826
SMALL = [
    (y | sign << 255).to_bytes(32, "little")
    for y in (0, 1, FIELD - 1, FIELD, FIELD + 1, Y8, FIELD - Y8)
    for sign in (0, 1)
]


@pytest.mark.parametrize(("public", "message", "signature"), VECTORS)
def test_the_vectors_of_the_standard_are_valid(public: str, message: str, signature: str) -> None:
    assert ed25519.is_valid(bytes.fromhex(public), bytes.fromhex(signature), bytes.fromhex(message))


@pytest.mark.parametrize(("public", "message", "signature"), VECTORS)
def test_a_vector_with_any_bit_of_its_signature_flipped_is_not(
    public: str, message: str, signature: str
) -> None:
    whole = bytes.fromhex(signature)
    for bit in range(8 * len(whole)):
        flipped = (int.from_bytes(whole, "little") ^ 1 << bit).to_bytes(64, "little")
        assert not ed25519.is_valid(bytes.fromhex(public), flipped, bytes.fromhex(message)), bit


def test_a_vector_of_another_message_or_key_is_not() -> None:
    (one, message, signature), (other, *_), _ = VECTORS
    assert not ed25519.is_valid(bytes.fromhex(one), bytes.fromhex(signature), b"x")
    assert not ed25519.is_valid(bytes.fromhex(other), bytes.fromhex(signature), bytes.fromhex(message))


@pytest.mark.parametrize("times", [1, 2, 7])
def test_the_same_signature_once_more_is_refused(times: int) -> None:
    public, message, signature = (bytes.fromhex(part) for part in VECTORS[0])
    scalar = int.from_bytes(signature[32:], "little") + times * ORDER
    again = signature[:32] + scalar.to_bytes(32, "little")
    assert not ed25519.is_valid(public, again, message)


@pytest.mark.parametrize("point", SMALL, ids=bytes.hex)
def test_a_key_of_small_order_is_no_key(point: bytes) -> None:
    assert not ed25519.is_point(point)
    # R = the identity and S = 0 verify for every message under the identity as a key, cofactor or not.
    forged = (1).to_bytes(32, "little") + bytes(32)
    assert not ed25519.is_valid(point, forged, b"anything")


@pytest.mark.parametrize("y", [FIELD, FIELD + 1, FIELD + 3, 2**255 - 1])
def test_a_point_that_is_not_written_in_the_one_way_is_refused(y: int) -> None:
    assert not ed25519.is_point(y.to_bytes(32, "little"))


@pytest.mark.parametrize("y", [2, 7, 11])  # no x belongs to these
def test_a_key_off_the_curve_verifies_nothing(y: int) -> None:
    public = y.to_bytes(32, "little")
    assert not ed25519.is_valid(public, bytes.fromhex(VECTORS[0][2]), b"")


@pytest.mark.parametrize("size", [0, 31, 33, 63, 65, 128])
def test_a_signature_or_key_of_another_length_is_refused(size: int) -> None:
    public, message, signature = (bytes.fromhex(part) for part in VECTORS[0])
    assert not ed25519.is_valid(public, (signature * 2)[:size], message)
    assert not ed25519.is_valid((public * 4)[:size], signature, message)


def test_a_board_without_cryptography_says_the_same() -> None:
    """The pure-Python path of securesystemslib: in a process where ``cryptography`` cannot be imported."""
    mine = key("alice").sign(b"message")
    cases: list[tuple[str, str, str]] = [
        *VECTORS,
        (key("alice").public.public, b"message".hex(), mine.value.hex()),
    ]
    script = f"""
    import sys
    sys.modules["cryptography"] = None
    from edgetl.signing import ed25519
    from securesystemslib.signer import _key
    assert _key.CRYPTO_IMPORT_ERROR
    for public, message, signature in {cases!r}:
        public, message, signature = map(bytes.fromhex, (public, message, signature))
        assert ed25519.is_valid(public, signature, message)
        assert not ed25519.is_valid(public, signature, message + b"x")
        for bit in (0, 3, 200, 255, 256, 300, 504, 511):
            flipped = (int.from_bytes(signature, "little") ^ 1 << bit).to_bytes(64, "little")
            assert not ed25519.is_valid(public, flipped, message), bit
        scalar = int.from_bytes(signature[32:], "little") + {ORDER}
        assert not ed25519.is_valid(public, signature[:32] + scalar.to_bytes(32, "little"), message)
    forged = (1).to_bytes(32, "little") + bytes(32)
    for point in {[point.hex() for point in SMALL]!r}:
        assert not ed25519.is_valid(bytes.fromhex(point), forged, b"anything")
    for y in (2, 7, 11):
        assert not ed25519.is_valid(y.to_bytes(32, "little"), bytes.fromhex({VECTORS[0][2]!r}), b"")
    """
    root = Path(__file__).resolve().parents[2]
    subprocess.run([sys.executable, "-c", textwrap.dedent(script)], check=True, cwd=root)
