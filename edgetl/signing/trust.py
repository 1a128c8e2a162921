"""Hold a bundle's signatures beside the keys that this machine trusts."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from edgetl import extras
from edgetl.errors import SignatureError
from edgetl.settings import TrustedKey
from edgetl.signing import ed25519
from edgetl.signing.envelope import Envelope


@dataclass(frozen=True)
class Signed:
    """What the signatures of a bundle are worth here."""

    by: tuple[str, ...]
    """Names of the trusted keys whose signatures are valid."""
    revoked: tuple[str, ...]
    """Names of those that were trusted once."""
    unknown: tuple[str, ...]
    """The beginnings of the ids of keys that this machine does not know."""

    def __str__(self) -> str:
        told = [
            f"signed by {', '.join(self.by)}" if self.by else "",
            f"signed by {', '.join(self.revoked)}, whose key is revoked" if self.revoked else "",
            f"signed by {', '.join(self.unknown)}, which this machine does not know" if self.unknown else "",
        ]
        return " and ".join(filter(None, told)) or "not signed"


NOT_ASKED = Signed((), (), ())


def keyid_of(public: str) -> str:
    """The id of a key: SHA-256 of its 32 bytes, as 64 hexadecimal digits."""
    return hashlib.sha256(bytes.fromhex(public)).hexdigest()


def signed_by(envelope: Envelope | None, keys: Sequence[TrustedKey]) -> Signed:
    """Whose valid signatures there are.

    Args:
        envelope: of the bundle; None where it has none.
        keys: that this machine knows.

    Raises:
        SignatureError: a signature says it is that of a trusted key, and is not.
        MissingPackageError: ``securesystemslib`` is not installed.
    """
    known = {keyid_of(key.public): key for key in keys}
    by, revoked, unknown = [], [], []
    if envelope is None:
        return NOT_ASKED
    for one in envelope.signatures:
        key = known.get(one.keyid)
        if key is None:
            unknown.append(one.keyid[:12])
        elif key.revoked is not None:
            revoked.append(key.name)
        elif ed25519.is_valid(bytes.fromhex(key.public), one.value, envelope.message):
            by.append(key.name)
        else:
            raise SignatureError(
                f"the signature of {key.name} is not valid for this manifest: copy the bundle again, or have "
                f"{key.name} sign it anew"
            )
    return Signed(tuple(by), tuple(revoked), tuple(unknown))


def check(envelope: Envelope | None, keys: Sequence[TrustedKey], required: int) -> Signed:
    """Refuse a bundle that too few trusted keys have signed, or one of them in appearance only.

    Where no signature is required, those of trusted keys are checked all the same if ``securesystemslib`` is
    installed: somebody has changed what does not fit.

    Args:
        envelope: of the bundle; None where it has none.
        keys: that this machine knows.
        required: how many of them must have signed it; 0 lets any bundle pass.

    Raises:
        SignatureError: too few have, or a signature is not valid.
        MissingPackageError: ``securesystemslib`` is not installed, and signatures are required.
    """
    if required == 0 and (envelope is None or not extras.is_installed("securesystemslib")):
        return NOT_ASKED
    found = signed_by(envelope, keys)
    if len(found.by) >= required:
        return found
    wanted = "a trusted key" if required == 1 else f"{required} trusted keys"
    raise SignatureError(
        f"the bundle is {found}, and this machine takes only what {wanted} signed: sign it with edgetl sign, "
        "or trust its key with edgetl keys trust"
    )
