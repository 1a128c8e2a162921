"""Install edgetl as a board has it, without TensorFlow, and use it there.

    .venv/bin/python benchmarks/peers/device_install.py BUNDLE PICTURE [--extras litert,onnx,openvino,tflite]
        [--package edgetl-runtime]

For each extra: builds a wheel of this checkout, edgetl or edgetl-runtime (the half that a board needs),
installs it into a fresh virtual environment, prints the installed size and the import time, and runs
doctor, verify, run and bench. Sizes are with the bytecode that pip compiles; "beyond" leaves out numpy,
Pillow, and the engine with what it requires itself. The figures are of the machine that the table names,
not of a board. Ends with 1 when a step fails, 0 otherwise.
"""

import argparse
import os
import platform
import shlex
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from edgetl.remote.runtime_wheel import write_wheel

ROOT = Path(__file__).resolve().parents[2]
EXTRAS = ("litert", "onnx", "openvino", "tflite")
PACKAGES = ("edgetl", "edgetl-runtime")
SOURCES = ("edgetl", "converters", "benchmarks")
# Nothing of the workstation may come along.
WORKSTATION = {"keras", "nncf", "onnx", "scikit-learn", "scipy", "tensorflow", "tensorflow-cpu", "torch"}
ENGINES = {
    "litert": "ai-edge-litert",
    "tflite": "tflite-runtime",
    "onnx": "onnxruntime",
    "openvino": "openvino",
}
# Run in the device's Python: bytes of all distributions but those that a program without edgetl would need.
BEYOND = """
import importlib.metadata as m, re, sys
name = lambda text: re.match("[A-Za-z0-9._-]+", text)[0].lower().replace("_", "-")
installed = {name(d.name): d for d in m.distributions()}
given, left = set(), ["numpy", "pillow", sys.argv[1]]
while left:
    if (one := left.pop()) in installed and one not in given:
        given.add(one)
        left += [name(text) for text in installed[one].requires or () if "extra ==" not in text]
print(sum(f.locate().stat().st_size for n, d in installed.items() if n not in given
          for f in d.files if f.locate().is_file() and "bin" not in f.parts))
"""
IMPORTS = ("pass", "import numpy", "import edgetl", "from edgetl import load")
IMPORT_RUNS = 10
STEP_LIMIT_S = 600


@dataclass
class Device:
    """What was found in the virtual environment of one extra."""

    name: str
    edgetl_bytes: int = 0
    source_bytes: int = 0
    beyond_bytes: int = 0
    all_bytes: int = 0
    distributions: dict[str, str] = field(default_factory=dict)
    import_s: dict[str, float] = field(default_factory=dict)
    step_s: dict[str, float] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)


def main() -> int:
    """Try every extra that was asked for and print one table."""
    parser = argparse.ArgumentParser(description="Install edgetl without TensorFlow and use it.")
    parser.add_argument("bundle", type=Path, help="a folder written by edgetl export")
    parser.add_argument("picture", type=Path, help="a photo to classify")
    parser.add_argument("--extras", default="litert", help=f"of {', '.join(EXTRAS)}; default: litert")
    parser.add_argument("--package", choices=PACKAGES, default=PACKAGES[0], help="default: edgetl")
    arguments = parser.parse_args()
    extras = arguments.extras.split(",")
    if unknown := set(extras) - set(EXTRAS):
        parser.error(f"extra {', '.join(sorted(unknown))} is not offered: choose from {', '.join(EXTRAS)}")
    for path in (arguments.bundle, arguments.picture):
        if not path.exists():
            parser.error(f"{path} is not there")
    with tempfile.TemporaryDirectory(prefix="edgetl-device-") as temporary:
        whole = arguments.package == "edgetl"
        wheel = build_wheel(Path(temporary)) if whole else write_wheel(Path(temporary))
        devices = [
            try_device(Path(temporary) / extra, wheel, f"{arguments.package}[{extra}]", arguments)
            for extra in extras
        ]
    print_table(devices)
    return 1 if any(device.failures for device in devices) else 0


def build_wheel(temporary: Path) -> Path:
    """Build the wheel from a copy, so that a leftover build folder of the checkout stays out of it."""
    copy = temporary / "source"
    for name in SOURCES:
        shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
    for file in ROOT.iterdir():
        if file.is_file():
            shutil.copy(file, copy)
    pip("wheel", "--no-deps", "--wheel-dir", str(temporary), str(copy))
    (wheel,) = temporary.glob("edgetl-*.whl")
    return wheel


