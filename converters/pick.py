"""Which variant is recommended, from what was measured, and why in one sentence."""

from collections.abc import Sequence
from dataclasses import dataclass

from edgetl.converters.gate import Limits
from edgetl.manifest import Variant
from edgetl.reports.units import format_duration, format_size

_BOARDS = {
    "tflite": "LiteRT runs it on every 64-bit Raspberry Pi",
    "onnx": "ONNX Runtime runs it on every 64-bit Raspberry Pi",
    "openvino": "OpenVINO runs it on every 64-bit Raspberry Pi",
}
"""In the order in which equals are preferred: the smallest engine first."""
_SAME_SPEED, _SAME_SIZE = 1.15, 1.1
"""Ratios within which latencies of one quick measurement, and sizes, count as equal."""


@dataclass(frozen=True)
class Pick:
    """The recommended variant."""

    name: str
    reason: str
    unmet: str | None
    """Which limit of latency or size even the best one breaks; None when all hold."""


def pick(variants: Sequence[Variant], limits: Limits, machine: str) -> Pick:
    """Choose among the variants that passed the gate.

    Those that every 64-bit Raspberry Pi runs come first; among them the fastest, among equally fast ones
    the smallest, among equally small ones LiteRT's. Where all break a limit, the one that breaks it least.

    Args:
        variants: scored and timed, one at least; those kept though they failed are passed over.
        limits: of latency and size.
        machine: where the latencies were measured.
    """
    passed = [variant for variant in variants if variant.refused is None] or list(variants)
    within = [variant for variant in passed if not _broken(variant, limits)]
    pool = within or passed
    portable = [variant for variant in pool if _everywhere(variant)] or pool
    if not within:
        least = min(_excess(variant, limits) for variant in portable)
        portable = [variant for variant in portable if _excess(variant, limits) == least]
    fastest = min(_latency(variant) for variant in portable)
    fast = [variant for variant in portable if _latency(variant) <= _SAME_SPEED * fastest]
    smallest = min(variant.size_bytes for variant in fast)
    small = [variant for variant in fast if variant.size_bytes <= _SAME_SIZE * smallest]
    best = min(small, key=lambda variant: list(_BOARDS).index(variant.format))
    unmet = None
    if not within:
        unmet = f"no variant is within the limits: {best.name} comes nearest, and {_broken(best, limits)}"
    return Pick(best.name, _reason(best, fast, portable, machine), unmet)


def _reason(best: Variant, fast: Sequence[Variant], pool: Sequence[Variant], machine: str) -> str:
    facts = [format_size(best.size_bytes)]
    if best.latency_s is not None:
        facts.append(f"{format_duration(best.latency_s)} a picture on this machine ({machine}, 1 thread)")
    if best.score is not None:
        drop = best.score.drop
        facts.append(f"drop {drop.value:+.1f} points ({drop.low:+.1f} to {drop.high:+.1f})")
    place = "the fastest" if len(fast) == 1 else "as fast as any"
    among = f", {place} of {len(pool)} variants" if len(pool) > 1 and best.latency_s is not None else ""
    board = (
        _BOARDS[best.format] if _everywhere(best) else "OpenVINO runs int8 on a Raspberry Pi 5, not a Pi 4"
    )
    return f"{best.name}: {', '.join(facts)}{among}; {board}"


def _everywhere(variant: Variant) -> bool:
    # Seen under emulation: on a Cortex-A72 OpenVINO's int8 fails to compile or answers wrongly.
    return not (variant.format == "openvino" and variant.precision == "int8")


def _latency(variant: Variant) -> float:
    return variant.latency_s if variant.latency_s is not None else float("inf")


def _excess(variant: Variant, limits: Limits) -> float:
    """How many times a limit it is, by the limit it breaks most."""
    return max(
        _latency(variant) / limits.max_latency_s if limits.max_latency_s is not None else 0.0,
        variant.size_bytes / limits.max_size_bytes if limits.max_size_bytes is not None else 0.0,
    )


def _broken(variant: Variant, limits: Limits) -> str | None:
    if limits.max_latency_s is not None and _latency(variant) > limits.max_latency_s:
        return (
            f"it takes {format_duration(variant.latency_s)} here, more than --max-latency "
            f"{format_duration(limits.max_latency_s)}"
        )
    if limits.max_size_bytes is not None and variant.size_bytes > limits.max_size_bytes:
        return (
            f"it has {format_size(variant.size_bytes)}, more than --max-size "
            f"{format_size(limits.max_size_bytes)}"
        )
    return None
