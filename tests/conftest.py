"""What every test may ask for."""

import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import ssh_server
import support
from hypothesis import settings

import edgetl
from edgetl.converters.export import Exported
from edgetl.sealing import sealed
from edgetl.training.run import Run

ROOT = Path(__file__).resolve().parent.parent

# A first call may import an engine, which has nothing to do with the input under test: no deadline.
settings.register_profile("edgetl", deadline=None, max_examples=50)
settings.load_profile("edgetl")

# A shell that starts the tests in the background ignores Ctrl-C for them and for whatever they start.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def root() -> Path:
    """The checkout."""
    return ROOT


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder with the pictures and tables that are too large for the repository."""
    folder = ROOT.parent / "shared"
    if not folder.is_dir():
        pytest.skip(f"needs the folder {folder}, which is not part of the repository")
    return folder


@pytest.fixture(scope="session")
def hymenoptera(shared: Path) -> Path:
    """398 photos of ants and bees: ``{train,val}/{ants,bees}/*.jpg``."""
    return shared / "data" / "hymenoptera"


@pytest.fixture(scope="session", autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Keep every test, and the processes it starts, out of the user's cache and settings."""
    folder = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EDGETL_CACHE", str(folder))
        nothing = folder / "settings.json"
        nothing.write_text(sealed({"schema": 1}))
        patch.setenv("EDGETL_SETTINGS", str(nothing))
        yield folder


@pytest.fixture(scope="session")
def solar_photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """140 real photos of solar cells in ``{train,test}/{defective,functional}``, from elpv-dataset."""
    return support.solar_photos(tmp_path_factory.mktemp("solar") / "photos")


@pytest.fixture(scope="session")
def solar_run(solar_photos: Path, own_cache: Path) -> Run:
    """A classifier trained on them: EfficientNet-Lite0 with its ImageNet weights, and all of its layers."""
    return edgetl.train(solar_photos, out=solar_photos.parent / "cells", layers="last")


@pytest.fixture(scope="session")
def solar_export(solar_run: Run) -> Exported:
    """Its bundle of six variants: three formats in float32 and int8."""
    # One of 60 pictures is 1.7 points: with the usual limit chance would send it to the repairs, two minutes.
    return edgetl.export(solar_run.path, calibration_images=40, max_drop=4)


@pytest.fixture(scope="session")
def cells_run(tmp_path_factory: pytest.TempPathFactory, own_cache: Path) -> Run:
    """A model of three tasks of solar cells, one of them of several labels."""
    place = support.cells_csv(tmp_path_factory.mktemp("cells") / "cells.csv")
    return edgetl.train(place, tasks="state,crystal,marks:many", folds="none", out=place.parent / "cells")


@pytest.fixture
def solar_bundle(solar_export: Exported, tmp_path: Path) -> Path:
    """A copy of that bundle, to be changed and broken."""
    return Path(shutil.copytree(solar_export.bundle.path, tmp_path / "cells.edgetl"))


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 1 MB."""
    place = tmp_path / "disk"
    place.mkdir()
    mount = shutil.which("mount") or "/bin/mount"
    done = subprocess.run(
        [mount, "-t", "tmpfs", "-o", "size=1m", "none", place], capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        pytest.skip(f"needs to mount a small disk, and may not: {done.stderr.strip()}")
    yield place
    # Lazily: a traceback may still hold a file of it.
    subprocess.run([shutil.which("umount") or "/bin/umount", "-l", place], check=True)


@pytest.fixture
def device(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ssh_server.Device]:
    """A device that is on, trusted, and lets us in."""
    pytest.importorskip("asyncssh", reason="needs asyncssh: pip install 'edgetl[ssh]'")
    if ssh_server.SSHD is None:
        pytest.skip("needs an OpenSSH server: apt install openssh-server")
    with ssh_server.running(tmp_path / "board") as running:
        monkeypatch.setenv("HOME", str(running.home))
        monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
        yield running


@pytest.fixture
def second(device: ssh_server.Device, tmp_path: Path) -> Iterator[ssh_server.Device]:
    """Another server, with a key of its own, on the same board."""
    with ssh_server.running(tmp_path / "board", "second_key") as other:
        yield other
