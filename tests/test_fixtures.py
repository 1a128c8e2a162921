"""What an older edgetl wrote is read for ever: tests/fixtures/README.md."""

import shutil
from pathlib import Path

import pytest

import edgetl
from edgetl import settings
from edgetl.bundle import Bundle
from edgetl.errors import SignatureError
from edgetl.manifest import SIGNATURES
from edgetl.settings import Settings, TrustedKey
from edgetl.signing.keys import read_public

FIXTURES = Path(__file__).parent / "fixtures"
OLD, NEW, ZIP = (
    FIXTURES / name for name in ("layout-1.edgetl", "layout-2-signed.edgetl", "layout-2-signed.zip")
)


@pytest.fixture
def strict(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine that takes what the key beside the fixtures signed, and nothing else."""
    monkeypatch.setattr(settings, "SYSTEM", tmp_path / "none")
    monkeypatch.setenv(settings.VARIABLE, str(tmp_path / "settings.json"))
    public = read_public(FIXTURES / "alice.pub")
    settings.write(Settings((TrustedKey(public.name, public.public, "2026-11-22T12:00:00+00:00"),), 1))


@pytest.mark.parametrize("place", [OLD, NEW])
def test_both_layouts_are_opened_verified_and_loaded(place: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(place, tmp_path / place.name)
    bundle = Bundle.open(folder)
    bundle.check_files()
    assert bundle.labels == ("ant", "bee")
    assert sorted(bundle.expected()) == ["fake-float32", "keras", "pixels", "probes"]
    assert edgetl.verify(folder).passed
    with edgetl.load(folder) as classifier:
        assert classifier.classify(folder / "golden" / "0.jpg").label == "bee"


def test_the_signed_one_passes_where_signatures_are_required(strict: None) -> None:
    assert Bundle.open(NEW).signed.by == ("alice",)
    with pytest.raises(SignatureError, match="is not signed"):
        Bundle.open(OLD)


@pytest.mark.parametrize("source", [NEW, ZIP])
def test_folder_and_zip_are_installed_alike(strict: None, source: Path, tmp_path: Path) -> None:
    done = edgetl.install(source, tmp_path / "store")
    place = tmp_path / "store" / "versions" / done.digest
    names = sorted(str(file.relative_to(place)) for file in place.rglob("*") if file.is_file())
    assert names == sorted(str(file.relative_to(NEW)) for file in NEW.rglob("*") if file.is_file())
    assert all((place / name).read_bytes() == (NEW / name).read_bytes() for name in names)
    assert (place / SIGNATURES).is_file()


def test_the_first_layout_is_installed_where_no_signature_is_required(tmp_path: Path) -> None:
    done = edgetl.install(OLD, tmp_path / "store")
    Bundle.open(tmp_path / "store" / "versions" / done.digest).check_files()


def test_the_folder_is_packed_to_the_bytes_it_was_packed_to_then(tmp_path: Path) -> None:
    assert edgetl.pack(NEW, tmp_path / "again.zip").read_bytes() == ZIP.read_bytes()
