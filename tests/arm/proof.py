"""What is asked of edgetl on the emulated board: functions that return a sentence or raise AssertionError."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TypeAlias

from PIL import Image

from arm import packages
from arm.boards import CORES, Board

_LIMIT_S = 300
_PYTEST_LIMIT_S = 3600
QUICK = (
    "tests/runtime/teaching",
    *(
        f"tests/runtime/test_{name}.py"
        for name in ("choosing", "classifier", "engines", "known_bad", "many", "result", "stream", "verify")
    ),
    "tests/test_bundle.py",
    "tests/test_contract.py",
    "tests/test_errors.py",
    "tests/test_extras.py",
    "tests/test_images.py",
    "tests/test_intervals.py",
    "tests/test_manifest.py",
    "tests/benchmarks/test_machine.py",
)
"""Tests that start few processes, each of which takes seconds under emulation: what CI runs there."""
TESTS = (
    "tests/runtime",
    *(name for name in QUICK if not name.startswith("tests/runtime")),
    "tests/test_isolated.py",
)
"""Tests of what runs on a board. Left out are those of the workstation's side, of pages and of file writing,
which have nothing that differs there."""
NEEDS_DOT_PRODUCT = "openvino-int8"
Ended: TypeAlias = "subprocess.CompletedProcess[str]"


def edgetl(python: str | Path, *words: str | Path, code: int | None = 0) -> Ended:
    """Run a command of edgetl; with a code, it must end with that."""
    command = [str(python), "-m", "edgetl", *map(str, words)]
    ended = _run(command, _LIMIT_S)
    if code is not None and ended.returncode != code:
        raise AssertionError(f"edgetl {words[0]} ended with {ended.returncode}: {_tail(ended)}")
    return ended


def doctor(python: Path, board: Board, suite_python: str, engines: Iterable[str]) -> str:
    """The doctor knows the board and finds that exactly these engines work."""
    report = json.loads(edgetl(python, "doctor", "--json").stdout)
    machine = report["machine"]
    seen = {name: machine[name] for name in ("kind", "architecture", "cores", "governor", "temperature_c")}
    expected = {"kind": board.model, "architecture": board.machine, "cores": CORES, "governor": "ondemand"}
    assert seen == {**expected, "temperature_c": 48.277}, seen
    assert machine["python"].startswith(f"{suite_python}."), machine["python"]
    works = {check["name"]: check["works"] for check in report["engines"] if check["works"] is not None}
    assert works == dict.fromkeys(engines, True), report["engines"]
    problems = [problem["problem"] for problem in report["problems"]]
    warned = any("OpenVINO" in problem and "int8" in problem for problem in problems)
    assert warned is ("openvino" in works and not board.has_dot_product), problems
    warning = "; warns of OpenVINO's int8" if warned else ""
    return f"{machine['kind']}, {machine['cpu']}: {', '.join(works)} work{warning}"


def verify(python: Path, board: Board, bundle: Path, formats: Iterable[str]) -> str:
    """Pixels are the same to the bit and every variant of these formats answers as recorded on x86."""
    ended = edgetl(python, "verify", bundle, "--json", code=None)
    try:
        report = json.loads(ended.stdout)
    except json.JSONDecodeError:
        raise AssertionError(f"edgetl verify ended with {ended.returncode}: {_tail(ended)}") from None
    assert report["decoder"]["passed"], report["decoder"]
    checks = {check["variant"]: check for check in report["variants"]}
    able = [name for name in checks if name.partition("-")[0] in formats]
    if not board.has_dot_product and NEEDS_DOT_PRODUCT in able:
        able.remove(NEEDS_DOT_PRODUCT)
        # However it is told, it must not pass for right.
        assert checks[NEEDS_DOT_PRODUCT]["problem"], checks[NEEDS_DOT_PRODUCT]
    failed = {name: checks[name]["problem"] for name in able if checks[name]["problem"]}
    assert able, f"no variant of {', '.join(formats)}"
    assert not failed, failed
    return f"same pixels; {', '.join(able)} answer as on x86"


def run(python: Path, bundle: Path, pictures: Sequence[Path], variant: str) -> str:
    """The board gives the labels that this machine gives."""
    with tempfile.TemporaryDirectory(prefix="edgetl-arm-") as folder:
        for picture in pictures:
            shutil.copy(picture, folder)
        here, there = (
            _labels(interpreter, bundle, Path(folder), variant) for interpreter in (sys.executable, python)
        )
    assert len(here) == len(pictures), here
    assert there == here, f"{there} there, {here} here"
    return f"{variant} gives {len(pictures)} pictures the labels of x86"


def teach(python: Path, bundle: Path, pictures: Sequence[Path], variant: str) -> str:
    """The board learns to tell mosaics of photos from photos, as this machine does.

    Args:
        python: the board's.
        bundle: exported with embeddings; it is copied, as what is learned stands beside it.
        pictures: half are taught as mosaics; the others are classified, as they are and as mosaics.
        variant: which looks at them.
    """
    answers = []
    with tempfile.TemporaryDirectory(prefix="edgetl-arm-") as name:
        folder = Path(name)
        for kind in ("taught", "others"):
            (folder / kind).mkdir()
        for number, picture in enumerate(pictures):
            kind = "others" if number % 2 else "taught"
            with Image.open(picture) as image:
                small = image.convert("RGB").resize((8, 8), Image.Resampling.BOX)
            small.resize((320, 320), Image.Resampling.NEAREST).save(folder / kind / f"mosaic-{number}.png")
            if kind == "others":
                shutil.copy(picture, folder / kind / f"photo-{number}{picture.suffix}")
        for side, interpreter in enumerate((sys.executable, python)):
            copy = Path(shutil.copytree(bundle, folder / f"side{side}" / bundle.name))
            edgetl(interpreter, "teach", copy, folder / "taught", "--label", "mosaic", "--variant", variant)
            answers.append(_labels(interpreter, copy, folder / "others", variant))
    here, there = answers
    assert there == here, f"{there} there, {here} here"
    right = sum((label == "mosaic") is name.startswith("mosaic") for name, label in there.items())
    assert right > 0.8 * len(there), there
    return f"taught {len(pictures) // 2} pictures; {right} of {len(there)} others right, each as on x86"


def _labels(interpreter: str | Path, bundle: Path, folder: Path, variant: str) -> dict[str, str]:
    """What ``edgetl run`` says of each picture of a folder, by file name."""
    ended = edgetl(interpreter, "run", bundle, folder, "--variant", variant, "--json")
    lines = map(json.loads, ended.stdout.splitlines())
    return {Path(line["picture"]).name: line["label"] for line in lines if "picture" in line}


def tests(python: Path, engines: Sequence[str], tiny_models: Path, names: Sequence[str]) -> str:
    """The tests of what runs on a board pass there, with the engines installed there."""
    with tempfile.TemporaryDirectory(prefix="edgetl-arm-") as folder:
        # A copy, without edgetl/: what is tested is the installed wheel.
        kept = shutil.ignore_patterns("__pycache__")
        shutil.copytree(packages.ROOT / "tests", Path(folder) / "tests", ignore=kept)
        for name in ("pyproject.toml", "README.md", "CHANGELOG.md", "CONTRIBUTING.md"):
            shutil.copy(packages.ROOT / name, folder)
        words = ["-P", "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "arm.on_board"]
        words += ["--hypothesis-profile", "arm", "-m", "not slow and not device", *names]
        environment = {
            # arm.on_board is asked for before pytest has read that tests/ is on its path.
            "PYTHONPATH": f"{folder}/tests",
            "EDGETL_TEST_ENGINES": ",".join(engines),
            "EDGETL_TEST_MODELS": str(tiny_models),
        }
        ended = _run([str(python), *words], _PYTEST_LIMIT_S, cwd=folder, **environment)
    lines = ended.stdout.strip().splitlines()
    if ended.returncode:
        raise AssertionError(f"pytest:\n{ended.stdout[-20_000:]}{ended.stderr[-2_000:]}")
    skipped = "".join(f"\n    {line}" for line in lines if line.startswith("SKIPPED"))
    return lines[-1].strip("= ") + skipped


def _run(command: Sequence[str], limit_s: float, cwd: str | None = None, **variables: str) -> Ended:
    environment = {**os.environ, "NO_COLOR": "1", "COLUMNS": "200"}
    if command[0] != sys.executable:
        environment.pop("PYTHONPATH", None)  # it is this machine's
    environment |= variables
    # Features of x86 and of the board must not meet.
    with tempfile.TemporaryDirectory(prefix="edgetl-cache-") as cache:
        environment["EDGETL_CACHE"] = cache
        try:
            return subprocess.run(
                command,
                capture_output=True,
                text=True,
                # In the checkout, edgetl/ would be in front of the installed one.
                cwd=cwd or cache,
                env=environment,
                timeout=limit_s,
                check=False,
                stdin=subprocess.DEVNULL,
            )
        except subprocess.TimeoutExpired as error:
            words = (error.stdout or b"").decode("utf-8", "replace")[-2_000:]
            raise AssertionError(
                f"{' '.join(command[1:4])} did not end within {limit_s:g} s, and said last: {words}"
            ) from None


def _tail(ended: Ended) -> str:
    return " | ".join((ended.stderr + ended.stdout).strip().splitlines()[-4:])
