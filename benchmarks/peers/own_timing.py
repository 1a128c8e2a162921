"""What edgetl bench says of an inference beside what the engines' own timing says of it.

    python benchmarks/peers/own_timing.py BUNDLE [--threads 1] [--seconds 5] [--turns 4]

- OpenVINO's ``benchmark_app``, one request at a time (``-api sync -nireq 1``), its median latency;
- ONNX Runtime's profiler, its ``model_run`` events, divided by how much longer writing the profile makes a
  run: sessions with and without it, timed from outside in turns;
- LiteRT's ``litert-benchmark``, its median; it goes through LiteRT's newer interface, CompiledModel.

Each takes turns with ``edgetl bench`` of the same variant and threads, in processes of their own. The ratio
is the median of the turns', since a machine that changes its speed does so for both halves of one. OpenVINO
also tells what each single inference took inside: the last lines hold that against edgetl's time of the very
same inferences, which no machine can spoil. Exits 1 when a ratio differs from 1 by more than 5 %.
"""

import argparse
import json
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import edgetl
from edgetl.benchmarks import machine
from edgetl.bundle import Bundle
from edgetl.runtime import engines

LIMIT = 0.05
BLOCK = 20
"""Runs of one session before the other's turn."""
BIN = Path(sys.executable).parent
PROFILE, CALLS = "--profile", "--calls"
"""The script calls itself with them."""


@dataclass(frozen=True)
class Task:
    """One variant and how to time it."""

    model: Path
    """The model file, or OpenVINO's ``.xml``."""
    threads: int
    runs: int
    seconds: float
    folder: Path
    """For what the tools write."""


def main() -> int:
    """Print a row for each variant; 1 when one differs too much."""
    parser = argparse.ArgumentParser(description="edgetl bench beside the engines' own timing.")
    parser.add_argument("bundle", type=Path)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=5.0, help="of inference in each turn; default: 5")
    parser.add_argument("--turns", type=int, default=4)
    given = parser.parse_args()
    bundle = Bundle.open(given.bundle.resolve())  # the tools work in folders of their own
    print(f"measured on {machine.describe().label}; threads: {given.threads}, {given.turns} turns\n")
    print("| variant | edgetl bench | the engine's own | told by | ratio | turns |")
    print("| --- | ---: | ---: | --- | ---: | --- |")
    missed = 0
    for variant in bundle.manifest.variants:
        tool, theirs_of = TOOLS[variant.format]
        ours, theirs = [], []
        for _ in range(given.turns):
            told = edgetl.bench(
                given.bundle, variants=[variant.name], threads=[given.threads], duration_s=given.seconds
            )
            runs = [second for process in told.results[0].processes for second in process.inference_s]
            ours.append(statistics.median(runs))
            with tempfile.TemporaryDirectory(prefix="edgetl-peers-") as folder:
                model = bundle.path / variant.files[0].path
                task = Task(model, given.threads, len(runs), given.seconds, Path(folder))
                theirs.append(theirs_of(task))
        a, b = statistics.median(ours), statistics.median(theirs)
        ratios = [x / y for x, y in zip(ours, theirs, strict=True)]
        ratio, turns = statistics.median(ratios), ", ".join(f"{each:.3f}" for each in ratios)
        print(
            f"| {variant.name} | {1e3 * a:.3f} ms | {1e3 * b:.3f} ms | {tool} | {ratio:.3f} | {turns} |",
            flush=True,
        )
        missed += abs(ratio - 1) > LIMIT
    for variant in bundle.manifest.variants:
        if variant.format == "openvino":
            words = [sys.executable, __file__, CALLS, str(bundle.path), variant.name, str(given.threads)]
            print(f"\n{variant.name}, the same inferences: {output_of(words, Path.cwd()).strip()}")
    print(f"\n{missed} differ by more than {LIMIT:.0%}" if missed else f"\nall within {LIMIT:.0%}")
    return 1 if missed else 0


def output_of(command: list[str], folder: Path) -> str:
    """What a tool prints; ends the script with it when it fails."""
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{command[0]} ended with {done.returncode}:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    return done.stdout


