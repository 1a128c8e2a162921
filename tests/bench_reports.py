"""Benchmarks and manifests made by hand, for the tests of checks, summary and reports.

Import it as ``import bench_reports``: pyproject.toml puts tests/ on pytest's path.
"""

import random
from collections.abc import Sequence
from dataclasses import replace

from edgetl.benchmarks.machine import Machine
from edgetl.benchmarks.parameters import Parameters
from edgetl.benchmarks.results import BenchReport, Platform, Result, Throughput
from edgetl.benchmarks.running.raw import ProcessRun, Stages, ThroughputRun
from edgetl.benchmarks.running.timer import Timer
from edgetl.benchmarks.state import State
from edgetl.contract import Contract
from edgetl.intervals import paired_difference, wilson
from edgetl.manifest import Arithmetic, FileEntry, Golden, Interval, Manifest, Score, Variant

QUIET = State(governor="performance", temperature_c=45.0, throttled=0, load_average=0.05)

PI = Machine(
    kind="Raspberry Pi 4 Model B Rev 1.4",
    is_board=True,
    cpu="Cortex-A72",
    cores=4,
    memory_bytes=3_980_000_000,
    architecture="aarch64",
    bits=64,
    os="Debian GNU/Linux 12 (bookworm)",
    kernel="6.6.31+rpt-rpi-v8",
    python="3.11.2",
    governor="performance",
    temperature_c=45.0,
    throttled=0,
    engines={"litert": "2.3.0"},
    edgetl="0.1.0",
)

TIMER = Timer(resolution_s=5.6e-8, call_s=2.1e-7, empty_s=4.2e-6)


def process(
    median_s: float = 0.01,
    *,
    runs: int = 100,
    spread: float = 0.01,
    first_s: float | None = None,
    seed: int = 0,
) -> ProcessRun:
    """A process whose inferences scatter evenly by ``spread``, a share of the median."""
    draw = random.Random(seed)
    times = tuple(median_s * (1 + spread * draw.uniform(-1, 1)) for _ in range(runs))
    few = times[:10]
    return ProcessRun(
        import_s=0.1,
        load_s=0.02,
        warmup_s=(first_s or 2 * median_s, *few),
        steady=True,
        inference_s=times,
        rss_before_bytes=40_000_000,
        rss_after_bytes=60_000_000,
        peak_bytes=70_000_000,
        stages=Stages((0.004,) * 10, (0.002,) * 10, few, (0.0001,) * 10, (0, 1) * 5),
        load_peak_bytes=66_000_000,
        rss_steady_bytes=68_000_000,
    )


def result(
    variant: str = "tflite-int8",
    *,
    threads: int = 1,
    batch: int = 1,
    processes: Sequence[ProcessRun] | None = None,
) -> Result:
    """A measured result; by default of two processes."""
    runs = processes if processes is not None else (process(seed=1), process(seed=2))
    return Result(variant, 4_100_000, "litert", threads, "measured", None, tuple(runs), batch)


def throughput(variant: str = "tflite-int8", *, workers: int = 4, turn_s: float = 0.04) -> Throughput:
    """A measured throughput of two processes, the second of which was a tenth slower."""
    runs = tuple(
        ThroughputRun((turn_s * slower,) * 20, (3 * turn_s, turn_s), True, 140_000_000)
        for slower in (1.0, 1.1)
    )
    return Throughput(variant, "litert", workers, "measured", None, runs)


def failed(variant: str = "openvino-int8") -> Result:
    """A result whose engine refused the model."""
    return Result(
        variant, 4_000_000, "openvino", 1, "failed", "openvino cannot load model.xml: no such kernel"
    )


def report(
    *results: Result,
    machine: Machine = PI,
    states: Sequence[State] = (QUIET, QUIET),
    timer: Timer | None = TIMER,
    throughput: Sequence[Throughput] = (),
    advice: Sequence[str] = (),
) -> BenchReport:
    """A benchmark of a quiet Raspberry Pi 4."""
    rows = results or (result(),)
    return BenchReport(
        bundle="insects",
        bundle_created="2026-11-21T12:00:00+00:00",
        created="2026-11-22T09:14:03+00:00",
        command="edgetl bench insects.edgetl --threads 1,4 --rounds 2",
        pictures=("golden/0.jpg", "golden/1.jpg"),
        parameters=Parameters(
            tuple({row.variant: None for row in rows}),
            (1, 4),
            2,
            None,
            None,
            batches=tuple({row.batch: None for row in rows}),
            workers=tuple({row.workers: None for row in throughput if row.workers}),
        ),
        platform=Platform(machine, tuple(states), timer),
        results=tuple(rows),
        throughput=tuple(throughput),
        advice=tuple(advice),
    )


