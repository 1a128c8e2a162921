"""Keys of the tests, and the smallest bundle that is whole, signed and valid."""

import base64
import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from support import encoded, fake_model, scene, write_bundle

from edgetl import settings
from edgetl.bundle import MANIFEST
from edgetl.contract import Contract
from edgetl.manifest import SIGNATURES, parse
from edgetl.settings import Settings, TrustedKey
from edgetl.signing import Envelope, Signature
from edgetl.signing.keys import PrivateKey, PublicKey

NOW = "2026-11-22T12:00:00+00:00"


def key(name: str) -> PrivateKey:
    """A key that is the same in every run: its secret is the name."""
    module = pytest.importorskip(
        "cryptography.hazmat.primitives.asymmetric.ed25519", reason="needs cryptography to sign"
    )
    secret = module.Ed25519PrivateKey.from_private_bytes(name.encode().ljust(32, b"."))
    return PrivateKey(PublicKey(name, secret.public_key().public_bytes_raw().hex()), secret)


def trusted(name: str, *, revoked: bool = False) -> TrustedKey:
    """The public half as settings have it."""
    return TrustedKey(name, key(name).public.public, NOW, NOW if revoked else None)


def require(
    place: Path, *names: str, required: int = 1, kind: str | None = None, revoked: Sequence[str] = ()
) -> Path:
    """Write the settings of a machine that trusts these keys, and make them those of this process."""
    keys = tuple(trusted(name, revoked=name in revoked) for name in (*names, *revoked))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(settings.VARIABLE, str(place))
        patch.setattr(settings, "SYSTEM", place.parent / "no system settings")
        return settings.write(Settings(keys, required, kind))


def sign(folder: Path, *names: str) -> Path:
    """Sign a bundle as it is, without a look at its files."""
    (folder / SIGNATURES).write_text(envelope((folder / MANIFEST).read_bytes(), *names))
    return folder


def envelope(manifest: bytes, *names: str) -> str:
    """The text of the file of signatures."""
    made = Envelope(manifest)
    for name in names:
        made = made.signed(key(name).sign(made.message))
    return made.to_json()


def claimed(manifest: bytes, signer: str, claims: str) -> str:
    """An envelope whose one signature says it is of another key than it is."""
    made = Envelope(manifest)
    value = key(signer).sign(made.message).value
    keyid = key(claims).sign(b"").keyid
    return dataclasses.replace(made, signatures=(Signature(keyid, value),)).to_json()


def with_payload(envelope: bytes, manifest: bytes) -> str:
    """The old signatures around another manifest."""
    value = json.loads(envelope)
    value["payload"] = base64.b64encode(manifest).decode()
    return json.dumps(value, indent=1) + "\n"


def tiny_bundle(folder: Path, *names: str, created: str = NOW) -> Path:
    """A bundle of 6 kB: one picture of 8 x 8, two labels, and a model for the engine that is always there."""
    import numpy as np

    contract = Contract(8, 8, labels=("ant", "bee"))
    write_bundle(
        folder,
        {"fake-float32": {"model.fake": fake_model((0.25, 0.75), contract.shape)}},
        {"fake-float32": np.array([[0.25, 0.75]], np.float32)},
        contract,
        pictures=[encoded(scene(8, 8), "PNG")],
    )
    place = folder / MANIFEST
    place.write_text(dataclasses.replace(parse(place.read_bytes()), created=created).to_json())
    return sign(folder, *names) if names else folder