def benchmark_app(task: Task) -> float:
    """OpenVINO's median latency, seconds."""
    options = ["-d", "CPU", "-api", "sync", "-hint", "none", "-nireq", "1", "-nstreams", "1"]
    command = [str(BIN / "benchmark_app"), "-m", str(task.model), *options]
    command += ["-nthreads", str(task.threads), "-t", f"{task.seconds:.0f}"]
    command += ["-pin", "NO"]  # as edgetl does; the default pins the thread to a core
    command += [] if "int8" in task.model.parent.name else ["-infer_precision", "f32"]  # not in bfloat16
    printed = output_of(command, task.folder)
    found = re.search(r"Median:\s+([\d.]+) ms", printed)
    if found is None:
        sys.exit(f"benchmark_app tells no median:\n{printed[-2000:]}")
    return float(found[1]) / 1e3


def onnxruntime_profiler(task: Task) -> float:
    """The median of the ``model_run`` events without what writing them takes, seconds."""
    words = [PROFILE, str(task.model), str(task.threads), str(task.runs), str(task.folder / "profile")]
    told = json.loads(output_of([sys.executable, __file__, *words], task.folder).strip().splitlines()[-1])
    events = json.loads(Path(told["profile"]).read_text(encoding="utf-8"))
    runs = [event["dur"] / 1e6 for event in events if event["name"] == "model_run"]
    return float(statistics.median(runs[len(runs) // 4 :]) / told["longer"])  # without the warm-up


def profile() -> int:
    """In a process of its own: run a model with and without the profiler, and print where to read."""
    import onnxruntime

    model, threads, runs, prefix = sys.argv[2:]

    def session(*, profiled: bool) -> Any:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = int(threads)
        options.enable_profiling, options.profile_file_prefix = profiled, prefix
        return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])

    sessions = {True: session(profiled=True), False: session(profiled=False)}
    given = sessions[True].get_inputs()[0]
    pixels = np.random.default_rng(0).integers(0, 256, [1, *given.shape[1:]], np.uint8)
    taken: dict[bool, list[float]] = {True: [], False: []}
    for number in range(int(runs) // BLOCK + 4):
        for profiled, one in sessions.items():
            for _ in range(BLOCK):
                start = time.perf_counter()
                one.run(None, {given.name: pixels})
                if number >= 4:  # before that it warms up
                    taken[profiled].append(time.perf_counter() - start)
    longer = statistics.median(taken[True]) / statistics.median(taken[False])
    print(json.dumps({"profile": sessions[True].end_profiling(), "longer": longer}))
    return 0


def calls() -> int:
    """In a process of its own: time inferences through edgetl, and ask OpenVINO what they took inside."""
    place, name, threads = sys.argv[2:]
    bundle = Bundle.open(place)
    pixels = np.asarray(bundle.expected()["pixels"][:1], np.uint8)
    files = bundle.model_files(bundle.variant(name))
    with engines.start(engines.get("openvino"), files, num_threads=int(threads)) as engine:
        request = vars(engine)["_request"]
        engine.warm_up(100)
        outside, inside = [], []
        for _ in range(1000):
            start = time.perf_counter()
            engine.run(pixels)
            outside.append(time.perf_counter() - start)
            inside.append(request.latency / 1e3)
    ratio = statistics.median(x / y for x, y in zip(outside, inside, strict=True))
    print(
        f"{1e3 * statistics.median(outside):.3f} ms through edgetl, {1e3 * statistics.median(inside):.3f} ms "
        f"inside OpenVINO, {ratio:.3f}"
    )
    return 0


def litert_benchmark(task: Task) -> float:
    """LiteRT's median, seconds."""
    result = task.folder / "result.json"
    command = [str(BIN / "litert-benchmark"), "--model", str(task.model), "--num_threads", str(task.threads)]
    command += ["--num_runs", str(task.runs), "--warmup_runs", "50", "--result_json", str(result)]
    output_of(command, task.folder)
    return float(json.loads(result.read_text(encoding="utf-8"))["latency"]["median_ms"]) / 1e3


TOOLS: dict[str, tuple[str, Callable[[Task], float]]] = {
    "tflite": ("litert-benchmark", litert_benchmark),
    "onnx": ("ONNX Runtime's profiler", onnxruntime_profiler),
    "openvino": ("benchmark_app", benchmark_app),
}


if __name__ == "__main__":
    sys.exit({PROFILE: profile, CALLS: calls}.get("".join(sys.argv[1:2]), main)())
