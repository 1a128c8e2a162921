"""The file of signatures: a DSSE envelope (Dead Simple Signing Envelope 1.0) around the manifest's bytes.

There is one way to write an envelope here, and only what is written so is read: a bit that falls over in the
file is always seen, also where JSON or base64 would not care.
"""

import base64
import binascii
import json
import re
from dataclasses import dataclass, replace

from edgetl import limits, strict_json
from edgetl.errors import BundleError, SignatureError
from edgetl.manifest import SIGNATURES

PAYLOAD_TYPE = "application/vnd.edgetl.manifest+json"
MOST_SIGNATURES = 16


@dataclass(frozen=True)
class Signature:
    """One signature, and whose it says it is."""

    keyid: str
    """SHA-256 of the public key, as 64 hexadecimal digits."""
    value: bytes
    """Ed25519, 64 bytes."""


@dataclass(frozen=True)
class Envelope:
    """A manifest and its signatures, none of them checked yet."""

    payload: bytes
    signatures: tuple[Signature, ...] = ()

    def signed(self, signature: Signature) -> "Envelope":
        """The same with one more signature, which takes the place of an older one by the same key."""
        others = [other for other in self.signatures if other.keyid != signature.keyid]
        return replace(self, signatures=tuple(sorted([*others, signature], key=lambda one: one.keyid)))

    @property
    def message(self) -> bytes:
        """What is signed: DSSE's pre-authentication encoding of the payload and its type."""
        kind = PAYLOAD_TYPE.encode()
        return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(self.payload), self.payload)

    def to_json(self) -> str:
        """The text of the file, the inverse of :func:`read`."""
        value = {
            "payload": base64.b64encode(self.payload).decode(),
            "payloadType": PAYLOAD_TYPE,
            "signatures": [
                {"keyid": one.keyid, "sig": base64.b64encode(one.value).decode()} for one in self.signatures
            ],
        }
        return json.dumps(value, indent=1) + "\n"


def most_bytes() -> int:
    """Of a file of signatures: the largest manifest in base64, and all else."""
    return limits.current().manifest_bytes * 4 // 3 + 16_000


def read(data: bytes) -> Envelope:
    """Read the bytes of a file of signatures.

    Raises:
        SignatureError: it is not as edgetl writes it.
    """
    try:
        value = strict_json.read(data, "it", max_bytes=most_bytes())
        signatures = tuple(
            Signature(one["keyid"], base64.b64decode(one["sig"], validate=True))
            for one in value["signatures"]
        )
        envelope = Envelope(base64.b64decode(value["payload"], validate=True), signatures)
        # Also another payload type, keys that we do not know, and base64 of stray bits end here.
        known = envelope.to_json().encode() == data
    except BundleError as error:
        raise SignatureError(f"the signatures cannot be read ({error}): {_WAY_OUT}") from None
    except (KeyError, TypeError, ValueError, binascii.Error):
        known = False
    if not known:
        raise SignatureError(f"the signatures are not as edgetl sign writes them: {_WAY_OUT}")
    keys = [one.keyid for one in signatures]
    whole = all(isinstance(key, str) and re.fullmatch("[0-9a-f]{64}", key) for key in keys)
    whole = whole and all(len(one.value) == 64 for one in signatures)
    if not whole or keys != sorted(set(keys)) or not 1 <= len(keys) <= MOST_SIGNATURES:
        raise SignatureError(f"the signatures are none, too many, or no signatures: {_WAY_OUT}")
    return envelope


_WAY_OUT = f"copy the bundle again, or remove {SIGNATURES} and sign it anew"
