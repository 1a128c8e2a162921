"""Who vouches for a bundle: signatures over its manifest, which holds the hash of every other file."""

from edgetl.signing.envelope import MOST_BYTES, Envelope, Signature, read
from edgetl.signing.trust import NOT_ASKED, Signed, check, keyid_of, signed_by

__all__ = [
    "MOST_BYTES",
    "NOT_ASKED",
    "Envelope",
    "Signature",
    "Signed",
    "check",
    "keyid_of",
    "read",
    "signed_by",
]