def manifest(
    sizes: dict[str, int] | None = None, *, pick: str = "tflite-int8", scored: bool = True
) -> Manifest:
    """A manifest of seven variants, or of those whose sizes in bytes are given."""
    sizes = sizes or {
        "tflite-float32": 13_600_000,
        "tflite-float16": 6_900_000,
        "tflite-int8": 3_900_000,
        "onnx-float32": 13_500_000,
        "onnx-int8": 3_700_000,
        "openvino-float32": 13_700_000,
        "openvino-int8": 4_100_000,
    }
    picture, expected = (FileEntry(f"golden/{name}", "0" * 64, 1) for name in ("0.jpg", "expected.npz"))
    variants = []
    for number, (name, size) in enumerate(sizes.items()):
        format_name, _, precision = name.partition("-")
        lost = number % 3
        drop = paired_difference(lost, 0, 153)
        points = Interval(100 * drop.value, 100 * drop.low, 100 * drop.high)
        score = Score("val", 153, wilson(146 - lost, 153), points, 1 - lost / 153) if scored else None
        files = (FileEntry(f"{name}/model", "0" * 64, size),)
        variants.append(Variant(name, format_name, precision, files, score, 1e-4))
    return Manifest(
        name="insects",
        created="2026-11-21T12:00:00+00:00",
        edgetl="0.1.0",
        contract=Contract(224, 224, labels=("ants", "bees")),
        variants=tuple(variants),
        pick=pick,
        pick_reason=f"{pick}: the smallest whose drop stays under one point",
        reject_threshold=None,
        golden=Golden((picture,), expected),
    )


def full_manifest() -> Manifest:
    """Fourteen variants of a user's own model, of all precisions, with all that export finds out of them.

    ``tflite-int16x8`` is very slow, and ``onnx-dynamic`` failed the gate.
    """
    megabytes = {"float32": 13.6, "float16": 6.9, "dynamic": 3.6, "int8": 3.9, "int16x8": 4.0, "mixed": 4.9}
    offered = {
        "tflite": ("float32", "float16", "dynamic", "int8", "int16x8", "mixed"),
        "onnx": ("float32", "float16", "dynamic", "int8", "mixed"),
        "openvino": ("float32", "float16", "int8"),
    }
    sizes = {
        f"{name}-{precision}": round(1e6 * megabytes[precision]) + 20_000 * number
        for number, name in enumerate(offered)
        for precision in offered[name]
    }
    plain = manifest(sizes, pick="tflite-int8")

    def told(number: int, variant: Variant) -> Variant:
        share = {"int8": 0.998, "mixed": 0.931}.get(variant.precision, 0.0)
        recipe = {
            "int8": "every layer in int8",
            "mixed": "every layer; averaged ranges, 3 of 52 layers in float",
        }.get(variant.precision, "")
        latency_s = 0.281 if variant.precision == "int16x8" else 0.003 + 0.0004 * number
        failed = variant.name == "onnx-dynamic"
        return replace(
            variant,
            recipe=recipe,
            arithmetic=Arithmetic(variant.precision, share, share, ()),
            latency_s=latency_s,
            refused="onnx-dynamic loses 1.3 points, more than --max-drop 1" if failed else None,
        )

    return replace(
        plain,
        variants=tuple(told(number, variant) for number, variant in enumerate(plain.variants)),
        measured_on="PC: Intel Xeon Processor at 2.1 GHz",
        embedding=True,
        provenance={
            "model": {
                "file": "birds.keras",
                "kind": "keras",
                "sha256": "ab" * 32,
                "input": "float32 (n, 96, 128, 3), NHWC",
            },
            "calibration": {"images": 200, "fingerprint": "cd" * 32},
            "scored": {"images": 153, "fingerprint": "ef" * 32},
            "libraries": {"edgetl": "0.1.0", "openvino": "2026.4.1"},
        },
    )
