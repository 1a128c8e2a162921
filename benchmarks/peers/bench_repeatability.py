"""How often ``edgetl compare`` claims a difference that is there, and one that is not.

    PYTHONPATH=tests python benchmarks/peers/bench_repeatability.py measure [--bundle B.edgetl] [--pairs 20]
    python benchmarks/peers/bench_repeatability.py simulate [--pairs 400]

``measure`` benchmarks pairs on this machine, which should have nothing else to do: a fake engine that takes
10 ms against itself, against one that is 5 % and one that is 0.5 % slower, and a real bundle against itself.
Shown are the smallest and largest ratio of the medians as measured, of the machine's own speed (the
yardstick), and of what compare tests, from which the machine's is taken away.
A pair of which the machine spoilt one is invalid, and another is measured. Exits 1 when medians of the same
differ by more than 3 %, when more than 1 in 20 of the same is claimed to differ, when a slow-down of 5 % is
missed, or when one of 0.5 % is claimed.

``simulate`` draws benchmarks of 3, 4 and 5 processes of 200 runs whose truth is known, shows how often tests
that are in use claim a difference, and how often the interval of a figure holds the truth. Needs scipy.
"""

import argparse
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import edgetl
from edgetl.benchmarks import confidence, machine, stats
from edgetl.benchmarks.comparing.compare import MARGIN, Pair, compare, median_s
from edgetl.benchmarks.parameters import ROUNDS
from edgetl.benchmarks.results import BenchReport

DELAY_S = 0.010
MOST_APART = 0.03
FALSE_CLAIMS = 1 / 20
SAME = "no clear difference"

Runs = list[list[float]]


@dataclass(frozen=True)
class Noise:
    """How the times of a simulated benchmark scatter around 1; shares."""

    between: float
    """From process to process."""
    within: float
    """From run to run, each run following the one before by ``memory``."""
    memory: float = 0.5
    heavy: bool = False
    """Whether some processes are far off: Student's t with 3 degrees of freedom, not normal."""
    session: float = 0.0
    """From benchmark to benchmark, which no test of two benchmarks can see."""


NOISES = {
    "processes alike": Noise(0.0, 0.01, 0.0),
    "processes 0.3 %": Noise(0.003, 0.01),
    "processes 1 %": Noise(0.01, 0.02, 0.9),
    "processes 1 %, some far off": Noise(0.01, 0.02, 0.9, heavy=True),
    "processes 0.3 %, benchmarks 0.3 %": Noise(0.003, 0.01, session=0.003),
}


def draw(random: np.random.Generator, noise: Noise, processes: int, ratio: float = 1.0) -> Runs:
    """A benchmark of so many processes of 200 runs; 3 runs of 100 are interrupted."""
    from scipy.signal import lfilter

    session = random.normal(0, noise.session)
    groups = []
    for _ in range(processes):
        level = noise.between * (random.standard_t(3) if noise.heavy else random.normal())
        steps = random.normal(size=250)
        runs = lfilter([np.sqrt(1 - noise.memory**2)], [1, -noise.memory], steps)[50:]
        interrupted = random.exponential(0.2, 200) * (random.random(200) < 0.03)
        groups.append((ratio * np.exp(session + level + noise.within * runs) + interrupted).tolist())
    return groups


def runs_alone(first: Runs, second: Runs) -> bool:
    """Mann and Whitney's test of all runs, as if they did not depend on each other."""
    from scipy.stats import mannwhitneyu

    return bool(mannwhitneyu(np.concatenate(first), np.concatenate(second)).pvalue < 0.05)


def percentiles(first: Runs, second: Runs) -> bool:
    """The bootstrap over processes with its own percentiles."""
    random = np.random.default_rng(0)
    ratios = []
    for _ in range(200):
        medians = (
            np.median(
                np.concatenate([group[index] for index in random.integers(len(group), size=len(group))])
            )
            for group in (first, second)
        )
        ratios.append(np.divide(*medians))
    low, high = np.quantile(ratios, [0.025, 0.975])
    return not low <= 1 <= high


def without_margin(first: Runs, second: Runs) -> bool:
    """Edgetl's interval against 1."""
    ratio = confidence.ratio(first, second, np.median)
    return ratio is not None and not ratio.low <= 1 <= ratio.high


def with_margin(first: Runs, second: Runs) -> bool:
    """What ``edgetl compare`` claims."""
    ratio = confidence.ratio(first, second, np.median)
    return ratio is not None and (ratio.low > 1 + MARGIN or ratio.high < 1 / (1 + MARGIN))


TESTS: dict[str, Callable[[Runs, Runs], bool]] = {
    "runs, Mann-Whitney": runs_alone,
    "bootstrap percentiles": percentiles,
    "interval without margin": without_margin,
    "edgetl compare": with_margin,
}


