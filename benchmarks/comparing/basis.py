"""What two reports must share to be compared, and what else differs between them."""

from collections.abc import Iterator
from dataclasses import fields

from edgetl.benchmarks.machine import Machine
from edgetl.benchmarks.results import BenchReport, Parameters

SAME_MEMORY = 0.05
"""Share by which the memory of one machine may differ: the parts of firmware and kernel change."""
_PAIRED = ("variants", "threads", "batches", "workers")
"""Parameters that need not be the same: results are paired by them."""


def obstacle(a: BenchReport, b: BenchReport) -> str | None:
    """Why the two must not be tested, with the way out; None when they may."""
    if not same_machine(a.machine, b.machine):
        return (
            f"A was measured on {_described(a.machine)} and B on {_described(b.machine)}: two machines are "
            "shown side by side and not tested; measure both on one"
        )
    if a.bundle != b.bundle:
        return (
            f"A measured the bundle {a.bundle} and B {b.bundle}: two models are shown side by side and not "
            "tested; compare reports of one bundle"
        )
    if a.parameters.cores != b.parameters.cores:
        return (
            f"A ran on {_cores(a.parameters.cores)} and B on {_cores(b.parameters.cores)}: they are shown "
            "side by side and not tested; measure both with the same --cores"
        )
    return None


def same_machine(a: Machine, b: Machine) -> bool:
    """Whether two descriptions may be of one machine; two boards of one model look the same."""
    if (a.kind, a.cpu, a.cores, a.architecture, a.bits) != (b.kind, b.cpu, b.cores, b.architecture, b.bits):
        return False
    if a.memory_bytes is None or b.memory_bytes is None:
        return True
    return abs(a.memory_bytes - b.memory_bytes) <= SAME_MEMORY * a.memory_bytes


def differences(a: BenchReport, b: BenchReport) -> Iterator[str]:
    """What differs and hinders no test, the likeliest causes of a difference first."""
    used = sorted({row.engine for row in (*a.results, *b.results) if row.engine})
    facts = [
        ("exported", a.bundle_created, b.bundle_created),
        *((engine, a.machine.engines.get(engine), b.machine.engines.get(engine)) for engine in used),
        *(
            (name, getattr(a.machine, name), getattr(b.machine, name))
            for name in ("edgetl", "governor", "python", "os", "kernel")
        ),
        *(
            (field.name, getattr(a.parameters, field.name), getattr(b.parameters, field.name))
            for field in fields(Parameters)
            if field.name not in _PAIRED
        ),
    ]
    for name, one, other in facts:
        if one != other:
            yield f"{name}: {_said(one)} in A, {_said(other)} in B"


def _described(machine: Machine) -> str:
    memory = "" if machine.memory_bytes is None else f", {machine.memory_bytes / 1e9:.1f} GB"
    return f"{machine.label} ({machine.cores} cores{memory}, {machine.bits} bits)"


def _cores(cores: tuple[int, ...] | None) -> str:
    return "any core" if cores is None else f"core {', '.join(map(str, cores))}"


def _said(value: object) -> str:
    return "unknown" if value is None else str(value)
