"""What every job on a device needs: the bundle, the modules of edgetl, room, and a Python with an engine."""

import re
from collections.abc import Mapping, Sequence

from edgetl.bundle import MANIFEST, Bundle
from edgetl.errors import UsageError
from edgetl.manifest import SIGNATURES
from edgetl.remote import address as addresses
from edgetl.remote.address import Address
from edgetl.remote.facts import Wanted
from edgetl.remote.runtime_wheel import runtime_files

CONNECT_S = 20.0
SILENCE_S = 60.0
FOLDER = "bundle"
"""What is copied lies below it: beside the modules of a working folder it could be taken for one."""
# Bytecode is about as large as its source, libraries keep small caches, and a report has its raw times.
_BYTECODE = 2
_ROOM_BYTES = 10_000_000


def parse_devices(devices: Sequence[str]) -> list[Address]:
    """Read how several devices are written.

    Raises:
        UsageError: none, one twice, or one that is not written as it should be.
    """
    asked = [addresses.parse(device) for device in devices]
    if not asked:
        raise UsageError("no device is named: name one as user@host")
    known = dict[tuple[str | None, str, int | None], str]()
    for address in asked:
        same = known.setdefault((address.user, address.host.lower(), address.port), address.text)
        if same is not address.text or devices.count(address.text) > 1:
            raise UsageError(
                f"device {address.text} is named twice, and two jobs at a time disturb each other"
            )
    return asked


def bundle_files(bundle: Bundle) -> dict[str, bytes]:
    """What a bundle runs and tests itself with, checked, by path in the folder of the job."""
    manifest, folder = bundle.manifest, f"work/{FOLDER}/{name(bundle)}"
    entries = [entry for variant in manifest.variants for entry in variant.files]
    entries += [*manifest.golden.pictures, manifest.golden.expected]
    files = {f"{folder}/{MANIFEST}": bundle.manifest_bytes}
    if bundle.signatures is not None:  # a device may require them
        files[f"{folder}/{SIGNATURES}"] = bundle.signatures
    return files | {f"{folder}/{entry.path}": bundle.read(entry) for entry in entries}


def name(bundle: Bundle) -> str:
    """What the bundle's folder is called there; every device's file system and locale takes it."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", bundle.path.resolve().name)[-100:] or FOLDER


def modules() -> dict[str, bytes]:
    """The part of edgetl that runs on devices, by path where it is imported from."""
    return {f"lib/{path}": data for path, data in runtime_files().items()}


def wanted(bundle: Bundle, files: Mapping[str, bytes], times: int = 1) -> Wanted:
    """What a device needs for the files, which are there so many times at the end."""
    pick = bundle.variant(bundle.manifest.pick)
    formats = dict.fromkeys([pick.format, *(variant.format for variant in bundle.manifest.variants)])
    copied = sum(len(data) * (times + _BYTECODE * path.endswith(".py")) for path, data in files.items())
    return Wanted(tuple(formats), copied + _ROOM_BYTES)
