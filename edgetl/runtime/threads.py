"""What is found out of a model the first time it is loaded here, and remembered for this machine: that its
engine survives it, and how many threads one inference is best given.
"""

import contextlib
import hashlib
import hmac
import json
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from edgetl import cache, files, strict_json
from edgetl.bundle import SUFFIX as BUNDLE_SUFFIX
from edgetl.bundle import Bundle
from edgetl.errors import BundleError, ModelError, WriteError
from edgetl.manifest import Variant
from edgetl.runtime import confined, engines
from edgetl.runtime.base import AbstractEngine

SUFFIX = ".threads.json"
_GAIN = 1.1
"""More threads are taken where they are this much faster: they cost power and other programs' time."""
_RUNS, _SECONDS = 7, 0.25  # for each number of threads, whichever ends first
_MOST_BYTES = 64_000
_MOST_ENTRIES = 64
_MACHINE_IDS = (Path("/etc/machine-id"), Path("/var/lib/dbus/machine-id"))
"""machine-id(5): the second where there is no systemd."""


@dataclass(frozen=True)
class Remembered:
    """What won a trial, and for what."""

    machine: str
    engine: str
    """With its version."""
    model: str
    """Its files' SHA-256: whole, since what is remembered is loaded untried."""
    num_threads: int
    milliseconds: str
    """Of each number of threads, for people who wonder."""
    mark: str
    """Of all but the milliseconds, see :func:`_mark`: a file that came with the bundle cannot have it."""

    @property
    def subject(self) -> tuple[str, str, str]:
        """What was tried where."""
        return (self.machine, self.engine, self.model)


def start_fastest(
    bundle: Bundle,
    variant: Variant,
    row: engines.EngineRow,
    model: Mapping[str, bytes],
    num_threads: int | None = None,
) -> AbstractEngine:
    """Load a model, with the number of threads that is fastest on this machine unless one is asked for.

    A model that is new here first runs in a process with limits (``confined.py``): one that takes its engine
    down does so there. There too 1, 2 and 4 threads are tried, as far as there are cores. That takes some
    seconds on a Pi 4. What won is remembered in ``NAME.threads.json`` beside the bundle, or in the cache
    folder where that place cannot be written or the machine has no id, together with the machine, the
    engine's version and the model. Only what this machine has written itself is believed.

    Raises:
        ModelError: the engine refuses the model, or died of it.
        MissingPackageError: the engine's package is not installed.
        UsageError: fewer than one thread.
    """
    counts = candidates(engines.available_cores())
    if (num_threads is not None and num_threads < 1) or row.package is None:
        return engines.start(row, model, num_threads=counts[0] if num_threads is None else num_threads)
    subject = (_machine(), f"{row.name} {row.version}", "-".join(entry.sha256 for entry in variant.files))
    secret = _machine_id()
    for place in _places(bundle, secret):
        for entry in _read(place):
            known = entry.subject == subject and entry.num_threads in counts
            if known and entry.mark == _mark(secret, subject, entry.num_threads):
                return engines.start(row, model, num_threads=num_threads or entry.num_threads)
    best, seconds = _tried(bundle, row, model, counts)
    # Loaded here before it is remembered: who remembers it may load it untried.
    engine = engines.start(row, model, num_threads=num_threads or best)
    times = ", ".join(f"{count}: {1000 * value:.2f}" for count, value in seconds.items())
    found = Remembered(*subject, best, times, _mark(secret, subject, best))
    for place in _places(bundle, secret):
        others = [entry for entry in _read(place) if entry.subject != subject]
        with contextlib.suppress(WriteError, OSError):
            files.write_json(place, [asdict(entry) for entry in (*others[1 - _MOST_ENTRIES :], found)])
            break
    return engine


def _tried(
    bundle: Bundle, row: engines.EngineRow, model: Mapping[str, bytes], counts: Sequence[int]
) -> tuple[int, dict[int, float]]:
    """The number of threads that won, and the least seconds of each, found out in a process with limits."""
    if not confined.can_start():
        engine, seconds = try_counts(row, model, counts)
        with engine:
            return engine.num_threads, seconds
    contract = bundle.manifest.contract
    grey = np.full((1, *contract.shape), 128, np.uint8)
    ran = confined.run(row, model, grey, values=len(contract.labels), threads=counts)
    if ran.outputs.shape[1] != len(contract.labels):
        raise ModelError(
            f"{row.name} answers with {ran.outputs.shape[1]} values and the bundle has "
            f"{len(contract.labels)} labels: it is not the model that was exported with it"
        )
    return ran.num_threads, ran.least_s


