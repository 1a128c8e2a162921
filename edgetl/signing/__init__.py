"""Who vouches for a bundle: signatures over its manifest, which holds the hash of every other file."""

from edgetl.signing.envelope import MOST_SIGNATURES, Envelope, Signature, most_bytes, read
from edgetl.signing.trust import NOT_ASKED, Signed, check, keyid_of, signed_by

__all__ = [
    "MOST_SIGNATURES",
    "NOT_ASKED",
    "Envelope",
    "Signature",
    "Signed",
    "check",
    "keyid_of",
    "most_bytes",
    "read",
    "signed_by",
]
