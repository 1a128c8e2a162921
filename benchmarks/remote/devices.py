"""Benchmark a bundle on several devices at once: ``edgetl bench BUNDLE --device pi@host``."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgetl import extras
from edgetl.benchmarks.remote import address as addresses
from edgetl.benchmarks.remote.address import Address
from edgetl.benchmarks.remote.facts import Wanted
from edgetl.benchmarks.remote.runtime_wheel import runtime_files
from edgetl.bundle import MANIFEST, Bundle
from edgetl.errors import BundleError, DeviceError, UsageError
from edgetl.manifest import read_json
from edgetl.progress import SILENT, Progress

if TYPE_CHECKING:
    from edgetl.benchmarks.remote.session import Ended, Job

CONNECT_S = 20.0
SILENCE_S = 60.0
# Bytecode is about as large as its source, libraries keep small caches, and a report has its raw times.
_BYTECODE = 2
_ROOM_BYTES = 10_000_000
_OUT = "report"


@dataclass(frozen=True)
class DeviceResult:
    """What one device gave."""

    device: str
    """As it was asked for."""
    report: dict[str, Any] | None
    """``BenchReport.to_dict`` of the device; None when it gave none."""
    problem: str | None
    """Why there is no report, or what it lacks, as a sentence with the device; None when all went well."""


def bench_devices(
    bundle: str | Path,
    devices: Sequence[str],
    options: Sequence[str] = (),
    *,
    python: str | None = None,
    progress: Progress = SILENT,
    finished: Callable[[DeviceResult], None] | None = None,
    connect_s: float = CONNECT_S,
    silence_s: float = SILENCE_S,
) -> list[DeviceResult]:
    """Run ``edgetl bench`` on other machines over SSH, on all of them at the same time.

    Each gets a folder of its own with the bundle and the part of edgetl that runs on devices, and is
    clean again when its result comes back, and also when the connection is lost or this process ends.

    Args:
        bundle: the folder ``edgetl export`` wrote, checked here before anything is sent.
        devices: each as ``[user@]host[:port]``, or a name of ~/.ssh/config.
        options: words of ``edgetl bench`` to pass on, such as ``["--threads", "1,4"]``, without paths: the
            device has no other files than the bundle. ``--json`` and ``--out`` are added.
        python: the Python to take on the devices; None looks for one that has what is needed.
        progress: hears what each device says.
        finished: gets each result as soon as it is there, so that Ctrl-C costs none that came before.
        connect_s: seconds for a connection, from the name to the login.
        silence_s: seconds of silence after which a device is given up; it then stops and cleans up by itself.

    Returns:
        A result for each device, in the order asked for. A device that fails costs nobody else's.

    Raises:
        UsageError: a device is named twice, or not as it should be.
        BundleError: no bundle there, or a file of it is missing or damaged.
        MissingPackageError: asyncssh is not installed.
    """
    asked = [addresses.parse(device) for device in devices]
    twice = [device for device in devices if list(devices).count(device) > 1]
    if not asked or twice:
        raise UsageError(
            f"device {twice[0]} is named twice, and two benchmarks at a time disturb each other: name it once"
            if twice
            else "no device is named: name one as user@host"
        )
    extras.load("asyncssh", extra="ssh", purpose="measuring on another device")
    opened = Bundle.open(bundle)
    from edgetl.benchmarks.remote.session import Job  # asyncssh, which may not be there

    files = _files(opened)
    job = Job(
        files=files,
        words=("edgetl", "bench", *options, "--json", "--out", _OUT, "--", f"./{_name(opened)}"),
        wanted=_wanted(opened, files),
        python=python,
        silence_s=silence_s,
    )

    async def one(address: Address) -> DeviceResult:
        result = await _measure(address, job, connect_s, progress)
        if finished is not None:
            finished(result)
        return result

    async def all_of_them() -> list[DeviceResult]:
        return list(await asyncio.gather(*map(one, asked)))

    with progress.step(f"measuring on {', '.join(devices)}"):
        return asyncio.run(all_of_them())


async def _measure(address: Address, job: "Job", connect_s: float, progress: Progress) -> DeviceResult:
    from edgetl.benchmarks.remote import connection, session

    def tell(line: str) -> None:
        if line.strip() and not line.startswith("next:"):
            progress.note(f"{address.text}: {line.strip()}")

    try:
        async with connection.connected(address, connect_s) as connected:
            ended = await session.run(connected, job, tell)
    except DeviceError as error:
        return DeviceResult(address.text, None, f"{address.text} {error}")
    except Exception as error:  # noqa: BLE001 - whatever one device makes of a library costs no other's result
        words = f"{type(error).__name__}: {error}"
        return DeviceResult(address.text, None, f"{address.text} failed in an unknown way ({words})")
    return _result(address.text, ended)


def _result(device: str, ended: "Ended") -> DeviceResult:
    """A report is taken wherever there is one: with exit code 3 it has what could be measured."""
    words = ended.last_words.removeprefix("error: ").removeprefix("Error: ")
    problem = (
        f"{device}: {words or f'edgetl bench ended there with code {ended.code}'}" if ended.code else None
    )
    if not ended.output.strip():
        return DeviceResult(device, None, problem or f"{device} ended without a report")
    from edgetl.benchmarks.remote.session import MOST_OUTPUT_BYTES

    try:
        report = read_json(ended.output, "its report", max_bytes=MOST_OUTPUT_BYTES)
    except BundleError as error:
        return DeviceResult(device, None, problem or f"{device} gave no report: {error}")
    return DeviceResult(device, report, problem)


def _files(bundle: Bundle) -> dict[str, bytes]:
    """What is copied: the manifest and every file that it names, checked, and the modules of the device."""
    manifest, name = bundle.manifest, _name(bundle)
    entries = [entry for variant in manifest.variants for entry in variant.files]
    entries += [*manifest.golden.pictures, manifest.golden.expected]
    files = {f"work/{name}/{MANIFEST}": (bundle.path / MANIFEST).read_bytes()}
    files |= {f"work/{name}/{entry.path}": bundle.read(entry) for entry in entries}
    return {f"lib/{path}": data for path, data in runtime_files().items()} | files


def _wanted(bundle: Bundle, files: Mapping[str, bytes]) -> Wanted:
    pick = bundle.variant(bundle.manifest.pick)
    formats = dict.fromkeys([pick.format, *(variant.format for variant in bundle.manifest.variants)])
    copied = sum(len(data) * (1 + _BYTECODE * path.endswith(".py")) for path, data in files.items())
    return Wanted(tuple(formats), copied + _ROOM_BYTES)


def _name(bundle: Bundle) -> str:
    return bundle.path.resolve().name