def simulate(pairs: int) -> None:
    """Print the share of claims of each test, and the cover of the intervals."""
    random = np.random.default_rng(1)
    print(f"share of {pairs} pairs that are claimed to differ\n")
    print(f"| noise | processes | true ratio | {' | '.join(TESTS)} |")
    print("| --- " + "| ---: " * (len(TESTS) + 2) + "|")
    for name, noise in NOISES.items():
        for processes in (3, 4):
            for ratio in (1.0, 1.005, 1.05):
                drawn = [
                    (draw(random, noise, processes), draw(random, noise, processes, ratio))
                    for _ in range(pairs)
                ]
                shares = (np.mean([test(*pair) for pair in drawn]) for test in TESTS.values())
                cells = " | ".join(f"{100 * share:.1f} %" for share in shares)
                print(f"| {name} | {processes} | {ratio:g} | {cells} |", flush=True)
    print(f"\nshare of {pairs} intervals that hold the truth\n")
    print("| noise | processes | median | p95 |\n| --- | ---: | ---: | ---: |")
    for name, noise in NOISES.items():
        if noise.session:
            continue  # one benchmark cannot know of it
        everything = np.concatenate(draw(random, noise, 3000))
        for processes in (3, 4, 5):
            alone = [draw(random, noise, processes) for _ in range(pairs)]
            medians = [stats.median_interval(groups) for groups in alone]
            tails = [stats.percentile_interval(groups, 0.95) for groups in alone]
            covers = []
            for truth, found in ((np.median(everything), medians), (np.quantile(everything, 0.95), tails)):
                held = [each is not None and each.low <= truth <= each.high for each in found]
                covers.append(f"{100 * sum(held) / pairs:.1f} %")
            print(f"| {name} | {processes} | {' | '.join(covers)} |", flush=True)


def measure(asked: argparse.Namespace) -> bool:
    """Print a row for each kind of pair; whether all of them are as they must be."""
    import support

    bundle, pairs = asked.bundle, asked.pairs or 20

    def bench(place: Path) -> BenchReport:
        variants = asked.variant if place == bundle else None
        return edgetl.bench(
            place, variants=variants, threads=[1], duration_s=asked.duration, rounds=asked.rounds
        )

    lasts = f"{asked.duration:g} s in {asked.rounds} rounds"
    print(f"measured on {machine.describe().label}; {pairs} pairs, {lasts}\n")
    columns = ("compared", "faster", "slower", SAME, "invalid, repeated", "medians", "machine", "B/A")
    print(f"| pair | {' | '.join(columns)} |")
    print("| --- " + "| ---: " * len(columns) + "|")
    good = True
    with tempfile.TemporaryDirectory(prefix="edgetl-peers-") as folder:

        def fake(slower: float) -> Path:
            place = Path(folder) / f"{slower:g}" / "fake.edgetl"
            place.parent.mkdir(exist_ok=True)
            return place if place.exists() else support.write_fake_bundle(place, delay_s=slower * DELAY_S)

        kinds = [
            ("fake engine, the same", fake(1), fake(1), SAME),
            ("fake engine, 5 % slower", fake(1), fake(1.05), "slower"),
            ("fake engine, 0.5 % slower", fake(1), fake(1.005), SAME),
        ]
        if bundle is not None:
            kinds.append((f"{bundle.stem}, the same", bundle, bundle, SAME))
        for name, first, second, truth in kinds:
            found: list[Pair] = []
            for _ in range(2 * pairs):  # what the machine spoilt is measured again, as its owner would
                found += compare(bench(first), bench(second)).pairs
                if sum(pair.verdict is not None for pair in found) >= pairs:
                    break
            good &= report(name, found, truth, same=first == second)
    return good


def report(name: str, pairs: Sequence[Pair], truth: str, *, same: bool) -> bool:
    """Print the row of one kind; whether it is as it must be."""
    verdicts: Counter[str | None] = Counter(pair.verdict for pair in pairs)
    invalid = verdicts.pop(None, 0)
    pairs = [pair for pair in pairs if pair.verdict is not None]
    raw = [median_s(pair.b) / median_s(pair.a) for pair in pairs]
    machine = [pair.level.machine for pair in pairs if pair.level is not None]
    levelled = [pair.ratio.value for pair in pairs if pair.ratio is not None]
    cells = [str(verdicts[verdict]) for verdict in ("faster", "slower", SAME)] + [str(invalid)]
    cells += [f"{min(ratios):.4f} – {max(ratios):.4f}" for ratios in (raw, machine, levelled)]
    print(f"| {name} | {len(pairs)} | {' | '.join(cells)} |", flush=True)
    if same and max(abs(ratio - 1) for ratio in raw) > MOST_APART:
        print(f"{name}: medians differ by more than {100 * MOST_APART:.0f} %", file=sys.stderr)
        return False
    wrong = sum(count for verdict, count in verdicts.items() if verdict != truth)
    # Of what is the same, 1 in 20 may be claimed; what is said to be found or not claimed, always.
    return wrong <= (FALSE_CLAIMS * len(pairs) if same else 0)


def main() -> int:
    """Run what is asked for; 1 when something is not as it must be."""
    parser = argparse.ArgumentParser()
    parser.add_argument("what", choices=("measure", "simulate"))
    parser.add_argument("--bundle", type=Path, help="a real one to measure as well")
    parser.add_argument("--variant", action="append", help="of the bundle; may be repeated; default: all")
    parser.add_argument("--pairs", type=int, help="default: 20 measured, 400 simulated")
    parser.add_argument("--duration", type=float, default=3.0, help="seconds for each measurement")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    asked = parser.parse_args()
    if asked.what == "simulate":
        simulate(asked.pairs or 400)
        return 0
    return 0 if measure(asked) else 1


if __name__ == "__main__":
    sys.exit(main())
