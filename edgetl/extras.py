"""Optional packages: one function that loads them, one wording when they are not there."""

import contextlib
import importlib
import importlib.util
import os
import re
import sys
from types import ModuleType

from edgetl.errors import MissingPackageError

DEVICE = ("litert", "tflite", "lite32", "onnx", "openvino", "camera", "signatures")
"""The extras that a device may want; ``edgetl-runtime`` has these, edgetl has more."""
_INFO = ".dist-info"


def load(module: str, *, extra: str, purpose: str) -> ModuleType:
    """Import an optional module, or say which extra of edgetl installs it.

    Args:
        module: dotted name, as in ``import``.
        extra: the extra in ``pip install 'edgetl[extra]'``.
        purpose: what needs it, as the start of a sentence: ``running .onnx files``.

    Raises:
        MissingPackageError: the package itself is not installed. A package that is installed
            but broken raises its own error, since "please install it" would be a lie.
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        package = module.partition(".")[0]
        if error.name is None or error.name.partition(".")[0] != package:
            raise
        raise MissingPackageError(
            f"{purpose} needs {package}: pip install {requirement(extra)}", name=package
        ) from None


def requirement(extra: str) -> str:
    """An extra as pip is told of it, quoted for a shell: ``'edgetl[litert]'``."""
    return f"'{distribution() if extra in DEVICE else 'edgetl'}[{extra}]'"


def distribution() -> str:
    """What is installed: ``edgetl``, or ``edgetl-runtime``, a part of its files, which must not meet it."""
    return "edgetl-runtime" if version("edgetl") is None and version("edgetl-runtime") else "edgetl"


def is_installed(module: str) -> bool:
    """Whether the top-level package of ``module`` can be found, without importing it."""
    return importlib.util.find_spec(module.partition(".")[0]) is not None


def version(distribution: str) -> str | None:
    """The installed version of a distribution, or None when it is not installed.

    Read from the name of its folder, ``NAME-VERSION.dist-info`` (PyPA's specification of installed projects):
    ``importlib.metadata``, which is asked where there is none, takes as long to import as Pillow.
    """
    wanted = _normalised(distribution)
    for folder in sys.path:
        with contextlib.suppress(OSError), os.scandir(folder or ".") as entries:
            for entry in entries:
                name, dash, rest = entry.name.partition("-")
                if dash and rest.endswith(_INFO) and _normalised(name) == wanted:
                    return rest.removesuffix(_INFO)
    import importlib.metadata

    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return None


def _normalised(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
