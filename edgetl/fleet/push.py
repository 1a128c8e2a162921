"""``edgetl push``: bring a bundle to devices over SSH, test it there and use it."""

import asyncio
import math
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from edgetl import extras
from edgetl.bundle import Bundle
from edgetl.errors import DeviceError, UsageError
from edgetl.fleet import results, waves
from edgetl.fleet.results import Pushed, PushReport, PushStopped
from edgetl.progress import SILENT, Progress
from edgetl.remote import shipping
from edgetl.remote.address import Address
from edgetl.remote.attempt import attempt
from edgetl.updating.pack import packed
from edgetl.wording import brief, counted

CANARY = 1
WAVE = 5
_MOST_S = 1800.0
"""For copying to an SD card and the self-test, on the slowest board there is."""


def push(
    bundle: str | Path,
    devices: Sequence[str],
    *,
    into: str | None = None,
    canary: int = CANARY,
    wave: int = WAVE,
    budget_ms: float | None = None,
    allow_older: bool = False,
    python: str | None = None,
    progress: Progress = SILENT,
    finished: Callable[[Pushed], None] | None = None,
    connect_s: float = shipping.CONNECT_S,
    silence_s: float = shipping.SILENCE_S,
) -> PushReport:
    """Copy a bundle to devices, and have each verify, install, test and activate it, in waves.

    Where a device of a wave does not end up with the version, no further wave begins. On a device nothing
    changes before the new version has passed its self-test there: see ``edgetl.install`` and
    ``edgetl.activate``.

    Args:
        bundle: the folder ``edgetl export`` wrote, checked here before anything is sent.
        devices: each as ``[user@]host[:port]``, or a name of ~/.ssh/config.
        into: the store on the devices, ``/…`` or ``~/…``; None: ``/var/lib/edgetl/NAME`` where that is there
            or the user can write it, else ``~/.local/state/edgetl/NAME``.
        canary: how many devices go first, as a wave of their own.
        wave: how many at a time afterwards.
        budget_ms: milliseconds that one picture may take there; None: as it takes.
        allow_older: whether a version that was exported before the one in use is taken.
        python: the Python to take on the devices; None looks for one that has what is needed.
        progress: hears what each device says.
        finished: gets each device's result as soon as it is there.
        connect_s: seconds for a connection, from the name to the login.
        silence_s: seconds of silence after which a device is given up.

    Returns:
        A result for each device, also for those whose wave never began. Failures of devices are no
        exceptions: see :attr:`PushReport.errors`.

    Raises:
        UsageError: a device is named twice or not as it should be, or an argument is not one of those
            offered.
        BundleError: no bundle there, or a file of it is missing or damaged.
        MissingPackageError: asyncssh is not installed.
        PushStopped: Ctrl-C came after the first wave began; it has what was done by then.
    """
    order = waves.plan(shipping.parse_devices(devices), canary, wave)
    if into is not None and (not into.startswith(("/", "~/")) or "\0" in into):
        raise UsageError(
            f"the store {brief(into)!r} is not a whole path on the device: begin it with / or ~/"
        )
    if budget_ms is not None and not 0 < budget_ms < math.inf:
        raise UsageError(f"a budget of {budget_ms} ms is no time that a picture may take: try 50")
    extras.load("asyncssh", extra="ssh", purpose="updating another device")
    opened = Bundle.open(bundle)
    from edgetl.remote.session import Job  # needs asyncssh

    name = store_name(opened.manifest.name)
    archive = f"{name}.zip"  # a device's own words name it
    files = shipping.modules() | {f"work/{archive}": b"".join(packed(opened))}
    options = [f"--budget-ms={budget_ms:g}"] if budget_ms is not None else []
    options += ["--allow-older"] if allow_older else []
    job = Job(
        files=files,
        words=("edgetl.fleet.arrival", name, into or "", archive, *options),
        wanted=replace(shipping.wanted(opened, files), is_signed=opened.signatures is not None),
        python=python,
        silence_s=silence_s,
        most_s=_MOST_S,
        most_output_bytes=results.MOST_ANSWER_BYTES,
    )

    begun = set[Address]()
    ended_there: dict[Address, Pushed] = {}

    async def one(address: Address, number: int) -> Pushed:
        start = time.monotonic()
        begun.add(address)
        try:
            ended = await attempt(address, job, connect_s, progress)
        except DeviceError as error:
            pushed = results.failed(address.text, number, error)
        else:
            seconds = time.monotonic() - start
            pushed = results.answered(
                address.text, number, opened.digest, ended.code, ended.output, ended.last_words, seconds
            )
        ended_there[address] = pushed
        if finished is not None:
            finished(pushed)
        return pushed

    def untouched(address: Address, number: int) -> Pushed:
        return Pushed(address.text, number, "untouched", reason="an earlier wave failed")

    def stopped(address: Address, number: int) -> Pushed:
        if address not in begun:
            return Pushed(address.text, number, "untouched", reason=results.STOPPED)
        lost = results.failed(address.text, number, DeviceError(f"{address.text} {results.STOPPED}"))
        return ended_there.get(address, lost)

    try:
        with progress.step(f"pushing to {counted(len(devices), 'device')}"):
            done = asyncio.run(waves.roll_out(order, one, lambda pushed: pushed.is_well, untouched))
    except KeyboardInterrupt as interrupt:
        done = [stopped(address, number) for number, each in enumerate(order, 1) for address in each]
        raise PushStopped(PushReport(opened.manifest.name, opened.digest, tuple(done))) from interrupt
    return PushReport(opened.manifest.name, opened.digest, tuple(done))


def store_name(name: str) -> str:
    """A bundle's name as that of a folder: a manifest may call itself ``../../etc``."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", name)[:100].strip(".-") or "bundle"
