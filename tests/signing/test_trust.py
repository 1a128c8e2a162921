import pytest
import signed
from signed import trusted

from edgetl import signing
from edgetl.errors import MissingPackageError, SignatureError
from edgetl.signing import NOT_ASKED, Envelope, Signature, Signed
from edgetl.signing.trust import keyid_of

MANIFEST = b"the manifest"


def by(*names: str) -> Envelope:
    return signing.read(signed.envelope(MANIFEST, *names).encode())


KEYS = [trusted("alice"), trusted("bob"), trusted("carol", revoked=True)]


def test_as_many_trusted_keys_as_required_are_enough() -> None:
    assert signing.check(by("alice"), KEYS, 1).by == ("alice",)
    assert set(signing.check(by("alice", "bob"), KEYS, 2).by) == {"alice", "bob"}


def test_where_none_is_required_every_bundle_passes_and_who_signed_is_known() -> None:
    assert signing.check(None, KEYS, 0) is NOT_ASKED
    assert len(signing.check(by("mallory"), [], 0).unknown) == 1
    assert signing.check(by("alice", "carol"), KEYS, 0) == Signed(("alice",), ("carol",), ())


def test_a_forged_signature_is_refused_also_where_none_is_required(monkeypatch: pytest.MonkeyPatch) -> None:
    forged = signing.read(signed.claimed(MANIFEST, "mallory", "alice").encode())
    with pytest.raises(SignatureError, match="the signature of alice is not valid for this manifest"):
        signing.check(forged, KEYS, 0)
    assert signing.check(forged, [trusted("alice", revoked=True)], 0).revoked == ("alice",)
    monkeypatch.setattr("edgetl.extras.is_installed", lambda module: False)
    assert signing.check(forged, KEYS, 0) is NOT_ASKED


@pytest.mark.parametrize(
    ("envelope", "required", "state"),
    [
        (None, 1, "is not signed, and this machine takes only what a trusted key signed"),
        (by("mallory"), 1, "is signed by [0-9a-f]{12}, which this machine does not know"),
        (by("carol"), 1, "is signed by carol, whose key is revoked"),
        (by("alice"), 2, "is signed by alice, and this machine takes only what 2 trusted keys signed"),
        (by("alice", "carol"), 2, "is signed by alice and signed by carol, whose key is revoked"),
        (by("alice", "mallory"), 2, "signed by alice and signed by [0-9a-f]{12}, which"),
        (by("alice", "bob"), 3, "only what 3 trusted keys signed"),
    ],
)
def test_too_few_are_told_who_signed(envelope: Envelope | None, required: int, state: str) -> None:
    with pytest.raises(SignatureError, match=f"{state}.*: sign it with edgetl sign, or trust its key"):
        signing.check(envelope, KEYS, required)


def test_one_key_that_signs_twice_counts_once() -> None:
    alice = signed.key("alice").sign(by("alice").message)
    twice = Envelope(MANIFEST, (alice, alice))
    with pytest.raises(SignatureError, match="no signatures"):
        signing.read(twice.to_json().encode())
    known = signing.signed_by(by("alice").signed(alice), KEYS)
    assert known.by == ("alice",)


def test_a_signature_that_claims_a_trusted_key_and_is_not_its_own_is_refused() -> None:
    envelope = signing.read(signed.claimed(MANIFEST, "mallory", "alice").encode())
    with pytest.raises(SignatureError, match="the signature of alice is not valid for this manifest"):
        signing.check(envelope, KEYS, 1)
    with pytest.raises(SignatureError, match="the signature of alice is not valid"):
        # Also where others would be enough: somebody has changed the file.
        signing.check(envelope.signed(signed.key("bob").sign(envelope.message)), KEYS, 1)


def test_a_signature_of_another_manifest_is_not_valid() -> None:
    other = signed.key("alice").sign(Envelope(b"another manifest").message)
    with pytest.raises(SignatureError, match="the signature of alice is not valid"):
        signing.check(Envelope(MANIFEST).signed(other), KEYS, 1)


def test_a_signature_of_the_bare_manifest_is_not_valid() -> None:
    bare = signed.key("alice").sign(MANIFEST)
    with pytest.raises(SignatureError, match="the signature of alice is not valid"):
        signing.check(Envelope(MANIFEST).signed(bare), KEYS, 1)


def test_a_key_of_small_order_in_the_settings_vouches_for_nothing() -> None:
    weak = signed.trusted("alice").__class__("weak", (1).to_bytes(32, "little").hex(), signed.NOW)
    forged = Signature(keyid_of(weak.public), (1).to_bytes(32, "little") + bytes(32))
    with pytest.raises(SignatureError, match="the signature of weak is not valid"):
        signing.check(Envelope(MANIFEST).signed(forged), [weak], 1)


def test_without_the_package_that_checks_nothing_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("securesystemslib", "securesystemslib.signer", "securesystemslib.exceptions"):
        monkeypatch.setitem(__import__("sys").modules, name, None)
    with pytest.raises(MissingPackageError, match=r"checking signatures needs securesystemslib: pip install"):
        signing.check(by("alice"), KEYS, 1)