def candidates(cores: int) -> list[int]:
    """The numbers of threads worth a trial: powers of 2 up to the cores, at most 4, fewest first."""
    return [count for count in (1, 2, 4) if count <= max(1, cores)]


def fastest(seconds: Mapping[int, float]) -> int:
    """The number of threads to take, from the least seconds of each: more only if they are worth it."""
    best = min(seconds)
    for count in sorted(seconds):
        if seconds[best] / seconds[count] >= _GAIN:
            best = count
    return best


def try_counts(
    row: engines.EngineRow, model: Mapping[str, bytes], counts: Sequence[int]
) -> tuple[AbstractEngine, dict[int, float]]:
    """Load a model with each of these numbers of threads.

    Returns:
        the engine that won, loaded, and the least seconds of each.

    Raises:
        ModelError: the engine refuses the model.
        MissingPackageError: the engine's package is not installed.
    """
    seconds: dict[int, float] = {}
    kept: AbstractEngine | None = None
    for count in counts:
        try:
            engine = engines.start(row, model, num_threads=count)
            seconds[count] = _least_s(engine)
        except ModelError:
            if kept is None:
                raise
            break  # there is no memory for two of them: the one that works is good enough
        if kept is None:
            kept = engine
        elif fastest(seconds) == count:
            kept.close()
            kept = engine
        else:
            engine.close()
    assert kept is not None
    return kept, seconds


def _least_s(engine: AbstractEngine) -> float:
    """The least of several runs: what other programs do at the time only ever adds to it."""
    engine.warm_up()
    taken: list[float] = []
    while len(taken) < _RUNS and sum(taken) < _SECONDS:
        start = time.perf_counter()
        engine.warm_up()
        taken.append(time.perf_counter() - start)
    return min(taken)


def _machine() -> str:
    from edgetl.benchmarks.machine import describe

    machine = describe()
    return f"{machine.label}, {engines.available_cores()} cores"


def _machine_id() -> str | None:
    """What the senders of bundles do not know of this machine; None where it has nothing of the kind."""
    for place in _MACHINE_IDS:
        with contextlib.suppress(OSError, ValueError):
            text = place.read_text("ascii").strip()
            # An image of a system that has not been started has none yet: "uninitialized", or nothing.
            if len(text) == 32 and int(text, 16):
                return text
    return None


def _mark(secret: str | None, subject: Sequence[str], num_threads: int) -> str:
    """What shows that this machine wrote an entry; nothing where it has no id."""
    if secret is None:
        return ""
    told = json.dumps(["edgetl: it survived", *subject, num_threads])
    return hmac.new(secret.encode(), told.encode(), hashlib.sha256).hexdigest()


def _places(bundle: Bundle, secret: str | None) -> Iterator[Path]:
    """Where it is remembered. Beside the bundle anybody may have put a file, who can write no mark."""
    path = bundle.path.resolve()
    name = path.name.removesuffix(BUNDLE_SUFFIX) + SUFFIX
    if secret is not None:
        yield path.with_name(name)
    with contextlib.suppress(RuntimeError):  # a user without a home: a container's
        yield cache.folder() / name


def _read(place: Path) -> list[Remembered]:
    """What is remembered; nothing where the file is missing, damaged or not ours."""
    try:
        if not place.is_file():  # a pipe would be waited for
            return []
        with place.open("rb") as file:
            data = file.read(_MOST_BYTES + 1)
        entries = strict_json.read(data, str(place), max_bytes=_MOST_BYTES)
    except (OSError, BundleError):
        return []
    return [entry for value in entries if (entry := _entry(value))] if isinstance(entries, list) else []


def _entry(value: object) -> Remembered | None:
    try:
        entry = Remembered(**value)  # type: ignore[arg-type]
    except TypeError:  # no object, or one with other keys
        return None
    texts = (*entry.subject, entry.milliseconds, entry.mark)
    # Half of a surrogate pair, which JSON can hold, is not printable, and cannot be written again.
    readable = all(isinstance(text, str) and text.isprintable() for text in texts)
    return entry if readable and type(entry.num_threads) is int else None
