"""The table of engines: which formats each runs, in order of preference, and how it is loaded."""

import importlib
import math
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from edgetl import extras
from edgetl.errors import MissingPackageError, UsageError
from edgetl.runtime.base import AbstractEngine


@dataclass(frozen=True)
class EngineRow:
    """One line of the table."""

    name: str
    formats: tuple[str, ...]
    target: str
    """``module:class`` in edgetl."""
    package: str | None
    """What must be importable; None when nothing is needed."""
    distribution: str | None
    extra: str | None

    @property
    def installed(self) -> bool:
        """Whether its package can be found. It may still be broken: ``edgetl doctor`` tries it."""
        return self.package is None or extras.is_installed(self.package)

    @property
    def version(self) -> str | None:
        """The installed version of its package, None when not installed or not needed."""
        return extras.version(self.distribution) if self.distribution else None


ENGINES = {
    row.name: row
    for row in (
        EngineRow("litert", ("tflite",), "litert:LiteRTEngine", "ai_edge_litert", "ai-edge-litert", "litert"),
        EngineRow(
            "tflite-runtime",
            ("tflite",),
            "litert:TFLiteRuntimeEngine",
            "tflite_runtime",
            "tflite-runtime",
            "tflite",
        ),
        EngineRow(
            "onnxruntime", ("onnx",), "onnxruntime:OnnxRuntimeEngine", "onnxruntime", "onnxruntime", "onnx"
        ),
        EngineRow("openvino", ("openvino",), "openvino:OpenVinoEngine", "openvino", "openvino", "openvino"),
        EngineRow("fake", ("fake",), "fake:FakeEngine", None, None, None),
    )
}


def get(name: str) -> EngineRow:
    """The engine of that name.

    Raises:
        UsageError: there is none; the message lists those there are.
    """
    if name not in ENGINES:
        import difflib  # only here: a right name does not need it

        near = difflib.get_close_matches(name, ENGINES, n=1)
        hint = f"; did you mean {near[0]}?" if near else ""
        raise UsageError(f"engine {name!r} is not known: choose {', '.join(ENGINES)}{hint}")
    return ENGINES[name]


def able(format_name: str, engine: str | None = None) -> list[EngineRow]:
    """The engines that run a format, in order of preference, or the one asked for alone.

    Raises:
        UsageError: the engine asked for does not run this format, or none does.
    """
    rows = [row for row in ENGINES.values() if format_name in row.formats]
    if engine is not None:
        row = get(engine)
        if row not in rows:
            names = ", ".join(row.name for row in rows)
            raise UsageError(f"engine {engine!r} does not run {format_name} models: choose {names}")
        return [row]
    if not rows:
        raise UsageError(
            f"no engine runs {format_name} models: pip install --upgrade {extras.distribution()}"
        )
    return rows


def for_format(format_name: str, engine: str | None = None) -> EngineRow:
    """The engine that runs a format here: the one asked for, or the first that is installed.

    Raises:
        UsageError: the engine asked for does not run this format, or none does.
        MissingPackageError: none that would do is installed; the message names the line that installs one.
    """
    rows = able(format_name, engine)
    for row in rows:
        if row.installed:
            return row
    first = rows[0]
    assert first.extra is not None  # the fake engine has none, and is always installed
    raise MissingPackageError(
        f"running {format_name} models needs {first.distribution}: "
        f"pip install {extras.requirement(first.extra)}"
    )


def start(row: EngineRow, files: Mapping[str, bytes], *, num_threads: int | None = None) -> AbstractEngine:
    """Load a model in an engine.

    Args:
        row: which engine.
        files: the model's bytes by file name.
        num_threads: threads for one inference; None takes :func:`default_threads`.

    Raises:
        UsageError: fewer than one thread.
        ModelError: the engine refuses the model.
        MissingPackageError: the engine's package is not installed.
    """
    if num_threads is not None and num_threads < 1:
        raise UsageError(f"{num_threads} threads cannot run anything: ask for 1 or more")
    module, _, name = row.target.partition(":")
    engine: type[AbstractEngine] = getattr(importlib.import_module(f"edgetl.runtime.{module}"), name)
    return engine(files, num_threads=num_threads or default_threads())


def default_threads() -> int:
    """:func:`available_cores`, at most 4: small models gain nothing beyond."""
    return min(4, available_cores())


def available_cores() -> int:
    """Cores this process may use: those it may run on, as far as its control group gives it time."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(cores, _quota(Path("/")))


def _quota(root: Path) -> int:
    """Cores whose time a container or a service with CPUQuota may take, at least 1 (cgroup v2, cpu.max)."""
    try:
        group = (root / "proc/self/cgroup").read_text("utf-8").partition("0::/")[2].partition("\n")[0]
        limit, period = (root / "sys/fs/cgroup" / group / "cpu.max").read_text("utf-8").split()
        return max(1, math.ceil(int(limit) / int(period)))
    except (OSError, ValueError, ZeroDivisionError):  # no such group, or its limit is "max"
        return sys.maxsize
