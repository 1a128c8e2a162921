"""Executed ARM instructions of each variant of a bundle, in each engine, on an emulated Raspberry Pi 4 and 5.

    PYTHONPATH=tests .venv/bin/python benchmarks/peers/counted.py       # about 10 minutes on two free cores
        [BUNDLE] [--pi pi4,pi5] [--variants tflite-int8,...] [--pictures FILE ...]
        [--json FILE] [--baseline FILE [--most-more 1]] [--repeats 5] [--processes 1]

Ranks variants for a board one does not own, and is a gate that no noisy machine spoils: repeats differ by
a few thousand instructions in 140 million. It is no latency: docs/counted.md says what it can tell.
Needs what `make test-arm` needs (docs/arm.md), and gcc. Without BUNDLE it takes the one of `make test-arm`.
Exits 1 when something executes over --most-more per cent more instructions than in the baseline, or is no
longer counted; 2 when this machine cannot count; 75 when Debian's packages cannot be reached.
"""

import argparse
import sys
from collections.abc import Iterator, Sequence
from datetime import datetime, timezone
from pathlib import Path

from counting import boards, plugin, table

from edgetl.bundle import Bundle
from edgetl.errors import EdgetlError
from edgetl.runtime import engines


def parse() -> tuple[argparse.Namespace, argparse.ArgumentParser]:
    """What was asked for."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("bundle", type=Path, nargs="?")
    parser.add_argument("--pi", default="pi4,pi5")
    parser.add_argument("--variants", default="", help="default: all of the bundle")
    parser.add_argument("--pictures", type=Path, nargs="*", help="to decode; default: a golden one")
    parser.add_argument("--repeats", type=int, default=5, help="inferences in a process")
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--baseline", type=Path)
    parser.add_argument("--most-more", type=float, default=1.0, help="per cent")
    arguments = parser.parse_args()
    if min(arguments.repeats, arguments.processes) < 1:
        parser.error("there must be at least one repeat and one process")
    return arguments, parser


def count_board(
    board: str,
    pythons: Sequence[tuple[Sequence[str], Path]],
    bundle: Bundle,
    variants: Sequence[str],
    arguments: argparse.Namespace,
    counter: Path,
) -> Iterator[table.Row]:
    """Count every variant in every engine, and the decoding of each picture.

    Args:
        board: its name.
        pythons: engines installed together, and the Python that has them.
        bundle: whose variants.
        variants: their names.
        arguments: repeats, processes and pictures.
        counter: the plugin.
    """

    def ask(python: Path, work: str, engine: str, request: dict[str, str]) -> table.Row:
        whole = {**request, "bundle": str(bundle.path.resolve()), "repeats": arguments.repeats}
        try:
            runs = [plugin.count(python, counter, whole) for _ in range(arguments.processes)]
        except plugin.CountingError as error:
            row = table.Row(board, work, engine, problem=str(error))
        else:
            row = table.row_of(board, work, engine, runs)
        shown = row.problem or f"{row.instructions:,} instructions"
        print(f"{board}: {work} in {engine}: {shown}", file=sys.stderr, flush=True)
        return row

    for installed, python in pythons:
        for name in variants:
            able = {row.name for row in engines.able(bundle.variant(name).format)}
            for engine in [engine for engine in installed if engine in able]:
                request = {"work": "inference", "variant": name, "engine": engine}
                yield ask(python, name, engine, request)
    pictures = arguments.pictures
    if pictures is None:
        pictures = [bundle.path / entry.path for entry in bundle.manifest.golden.pictures[:1]]
    for picture in pictures:
        python = pythons[0][1]
        request = {"work": "decoding", "picture": str(picture.resolve())}
        yield ask(python, f"decode {picture.name}", "pillow", request)


def main() -> int:
    """Set the boards up, count, print the tables, and compare."""
    arguments, parser = parse()
    names = arguments.pi.split(",")
    for name in names:
        if name not in boards.NAMES:
            parser.error(f"{name} is not counted: choose {', '.join(boards.NAMES)}, or both with a comma")
    with boards.explained(parser.exit):
        try:
            before = table.read(arguments.baseline) if arguments.baseline else []
            bundle = Bundle.open(arguments.bundle or workstation_bundle())
            variants = [bundle.variant(name).name for name in arguments.variants.split(",") if name]
        except EdgetlError as error:
            parser.exit(2, f"error: {error}\n")
        counter, installed = boards.set_up(names)
    variants = variants or [variant.name for variant in bundle.manifest.variants]
    rows: list[table.Row] = []
    today = f"{datetime.now(timezone.utc):%Y-%m-%d}"
    for name, pythons in installed.items():
        mine = list(count_board(name, pythons, bundle, variants, arguments, counter))
        rows += mine
        print(f"\n{name}, emulated; {bundle.path.name}, one thread, {today}")
        print(f"{table.CAPTION}\n\n{table.markdown(mine)}", flush=True)
    if arguments.json:
        table.save(arguments.json, rows, {"bundle": bundle.manifest.name, "date": today})
    if not arguments.baseline:
        return 0
    asked = {*variants, *(row.work for row in rows)}
    before = [row for row in before if row.board in names and row.work in asked and row.instructions]
    if not before:
        parser.exit(2, f"error: {arguments.baseline} has no row of what was counted\n")
    found = table.regressions(rows, before, arguments.most_more / 100)
    for sentence in found:
        print(f"more than before: {sentence}")
    if not found:
        print(f"\nnone of {len(before)} rows executes over {arguments.most_more:g} % more than before")
    return 1 if found else 0


def workstation_bundle() -> Path:
    """The bundle of `make test-arm`."""
    from arm import workstation

    return workstation.bundle()


if __name__ == "__main__":
    sys.exit(main())
