import base64
import json
from typing import Any

import pytest
import signed
from hypothesis import given
from hypothesis import strategies as st

from edgetl import signing
from edgetl.errors import SignatureError
from edgetl.signing.envelope import MOST_SIGNATURES, PAYLOAD_TYPE, Envelope, Signature, most_bytes

MANIFEST = b'{"any": "bytes"}\n'
keyids = st.text("0123456789abcdef", min_size=64, max_size=64)
signatures = st.builds(Signature, keyids, st.binary(min_size=64, max_size=64))


@given(st.binary(max_size=200), st.lists(signatures, min_size=1, max_size=4))
def test_an_envelope_survives_its_file(payload: bytes, those: list[Signature]) -> None:
    envelope = Envelope(payload)
    for one in those:
        envelope = envelope.signed(one)
    assert signing.read(envelope.to_json().encode()) == envelope


def test_what_is_signed_is_the_pre_authentication_encoding_of_the_standard() -> None:
    # The example of DSSE's protocol.md, with our payload type.
    kind = PAYLOAD_TYPE.encode()
    expected = b"DSSEv1 " + str(len(kind)).encode() + b" " + kind + b" 11 hello world"
    assert Envelope(b"hello world").message == expected


def test_a_second_signature_by_a_key_takes_the_place_of_its_first() -> None:
    envelope = (
        Envelope(MANIFEST).signed(Signature("a" * 64, bytes(64))).signed(Signature("a" * 64, b"1" * 64))
    )
    assert envelope.signatures == (Signature("a" * 64, b"1" * 64),)


def test_securesystemslib_verifies_our_envelopes() -> None:
    dsse = pytest.importorskip("securesystemslib.dsse", reason="needs securesystemslib")
    signers = pytest.importorskip("securesystemslib.signer")
    theirs = dsse.Envelope.from_dict(json.loads(signed.envelope(MANIFEST, "alice", "bob")))
    assert theirs.payload == MANIFEST
    keys = []
    for name in ("alice", "bob"):
        one = signed.key(name)
        keyid = one.sign(b"").keyid
        keys.append(signers.SSlibKey(keyid, "ed25519", "ed25519", {"public": one.public.public}))
    assert set(theirs.verify(keys, 2)) == {key.keyid for key in keys}
    stranger = signed.key("mallory")
    other = signers.SSlibKey(
        stranger.sign(b"").keyid, "ed25519", "ed25519", {"public": stranger.public.public}
    )
    with pytest.raises(Exception, match=r"(?i)threshold|signature"):
        theirs.verify([other], 1)


def test_what_securesystemslib_signs_counts_here() -> None:
    dsse = pytest.importorskip("securesystemslib.dsse", reason="needs securesystemslib")
    signers = pytest.importorskip("securesystemslib.signer")
    secret = signed.key("alice")
    theirs = dsse.Envelope(MANIFEST, PAYLOAD_TYPE, {})
    theirs.sign(signers.CryptoSigner(secret._secret))
    (signature,) = theirs.signatures.values()
    ours = Envelope(MANIFEST).signed(Signature(secret.sign(b"").keyid, bytes.fromhex(signature.signature)))
    assert signing.signed_by(ours, [signed.trusted("alice")]).by == ("alice",)


def changed(**changes: Any) -> bytes:
    value = json.loads(signed.envelope(MANIFEST, "alice"))
    value.update({name: new for name, new in changes.items() if new is not ...})
    for name in (name for name, new in changes.items() if new is ...):
        del value[name]
    return (json.dumps(value, indent=1) + "\n").encode()


def entry(**changes: Any) -> list[dict[str, Any]]:
    value: dict[str, Any] = json.loads(signed.envelope(MANIFEST, "alice"))["signatures"][0]
    return [{name: new for name, new in {**value, **changes}.items() if new is not ...}]


SIG = base64.b64encode(bytes(64)).decode()
MANY = [{"keyid": f"{number:064x}", "sig": SIG} for number in range(MOST_SIGNATURES + 1)]
RULE = "are not as edgetl sign writes them|are none, too many, or no signatures"


@pytest.mark.parametrize(
    "content",
    [
        changed(signatures=[]),
        changed(signatures=MANY),
        changed(signatures=MANY[1::-1]),
        changed(signatures=[*entry(), *entry()]),
        changed(signatures={}),
        changed(signatures=None),
        changed(signatures="ab"),
        changed(signatures=[1]),
        changed(signatures=[[]]),
        changed(signatures=entry(keyid=5)),
        changed(signatures=entry(keyid=None)),
        changed(signatures=entry(keyid=[])),
        changed(signatures=entry(keyid="A" * 64)),
        changed(signatures=entry(keyid="a" * 63)),
        changed(signatures=entry(keyid=...)),
        changed(signatures=entry(sig=5)),
        changed(signatures=entry(sig="")),
        changed(signatures=entry(sig="AAAA")),
        changed(signatures=entry(sig="é")),
        changed(signatures=entry(sig=SIG.replace("=", ""))),
        changed(signatures=entry(sig=SIG[:-3] + "B==")),
        changed(signatures=entry(more=1)),
        changed(payload=5),
        changed(payload="!"),
        changed(payload=...),
        changed(payloadType="application/vnd.in-toto+json"),
        changed(payloadType=...),
        changed(more=1),
        b"{}",
        b"[]",
        b"null",
        b"1",
        changed().replace(b"\n", b"\r\n"),
        changed() + b"\n",
        changed().replace(b' "payload', b'  "payload', 1),
        json.dumps(json.loads(changed())).encode(),
    ],
)
def test_what_edgetl_does_not_write_is_refused(content: bytes) -> None:
    with pytest.raises(SignatureError, match=f"({RULE}).*: copy the bundle again, or remove"):
        signing.read(content)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff",
        b"{",
        b'{"payload": "", "payload": ""}',
        b'{"payload": NaN}',
        b"[" * 5000,
        b" " * (most_bytes() + 1),
    ],
)
def test_what_is_no_json_of_ours_is_refused(content: bytes) -> None:
    with pytest.raises(SignatureError, match="the signatures cannot be read"):
        signing.read(content)


@given(st.data())
def test_any_other_bytes_are_another_envelope_or_none(data: st.DataObject) -> None:
    whole = signed.envelope(MANIFEST, "alice").encode()
    place = data.draw(st.integers(0, len(whole) - 1))
    other = bytearray(whole)
    other[place] = data.draw(st.integers(0, 255))
    try:
        read = signing.read(bytes(other))
    except SignatureError:
        return
    assert (read == signing.read(whole)) == (other == whole)