def try_device(place: Path, wheel: Path, name: str, given: argparse.Namespace) -> Device:
    """Install one extra and go through the steps of a board."""
    device = Device(name)
    extra = place.name
    venv = place / "venv"
    # Without pip: what then lies in site-packages is edgetl and what it needs, and nothing else.
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(venv)], check=True)
    python = venv / "bin" / "python"
    pip("--python", str(python), "install", f"{name} @ {wheel.as_uri()}")

    (packages,) = venv.glob("lib/python*/site-packages")
    device.edgetl_bytes = size_bytes(packages / "edgetl")
    device.source_bytes = sum(file.stat().st_size for file in (packages / "edgetl").rglob("*.py"))
    device.all_bytes = size_bytes(packages)
    device.beyond_bytes = int(subprocess.check_output([str(python), "-c", BEYOND, ENGINES[extra]], text=True))
    listing = "import importlib.metadata as m; [print(d.name, d.version) for d in m.distributions()]"
    lines = subprocess.check_output([str(python), "-c", listing], text=True).splitlines()
    device.distributions = {name.lower(): version for name, version in map(str.split, lines)}
    if found := WORKSTATION & set(device.distributions):
        device.failures.append(f"{name} brings {', '.join(sorted(found))}")
    for code in IMPORTS:
        device.import_s[code] = import_time_s(python, code)

    # Copied, as to a board: bench leaves its report beside the bundle.
    copied = str(shutil.copytree(given.bundle, place / given.bundle.resolve().name))
    steps = {
        "doctor": [],
        "verify": [copied],
        "run": [copied, str(given.picture.resolve())],
        "bench": [copied],
    }
    environment = {**os.environ, "EDGETL_CACHE": str(place / "cache"), "NO_COLOR": "1"}
    for step, words in steps.items():
        print(f"\n$ {shlex.join(['edgetl', step, *words])}    # {name}", flush=True)
        begin = time.perf_counter()
        command = [str(venv / "bin" / "edgetl"), step, *words]
        try:
            ended = subprocess.run(
                command,
                cwd=place,
                env=environment,
                timeout=STEP_LIMIT_S,
                check=False,
                stdin=subprocess.DEVNULL,
            )
            fate = f"ended with {ended.returncode}" if ended.returncode else ""
        except subprocess.TimeoutExpired:
            fate = f"did not end within {STEP_LIMIT_S} s"
        device.step_s[step] = time.perf_counter() - begin
        if fate:
            device.failures.append(f"{name}: edgetl {step} {fate}")
    return device


def pip(*arguments: str) -> None:
    """Run this environment's pip; it ends the script with pip's own words when it fails."""
    command = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", *arguments]
    if subprocess.run(command, check=False).returncode:
        sys.exit(f"failed: pip {' '.join(arguments)}")


def size_bytes(folder: Path) -> int:
    """Sum of the file sizes, byte-compiled files included, as pip leaves them."""
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def import_time_s(python: Path, code: str) -> float:
    """Median wall time of a whole process that runs ``code``; a first, cold run is not counted."""
    times = []
    for _ in range(IMPORT_RUNS + 1):
        begin = time.perf_counter()
        subprocess.run([str(python), "-c", code], check=True, cwd=python.parent)
        times.append(time.perf_counter() - begin)
    return statistics.median(times[1:])


def print_table(devices: Sequence[Device]) -> None:
    """Print one column an extra, and below it what failed."""
    rows = [("", *(device.name for device in devices))]
    rows.append(("installed, MB", *(f"{device.all_bytes / 1e6:.1f}" for device in devices)))
    rows.append(("  edgetl itself, MB", *(f"{device.edgetl_bytes / 1e6:.2f}" for device in devices)))
    rows.append(
        ("  edgetl without bytecode, MB", *(f"{device.source_bytes / 1e6:.2f}" for device in devices))
    )
    rows.append(("  beyond numpy, pillow, engine, MB", *(f"{d.beyond_bytes / 1e6:.2f}" for d in devices)))
    rows.append(("  packages", *(str(len(device.distributions)) for device in devices)))
    rows.append(("  numpy", *(device.distributions["numpy"] for device in devices)))
    for code in IMPORTS:
        times = (f"{device.import_s[code] * 1e3:.0f}" for device in devices)
        rows.append((f"python -c '{code}', ms", *times))
    rows += [
        (f"edgetl {step}, s", *(f"{device.step_s[step]:.1f}" for device in devices))
        for step in devices[0].step_s
    ]
    print(f"\nmeasured on {platform.machine()}, {os.cpu_count()} cores, {platform.system()}, ", end="")
    print(f"Python {platform.python_version()}; import times are medians of {IMPORT_RUNS} processes")
    for name, *cells in rows:
        print(f"{name:<34}" + "".join(f"{cell:>25}" for cell in cells))
    failures = [failure for device in devices for failure in device.failures]
    print("\n".join(f"FAILED  {failure}" for failure in failures) or "every step passed, without TensorFlow")


if __name__ == "__main__":
    sys.exit(main())
