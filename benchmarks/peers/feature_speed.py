"""How near to the engine's own speed features are extracted: decoding, engine and both, on all cores.

    python benchmarks/peers/feature_speed.py [--count 600] [--rounds 5] [DATA ...]

Each round measures, in an order that turns from round to round: decoding alone; the engine alone, fed pixels
that are ready in memory, an engine of one thread a core; the engine alone as one with all cores; and
extraction as a whole, from files into an empty cache, from the moment on that a third is done, so that the
loading of the engines is left out. The ratio is extraction over the faster of the two engines of the same
round, by the clock, and by the CPU time of a picture, which other programs disturb less. Beside it is what
is possible: a core that decodes infers nothing, so that leaves 1 / (1 + decoding / engine) of it.
The default data are the solar cells (grey PNG, 300 x 300) and the ants and bees of ``../shared`` (JPEG).
"""

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edgetl import cache, images
from edgetl.benchmarks import machine
from edgetl.demo import solar_csv
from edgetl.progress import SILENT, Progress
from edgetl.runtime.base import AbstractEngine
from edgetl.runtime.engines import available_cores
from edgetl.training import dataset, features, prepare
from edgetl.training.dataset import Photo
from edgetl.training.prepare import Prepared

HYMENOPTERA = Path(__file__).resolve().parents[3] / "shared" / "data" / "hymenoptera"


@dataclass(frozen=True)
class Turn:
    """What some pictures took."""

    count: int
    seconds: float
    cpu_s: float

    @property
    def rate(self) -> float:
        """Pictures a second."""
        return self.count / self.seconds

    @property
    def cpu_ms(self) -> float:
        """CPU time of a picture, milliseconds, of all threads together."""
        return 1e3 * self.cpu_s / self.count


class Clock:
    """Time and CPU time since it was made."""

    def __init__(self) -> None:
        self._begun = time.perf_counter(), time.process_time()

    def turn(self, count: int) -> Turn:
        """What so many pictures took."""
        return Turn(count, time.perf_counter() - self._begun[0], time.process_time() - self._begun[1])


class Timed(Progress):
    """Times a step from the third part of it on: by then every core has loaded its engine."""

    @contextmanager
    def step(self, what: str, total: int | None = None) -> Iterator[Callable[[int], None]]:
        """As :meth:`Progress.step`."""
        assert total is not None
        first, done = total // 3, 0
        clock: Clock | None = None

        def advance(count: int) -> None:
            nonlocal clock, first, done
            done += count
            if clock is None and done >= first:
                clock, first = Clock(), done

        yield advance
        assert clock is not None
        self.turn = clock.turn(done - first)


def timed(work: Callable[[], object], count: int) -> Turn:
    """Do it and say what it took."""
    clock = Clock()
    work()
    return clock.turn(count)


def decode(photos: Sequence[Photo], prepared: Prepared) -> None:
    """Decode, and keep nothing."""
    unreadable: dict[Path, str] = {}
    for _ in features.decode_all(photos, prepared.choice.contract, unreadable):
        pass
    assert not unreadable


def infer(engines: Sequence[AbstractEngine], pixels: Sequence[images.Pixels]) -> None:
    """Each engine takes its share of the pictures in a thread of its own."""

    def work(number: int) -> None:
        for picture in pixels[number :: len(engines)]:
            engines[number].run(picture[np.newaxis])

    with ThreadPoolExecutor(len(engines)) as pool:
        list(pool.map(work, range(len(engines))))


def extract(photos: Sequence[Photo], prepared: Prepared) -> Turn:
    """:func:`features.extract` into an empty cache."""
    before = os.environ.get(cache.VARIABLE)
    progress = Timed()
    with tempfile.TemporaryDirectory() as folder:
        os.environ[cache.VARIABLE] = folder
        try:
            features.extract(photos, prepared, progress)
        finally:
            if before is None:
                del os.environ[cache.VARIABLE]
            else:
                os.environ[cache.VARIABLE] = before
    return progress.turn


def measure(place: Path, prepared: Prepared, count: int, rounds: int) -> None:
    """Print the figures of one dataset."""
    photos = list({photo.sha256: photo for photo in dataset.read(place).photos}.values())[:count]
    contract = prepared.choice.contract
    pixels = [picture for _, picture in features.decode_all(photos, contract, {})]
    cores = available_cores()
    took: dict[str, list[Turn]] = {}
    with ExitStack() as stack:
        single = [stack.enter_context(prepared.start(num_threads=1)) for _ in range(cores)]
        whole = [stack.enter_context(prepared.start(num_threads=cores))]
        turns: dict[str, Callable[[], Turn]] = {
            "decoding alone": lambda: timed(lambda: decode(photos, prepared), len(photos)),
            "engine alone, one a core": lambda: timed(lambda: infer(single, pixels), len(photos)),
            "engine alone, all cores one": lambda: timed(lambda: infer(whole, pixels), len(photos)),
            "extraction": lambda: extract(photos, prepared),
        }
        infer(single, pixels[: 8 * cores])
        infer(whole, pixels[:8])
        names = list(turns)
        for number in range(rounds):
            for name in (*names[number % 4 :], *names[: number % 4]):
                took.setdefault(name, []).append(turns[name]())
    print(f"\n{place.stem}: {len(photos)} pictures, {rounds} rounds, {cores} cores")
    for name in names:
        rate, cpu = (
            statistics.median(getattr(turn, what) for turn in took[name]) for what in ("rate", "cpu_ms")
        )
        print(f"  {name:<30}{rate:>8.0f} /s{cpu:>8.2f} ms of CPU")
    rounds_of = list(zip(*(took[name] for name in names), strict=True))
    tell("by the clock", [ours.rate / max(one.rate, all_.rate) for _, one, all_, ours in rounds_of])
    tell("by CPU time", [one.cpu_ms / ours.cpu_ms for _, one, _, ours in rounds_of])
    tell("possible", [one.cpu_ms / (one.cpu_ms + plain.cpu_ms) for plain, one, _, _ in rounds_of])


def tell(what: str, ratios: Sequence[float]) -> None:
    """Print how near extraction is to the engine."""
    middle = statistics.median(ratios)
    print(f"  extraction / engine, {what:<14}{middle:>6.2f}   ({min(ratios):.2f} to {max(ratios):.2f})")


def main() -> None:
    """Measure each dataset."""
    parser = argparse.ArgumentParser(description="Extraction beside its parts.")
    parser.add_argument("data", type=Path, nargs="*")
    parser.add_argument("--count", type=int, default=600, help="pictures of each at most")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--backbone", default="efficientnet_lite0")
    parser.add_argument("--engine", default="auto")
    arguments = parser.parse_args()
    choice = prepare.choose(arguments.backbone, size=None, width=1.0, weights_file=None)
    engine = prepare.choose_engine(arguments.engine)
    prepared = prepare.prepare(choice, engine=engine, classes=2, progress=SILENT)
    print(f"measured on {machine.describe().label}: {choice.name}, {engine}")
    with tempfile.TemporaryDirectory() as folder:
        solar = Path(folder) / "solar.csv"
        if not arguments.data:
            solar.write_text(solar_csv(), encoding="utf-8")
        for place in arguments.data or [solar, HYMENOPTERA]:
            measure(place, prepared, arguments.count, arguments.rounds)


if __name__ == "__main__":
    main()
