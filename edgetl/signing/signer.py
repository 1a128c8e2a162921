"""``edgetl sign``: vouch for a bundle, and so for every file that its manifest names."""

from collections.abc import Sequence
from pathlib import Path

from edgetl import files, signing
from edgetl.bundle import Bundle
from edgetl.errors import BundleError, SignatureError
from edgetl.manifest import SIGNATURES
from edgetl.signing.keys import PrivateKey


def sign(bundle: str | Path, keys: Sequence[PrivateKey]) -> Path:
    """Add signatures to a bundle.

    Signatures by other keys stay; one by the same key is made anew. Every file is checked first: nobody
    should vouch for a damaged one.

    Args:
        bundle: the folder.
        keys: whose signatures to add; see ``keys.read_private``.

    Returns:
        The file of signatures.

    Raises:
        BundleError: no bundle there, a damaged one, or one that does not name all its files.
        SignatureError: there would be more signatures than are read; those that are there stay.
        WriteError: it cannot be written to.
    """
    opened = Bundle.open(bundle, require_signature=False)
    opened.check_files()
    if opened.manifest.schema < 2:
        raise BundleError(
            f"{bundle} was exported by edgetl {opened.manifest.edgetl}, whose manifests do not name all "
            "files of a bundle: export it anew"
        )
    before = opened.signatures
    envelope = signing.read(before) if before is not None else signing.Envelope(opened.manifest_bytes)
    for key in keys:
        envelope = envelope.signed(key.sign(envelope.message))
    if (count := len(envelope.signatures)) > signing.MOST_SIGNATURES:
        raise SignatureError(
            f"{bundle} would have {count} signatures, and {signing.MOST_SIGNATURES} are read: remove "
            f"{SIGNATURES} and sign it anew with fewer keys"
        )
    place = opened.path / SIGNATURES
    files.write_text(place, envelope.to_json())
    return place
