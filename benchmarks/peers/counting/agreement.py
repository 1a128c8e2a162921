"""Counts of instructions beside published latencies: do both put models into the same order?"""

import csv
import re
import statistics
from collections.abc import Mapping
from itertools import combinations
from pathlib import Path

import numpy as np

PRECISIONS = {"fp32": "float32", "int8": "int8"}
"""The published table's word for ours."""
_Key = tuple[str, str]
"""Model and precision."""
_RUNTIME = re.compile(r"tflite-v2\.\d+\.\d+-ruy \(aarch64\)")


def latencies(path: Path) -> dict[tuple[str, str], float]:
    """Seconds by model and precision: the median of what was published, four threads."""
    found: dict[tuple[str, str], list[float]] = {}
    with path.open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            usual = row["device"] == "Raspberry Pi 4B" and row["threads"] == "4"
            if usual and row["precision"] in PRECISIONS and _RUNTIME.fullmatch(row["runtime"]):
                key = (row["model"], PRECISIONS[row["precision"]])
                found.setdefault(key, []).append(float(row["latency_ms"]) / 1e3)
    return {key: statistics.median(values) for key, values in found.items()}


def macs(path: Path) -> dict[str, float]:
    """Published multiply-accumulates of a model's inference."""
    with path.open(newline="", encoding="utf-8") as file:
        return {row["model"]: float(row["macs_M"]) * 1e6 for row in csv.DictReader(file) if row["macs_M"]}


def disordered(cost: Mapping[str, float], latency: Mapping[str, float]) -> tuple[int, list[tuple[str, str]]]:
    """Pairs of models, and those of them where the one that costs more is the faster one."""
    pairs = list(combinations(sorted(latency), 2))
    wrong = [
        (one, other)
        for one, other in pairs
        if (cost[one] - cost[other]) * (latency[one] - latency[other]) < 0
    ]
    return len(pairs), wrong


def left_out_errors(cost: Mapping[str, float], latency: Mapping[str, float]) -> dict[str, float]:
    """How far each model's latency is from the one foretold by the others, as a share of its own.

    Latency is taken as a power of the cost; its two numbers are fitted to all models but this one, by least
    squares of logarithms.
    """
    errors = {}
    for name in latency:
        others = [other for other in latency if other != name]
        slope, constant = np.polyfit(
            np.log([cost[other] for other in others]), np.log([latency[other] for other in others]), 1
        )
        foretold = float(np.exp(constant + slope * np.log(cost[name])))
        errors[name] = foretold / latency[name] - 1
    return errors


def mean_left(errors: Mapping[_Key, float], told: Mapping[_Key, float] | None) -> float:
    """The mean error of estimates, or what is left of it when each is corrected by what the others teach.

    Args:
        errors: logarithm of estimate over published, by model.
        told: what an error may follow, a straight line in it; None corrects nothing.

    Returns:
        Mean of abs(estimate / published - 1).
    """
    names = sorted(errors)
    left = []
    for name in names:
        others = [other for other in names if other != name]
        correction = 0.0
        if told is not None:
            line = np.column_stack([np.ones(len(others)), [told[other] for other in others]])
            solved = np.linalg.lstsq(line, np.array([errors[other] for other in others]), rcond=None)[0]
            correction = float(solved @ [1.0, told[name]])
        left.append(abs(float(np.expm1(errors[name] - correction))))
    return statistics.fmean(left)


def report(
    counts: Mapping[tuple[str, str], Mapping[str, int]],
    published: Mapping[tuple[str, str], float],
    work: Mapping[str, float],
) -> str:
    """What agrees and what does not, as Markdown."""
    lines = ["| model | precision | M MACs | M instructions | published | instructions a MAC |"]
    lines.append("| --- | --- | ---: | ---: | ---: | ---: |")
    totals = {key: float(sum(kinds.values())) for key, kinds in counts.items() if key in published}
    for key in sorted(totals, key=lambda key: (key[1], totals[key])):
        name, precision = key
        lines.append(
            f"| {name} | {precision} | {work[name] / 1e6:.0f} | {totals[key] / 1e6:.1f} "
            f"| {published[key] * 1e3:.1f} ms | {totals[key] / work[name]:.2f} |"
        )
    lines.append("")
    for precision in PRECISIONS.values():
        latency = {name: published[name, kind] for name, kind in totals if kind == precision}
        if len(latency) < 3:
            continue
        for what, cost in (
            ("executed instructions", {name: totals[name, precision] for name in latency}),
            ("multiply-accumulates", {name: work[name] for name in latency}),
        ):
            pairs, wrong = disordered(cost, latency)
            errors = left_out_errors(cost, latency)
            mean = statistics.fmean(map(abs, errors.values()))
            worst = max(errors, key=lambda name: abs(errors[name]))
            lines.append(
                f"- {precision}, {what}: {pairs - len(wrong)} of {pairs} pairs in published order; models "
                f"left out one at a time: mean error {100 * mean:.1f} %, worst {100 * errors[worst]:+.0f} % "
                f"({worst})"
            )
            lines += [
                f"  - other order: {one} {latency[one] * 1e3:.1f} ms, {other} {latency[other] * 1e3:.1f} ms"
                for one, other in wrong
            ]
    both = [name for name, kind in totals if kind == "int8" and (name, "float32") in totals]
    for name in both:
        lines.append(
            f"- {name}: int8 executes {totals[name, 'float32'] / totals[name, 'int8']:.2f} times fewer "
            f"instructions than float32, and is {published[name, 'float32'] / published[name, 'int8']:.2f} "
            "times faster"
        )
    return "\n".join(lines)
