"""Benchmark a bundle on several devices at once: ``edgetl bench BUNDLE --device pi@host``."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from edgetl import extras
from edgetl.benchmarks import reading
from edgetl.benchmarks.results import BenchReport
from edgetl.bundle import Bundle
from edgetl.errors import DeviceError, EdgetlError, GateError, ReportError
from edgetl.progress import SILENT, Progress
from edgetl.remote import shipping
from edgetl.remote.address import Address
from edgetl.remote.attempt import attempt
from edgetl.remote.shipping import CONNECT_S, SILENCE_S
from edgetl.wording import said

if TYPE_CHECKING:
    from edgetl.remote.session import Ended, Job

_MOST_S = 86_400.0
"""A day: the longest that a soak may take over SSH."""
_OUT = "report"


@dataclass(frozen=True)
class DeviceResult:
    """What one device gave."""

    device: str
    """As it was asked for."""
    report: BenchReport | None
    """Of the device; None when it gave none."""
    error: EdgetlError | None
    """Why there is no report, or what it lacks, in a sentence with the device; None when all went well."""

    @property
    def problem(self) -> str | None:
        """The sentence of :attr:`error`."""
        return None if self.error is None else str(self.error)


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
    asked = shipping.parse_devices(devices)
    extras.load("asyncssh", extra="ssh", purpose="measuring on another device")
    opened = Bundle.open(bundle)
    from edgetl.remote.session import Job  # needs asyncssh, which may not be there

    files = shipping.modules() | shipping.bundle_files(opened)
    place = f"./{shipping.FOLDER}/{shipping.name(opened)}"
    job = Job(
        files=files,
        words=("edgetl", "bench", *options, "--json", "--out", _OUT, "--", place),
        wanted=shipping.wanted(opened, files),
        python=python,
        silence_s=silence_s,
        most_s=_MOST_S,
        most_output_bytes=reading.MAX_BYTES,
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
    try:
        ended = await attempt(address, job, connect_s, progress)
    except DeviceError as error:
        return DeviceResult(address.text, None, error)
    return _result(address.text, ended)


def _result(device: str, ended: "Ended") -> DeviceResult:
    """A report is taken wherever there is one: with exit code 3 it has what could be measured."""
    words = ended.last_words.removeprefix("error: ").removeprefix("Error: ")
    sentence = f"{device}: {words or f'edgetl bench ended there with code {ended.code}'}"
    kind = GateError if ended.code == GateError.exit_code else DeviceError
    error = kind(sentence) if ended.code else None
    if not ended.output.strip():
        return DeviceResult(device, None, error or DeviceError(f"{device} ended without a report"))
    try:
        report = reading.parse(ended.output, "its report")
    except ReportError as nonsense:
        return DeviceResult(device, None, error or DeviceError(f"{device} gave no report: {said(nonsense)}"))
    return DeviceResult(device, report, error)
