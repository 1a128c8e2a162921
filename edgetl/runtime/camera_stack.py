"""Which ways to a camera this machine has."""

import os
import shlex
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from edgetl import extras
from edgetl.benchmarks.state import read_text
from edgetl.runtime import trial
from edgetl.runtime.fixes import Problem, in_environment

_APT = "usr/lib/python3/dist-packages/picamera2"
_TOOLS = ("rpicam-vid", "libcamera-vid")  # the second is the first's name before Debian 12


@dataclass(frozen=True)
class CameraStack:
    """Ways to a camera, whether or not one is plugged in."""

    picamera2: bool | None
    """Whether the Pi's own package can be imported; None when it is not installed."""
    picamera2_reason: str | None
    """Why it cannot."""
    rpicam: str | None
    """Name of the Pi's command that records, where there is one."""
    opencv: bool
    """Whether cv2 is installed."""
    devices: dict[str, str]
    """What V4L2 has of cameras on USB and virtual ones, by path: ``/dev/video0`` and its name."""
    apt_picamera2_hidden: bool
    """Whether apt's picamera2 is installed and this virtual environment does not see it."""
    denied: tuple[str, ...]
    """Devices that this user may not open."""


def look(root: Path = Path("/")) -> CameraStack:
    """See what there is; opens no camera.

    Args:
        root: where ``/sys``, ``/dev`` and ``/usr`` stand; tests give a board's files.
    """
    installed = extras.is_installed("picamera2")
    reason = trial.attempt("edgetl.runtime.trial:probe_import", "picamera2") if installed else None
    devices = dict(_devices(root))
    return CameraStack(
        picamera2=reason is None if installed else None,
        picamera2_reason=reason,
        rpicam=next((tool for tool in _TOOLS if shutil.which(tool)), None),
        opencv=extras.is_installed("cv2"),
        devices=devices,
        apt_picamera2_hidden=not installed and in_environment() and (root / _APT).is_dir(),
        denied=tuple(path for path in devices if not os.access(root / path[1:], os.R_OK | os.W_OK)),
    )


def problems(stack: CameraStack) -> Iterator[Problem]:
    """What keeps the cameras there are from being used."""
    if stack.picamera2 is False:
        by_numpy = "numpy" in str(stack.picamera2_reason)
        yield Problem(
            f"picamera2 is installed and cannot be imported: {stack.picamera2_reason}",
            "pip install --force-reinstall simplejpeg"
            if by_numpy
            else "sudo apt install --reinstall python3-picamera2",
            "https://github.com/raspberrypi/picamera2/issues/1211" if by_numpy else None,
        )
    if stack.apt_picamera2_hidden:
        yield Problem(
            "apt's picamera2 is installed, and this virtual environment does not see it",
            f"sed -i 's/^include-system-site-packages.*/include-system-site-packages = true/' {_config()}",
            "https://docs.python.org/3/library/venv.html",
        )
    if stack.denied:
        yield Problem(
            f"this user may not open {', '.join(stack.denied)}",
            'sudo usermod -aG video "$USER" && newgrp video',
            None,
        )


def _config() -> str:
    return shlex.quote(str(Path(sys.prefix) / "pyvenv.cfg"))


def _devices(root: Path) -> Iterator[tuple[str, str]]:
    for node in sorted((root / "sys/class/video4linux").glob("video*")):
        # A Pi's codecs and image processors are V4L2 devices too; cameras with a driver of their own hang
        # on USB. The second device of a webcam has only its metadata.
        place = f"{node.resolve()}/"
        if ("/usb" in place or "/virtual/" in place) and read_text(node / "index") in (None, "0"):
            yield f"/dev/{node.name}", read_text(node / "name") or "of unknown name"
