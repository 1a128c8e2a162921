"""Ed25519 (RFC 8032) as strict as it can be checked.

``securesystemslib`` verifies: with ``cryptography`` where that is installed, in pure Python on a board. What
neither of the two refuses in every version is refused here before.
"""

import hashlib

from edgetl import extras

_FIELD = 2**255 - 19
_ORDER = 2**252 + 27742317777372353535851937790883648493  # of the base point, L in RFC 8032
_Y_OF_ORDER_8 = 0x05FC536D880238B13933C6D305ACDFD5F098EFF289F4C345B027B2C28F95E826
# A public key of small order has signatures that fit many messages. These are the y of all eight such points
# (Chalkias, Garillot & Nikolaenko, Taming the many EdDSAs, 2020, table 1) in their one canonical encoding.
_SMALL = frozenset({0, 1, _FIELD - 1, _Y_OF_ORDER_8, _FIELD - _Y_OF_ORDER_8})


def is_valid(public: bytes, signature: bytes, message: bytes) -> bool:
    """Whether a signature is that key's and the message is what it was made for.

    Args:
        public: key, 32 bytes.
        signature: 64 bytes.
        message: what was signed.

    Raises:
        MissingPackageError: ``securesystemslib`` is not installed.
    """
    if len(signature) != 64 or not is_point(public) or not is_point(signature[:32]):
        return False
    if int.from_bytes(signature[32:], "little") >= _ORDER:  # the same signature once more (malleability)
        return False
    signer = extras.load("securesystemslib.signer", extra="signatures", purpose="checking signatures")
    errors = extras.load("securesystemslib.exceptions", extra="signatures", purpose="checking signatures")
    keyid = hashlib.sha256(public).hexdigest()
    key = signer.SSlibKey(keyid, "ed25519", "ed25519", {"public": public.hex()})
    try:
        key.verify_signature(signer.Signature(keyid, signature.hex()), message)
    except errors.UnverifiedSignatureError:
        return False
    return True


def is_point(data: bytes) -> bool:
    """Whether 32 bytes are the one encoding of a coordinate, and not that of a point of small order."""
    y = int.from_bytes(data, "little") & ~(1 << 255)
    return len(data) == 32 and y < _FIELD and y not in _SMALL
