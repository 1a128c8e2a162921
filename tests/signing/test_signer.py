import json
from pathlib import Path

import pytest
import signed

from edgetl import settings, signing
from edgetl.bundle import MANIFEST, Bundle
from edgetl.errors import BundleError, DamagedBundleError, SignatureError
from edgetl.manifest import _SINCE_2, SIGNATURES
from edgetl.sealing import sealed
from edgetl.signing.signer import sign


@pytest.fixture(autouse=True)
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(settings.VARIABLE, str(signed.require(tmp_path / "settings.json", "alice", "bob")))


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    return signed.tiny_bundle(tmp_path / "tiny.edgetl")


def test_a_signed_bundle_is_opened_where_signatures_are_required(bundle: Path) -> None:
    with pytest.raises(SignatureError, match=r"tiny\.edgetl: the bundle is not signed"):
        Bundle.open(bundle)
    assert sign(bundle, [signed.key("alice")]) == bundle / SIGNATURES
    assert Bundle.open(bundle).signed.by == ("alice",)


def test_signatures_by_others_stay(bundle: Path) -> None:
    sign(bundle, [signed.key("alice")])
    sign(bundle, [signed.key("bob")])
    assert set(Bundle.open(bundle).signed.by) == {"alice", "bob"}
    once = (bundle / SIGNATURES).read_bytes()
    sign(bundle, [signed.key("alice")])
    assert (bundle / SIGNATURES).read_bytes() == once


def test_a_damaged_bundle_is_not_vouched_for(bundle: Path) -> None:
    model = bundle / "fake-float32" / "model.fake"
    model.write_bytes(model.read_bytes() + b" ")
    with pytest.raises(DamagedBundleError):
        sign(bundle, [signed.key("alice")])
    assert not (bundle / SIGNATURES).exists()


def test_what_is_signed_is_what_was_checked(bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The manifest is changed by another process, as the files have been checked."""
    checked = (bundle / "manifest.json").read_bytes()
    after = Bundle.check_files

    def change(self: Bundle) -> None:
        after(self)
        value = json.loads(checked)
        (bundle / "manifest.json").write_text(sealed({**value, "name": "another"}))

    monkeypatch.setattr(Bundle, "check_files", change)
    sign(bundle, [signed.key("alice")])
    assert signing.read((bundle / SIGNATURES).read_bytes()).payload == checked


def test_a_bundle_that_does_not_name_all_its_files_is_not_signed(bundle: Path) -> None:
    value = json.loads((bundle / "manifest.json").read_text())
    old = {name: part for name, part in value.items() if name not in ("sha256", *_SINCE_2)}
    (bundle / "manifest.json").write_text(json.dumps({**old, "schema": 1}))
    with pytest.raises(
        BundleError, match="whose manifests do not name all files of a bundle: export it anew"
    ):
        sign(bundle, [signed.key("alice")])


def test_signatures_of_another_manifest_are_not_added_to(bundle: Path) -> None:
    (bundle / SIGNATURES).write_text(signed.envelope(b"another", "bob"))
    with pytest.raises(SignatureError, match=r"remove manifest\.dsse\.json and sign it anew"):
        sign(bundle, [signed.key("alice")])
    (bundle / SIGNATURES).unlink()
    sign(bundle, [signed.key("alice")])
    assert Bundle.open(bundle).signed.by == ("alice",)


def test_more_signatures_than_are_read_are_not_written(bundle: Path) -> None:
    names = [f"key{number}" for number in range(16)]
    sign(bundle, [signed.key(name) for name in names[:15]])
    sign(bundle, [signed.key(names[15])])
    before = (bundle / SIGNATURES).read_bytes()
    with pytest.raises(SignatureError, match="would have 17 signatures, and 16 are read"):
        sign(bundle, [signed.key("one-more")])
    assert (bundle / SIGNATURES).read_bytes() == before
    sign(bundle, [signed.key(names[3])])  # in the place of an older one


def test_a_forged_signature_is_replaced_by_the_right_one(bundle: Path) -> None:
    (bundle / SIGNATURES).write_text(signed.claimed((bundle / MANIFEST).read_bytes(), "mallory", "alice"))
    with pytest.raises(SignatureError, match=r"tiny\.edgetl: the signature of alice is not valid"):
        Bundle.open(bundle)
    sign(bundle, [signed.key("alice")])
    assert Bundle.open(bundle).signed.by == ("alice",)


def test_a_forged_signature_is_not_opened_where_none_is_required(
    bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(settings.VARIABLE, str(signed.require(tmp_path / "lax.json", "alice", required=0)))
    (bundle / SIGNATURES).write_text(signed.claimed((bundle / MANIFEST).read_bytes(), "mallory", "alice"))
    with pytest.raises(SignatureError, match="the signature of alice is not valid"):
        Bundle.open(bundle)


def test_a_program_may_ask_for_a_signature_that_the_machine_does_not(
    bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(settings.VARIABLE, str(signed.require(tmp_path / "lax.json", "alice", required=0)))
    assert Bundle.open(bundle).signed == signing.NOT_ASKED
    with pytest.raises(SignatureError, match="is not signed"):
        Bundle.open(bundle, require_signature=True)
