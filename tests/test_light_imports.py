"""Importing edgetl is light and silent: nothing heavy is loaded until it is asked for."""

import subprocess
import sys

import click
import pytest

from edgetl.cli import main

HEAVY = (
    "ai_edge_litert",
    "ai_edge_quantizer",
    "asyncssh",
    "cv2",
    "keras",
    "matplotlib",
    "nncf",
    "onnx",
    "onnxruntime",
    "openvino",
    "pandas",
    "scipy",
    "sklearn",
    "tensorflow",
    "tf2onnx",
    "tflite_runtime",
    "torch",
)
MODULES = (
    "edgetl",
    "edgetl.benchmarks",
    "edgetl.bundle",
    "edgetl.cli",
    "edgetl.contract",
    "edgetl.converters",
    "edgetl.converters.formats",
    "edgetl.images",
    "edgetl.runtime",
    "edgetl.runtime.engines",
    "edgetl.runtime.sources",
    "edgetl.runtime.teaching",
    "edgetl.training.train",
)
COMMANDS = ("", *main.list_commands(click.Context(main)))


def run_python(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
    )


def heavy_modules_after(code: str) -> list[str]:
    ended = run_python(f"{code}\nimport sys\nprint('loaded:', *(set({HEAVY!r}) & set(sys.modules)))")
    assert ended.returncode == 0, ended.stderr
    return sorted(ended.stdout.rpartition("loaded:")[2].split())


@pytest.mark.parametrize("module", MODULES)
def test_importing_loads_nothing_heavy(module: str) -> None:
    assert heavy_modules_after(f"import {module}") == []


@pytest.mark.parametrize("command", COMMANDS)
def test_help_loads_nothing_heavy(command: str) -> None:
    code = f"""
from edgetl.cli import main
import sys
sys.argv = ["edgetl", *{command.split()!r}, "--help"]
try:
    main()
except SystemExit as end:
    assert not end.code, end.code
"""
    assert heavy_modules_after(code) == []


def test_importing_says_nothing() -> None:
    ended = run_python(f"import {', '.join(MODULES)}")
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "", "")
