"""Does a benchmark over SSH give the numbers that it gives here? On an OpenSSH server on the loopback.

    PYTHONPATH=tests .venv/bin/python benchmarks/peers/ssh_bench.py BUNDLE [--pairs 6] [--variant tflite-int8]
        [--threads 1] [--duration 3]

Needs sshd (Debian's openssh-server), started with a key, a port and folders of its own, and edgetl[ssh].
Measures the bundle here and over SSH in pairs, every other one backwards, so that a machine that drifts
does so for both, and prints for each variant the median latency on both ways, from pixels and from
picture to label, and the median of the pairs' differences. Then the connection is killed in the middle
of a benchmark. Ends with 1 when such a median is more than 5 %, or anything is left behind.
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import ssh_server

from edgetl.benchmarks.devices import bench_devices
from edgetl.progress import Progress

LIMIT = 0.05
FIGURES: dict[str, Callable[[Any], float | None]] = {
    "inference": lambda figures: figures["median_s"]["value"],
    "picture": lambda figures: figures["total_s"],
}


def main() -> int:
    """Measure both ways, then kill a connection; 1 when one of the limits is missed."""
    parser = argparse.ArgumentParser(description="A benchmark over SSH beside the same one here.")
    parser.add_argument("bundle", type=Path, help="a folder written by edgetl export")
    parser.add_argument("--pairs", type=int, default=6, help="benchmarks on each way; default: 6")
    parser.add_argument("--variant", action="append", default=[], help="only this one; may be repeated")
    parser.add_argument("--threads", default="1")
    parser.add_argument("--duration", default="3", help="seconds for each variant; default: 3")
    arguments = parser.parse_args()
    bundle = arguments.bundle.resolve()
    options = [word for name in arguments.variant for word in ("--variant", name)]
    options += ["--threads", arguments.threads, "--duration", arguments.duration]
    with (
        tempfile.TemporaryDirectory(prefix="edgetl-ssh-") as folder,
        ssh_server.running(Path(folder)) as device,
    ):
        environment = dict(os.environ)
        os.environ["HOME"] = str(device.home)
        os.environ.pop("SSH_AUTH_SOCK", None)
        here, there = [], []
        for number in range(arguments.pairs):
            for way in ("here", "there")[:: -1 if number % 2 else 1]:
                if way == "here":
                    here.append(medians(local(bundle, options, environment, Path(folder))))
                else:
                    there.append(medians(remote(bundle, options, device)))
        missed = print_table(here, there)
        missed += not device.is_clean()
        print(f"left on the device after {arguments.pairs} benchmarks: {left(device)}")
        message, seconds = killed(bundle, options, device)
        missed += seconds is None or "was lost" not in message
    print(f"connection killed: {message}")
    print(f"left on the device: {'something' if seconds is None else f'nothing, {seconds:.1f} s later'}")
    print(f"{missed} of the limits missed" if missed else f"within {LIMIT:.0%}, and the device is clean")
    return 1 if missed else 0


def local(bundle: Path, options: list[str], environment: dict[str, str], folder: Path) -> dict[str, Any]:
    """The report of ``edgetl bench`` on this machine."""
    command = [sys.executable, "-m", "edgetl", "bench", str(bundle), *options, "--json"]
    command += ["--out", str(folder / "here")]
    printed = subprocess.check_output(command, env=environment, stderr=subprocess.DEVNULL, cwd=folder)
    report: dict[str, Any] = json.loads(printed)
    return report


def remote(bundle: Path, options: list[str], device: ssh_server.Device) -> dict[str, Any]:
    """The report of ``edgetl bench --device``."""
    (result,) = bench_devices(bundle, [device.address], options, python=sys.executable)
    if result.report is None:
        sys.exit(f"failed: {result.problem}")
    return result.report.to_dict()


def medians(report: dict[str, Any]) -> dict[tuple[str, str], float]:
    """Seconds by variant with thread count, and figure; what a bundle without pictures lacks is left out."""
    rows = [row for row in report["results"] if row["figures"] is not None]
    return {
        (f"{row['variant']}, {row['threads']}", name): value
        for row in rows
        for name, figure in FIGURES.items()
        if (value := figure(row["figures"])) is not None
    }


def print_table(here: list[dict[tuple[str, str], float]], there: list[dict[tuple[str, str], float]]) -> int:
    """One line for each figure, medians of the benchmarks and the pairs; returns how many differ too much."""
    print(f"measured on {platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}")
    heading = f"{'here, ms':>10}{'SSH, ms':>10}{'differs':>10}{'here, spread':>14}"
    print(f"{'variant, threads':<26}{'figure':<12}{heading}")
    missed = 0
    for key in here[0]:
        ours = [medians[key] for medians in here]
        theirs = [medians[key] for medians in there]
        one, other = statistics.median(ours), statistics.median(theirs)
        difference = statistics.median(b / a for a, b in zip(ours, theirs, strict=True)) - 1
        missed += abs(difference) > LIMIT
        spread = max(ours) / min(ours) - 1
        times = f"{1e3 * one:>10.3f}{1e3 * other:>10.3f}"
        print(f"{key[0]:<26}{key[1]:<12}{times}{difference:>+10.1%}{spread:>14.1%}")
    return missed


def killed(bundle: Path, options: list[str], device: ssh_server.Device) -> tuple[str, float | None]:
    """What is said when the connection is killed while measuring, and seconds until nothing is left there."""
    cut_at = 0.0

    class Cutting(Progress):
        def note(self, text: str) -> None:
            nonlocal cut_at
            if "round 1" in text:  # it has ended, and the next one runs
                device.cut()
                cut_at = time.monotonic()

    (result,) = bench_devices(bundle, [device.address], options, python=sys.executable, progress=Cutting())
    clean = cut_at > 0 and device.is_clean()
    return result.problem or "no problem at all", time.monotonic() - cut_at if clean else None


def left(device: ssh_server.Device) -> str:
    """Files and processes that are still there."""
    found = [*(file.name for file in device.temporary.iterdir()), *device.processes().values()]
    return ", ".join(found) or "nothing"


if __name__ == "__main__":
    sys.exit(main())
