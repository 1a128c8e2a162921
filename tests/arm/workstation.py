"""What a board is given, made on this machine: a bundle of a real classifier, and test models."""

import subprocess
import sys
from pathlib import Path

import build_wheel
import support

from arm import folders, packages
from edgetl import isolated

_HYMENOPTERA = packages.ROOT.parent / "shared" / "data" / "hymenoptera"
_TINY_SIZE, _TINY_CLASSES = 16, 5  # as tests/runtime/conftest.py has them


def photos(place: Path) -> Path:
    """Photos to train on: ants and bees where that folder is there, else solar cells of a package."""
    return _HYMENOPTERA if _HYMENOPTERA.is_dir() else support.solar_photos(place)


def make_bundle(folder: Path) -> None:
    """Train and export ``folder/board.edgetl``: three formats in float32 and int8, with embeddings."""
    data = photos(folder / "photos")
    run = folder / "board"
    commands = (
        ["train", str(data), "--out", str(run)],
        # A few photos more or less right must not decide what the board is given.
        ["export", str(run), "--out", str(folder / "board.edgetl"), "--precisions", "float32,int8",
         "--embedding", "--max-drop", "100", "--min-agreement", "0"],
    )  # fmt: skip
    for command in commands:
        ended = subprocess.run(
            [sys.executable, "-m", "edgetl", *command],
            cwd=folder,
            capture_output=True,
            text=True,
            check=False,
        )
        if ended.returncode:
            raise RuntimeError(f"edgetl {command[0]} ended with {ended.returncode}: {ended.stderr.strip()}")


def make_tiny_models(folder: Path) -> None:
    """Write ``tiny_models.build``'s as ``folder/models/<variant>/<file>``: a board has no TensorFlow."""
    models = isolated.call("tiny_models:build", _TINY_SIZE, _TINY_CLASSES, doing="building the tests' models")
    for variant, files in models.items():
        place = folder / "models" / variant
        place.mkdir(parents=True)
        for name, content in files.items():
            (place / name).write_bytes(content)


def bundle() -> Path:
    """The bundle, made or kept."""
    key = folders.key_of(
        packages.source_key(), packages.ROOT / "constraints.txt", Path(__file__), _HYMENOPTERA.is_dir()
    )
    return folders.kept(folders.cache() / "bundle", key, make_bundle) / "board.edgetl"


def tiny_models() -> Path:
    """The test models, made or kept."""
    code = packages.ROOT / "tests" / "tiny_models.py"
    key = folders.key_of(code, packages.ROOT / "constraints.txt", Path(__file__))
    return folders.kept(folders.cache() / "tiny-models", key, make_tiny_models) / "models"


def wheel() -> Path:
    """edgetl's wheel, built or kept."""
    folder = folders.kept(
        folders.cache() / "wheel",
        packages.source_key(),
        lambda place: build_wheel.build(packages.ROOT, place),
    )
    return next(folder.glob("edgetl-*.whl"))
