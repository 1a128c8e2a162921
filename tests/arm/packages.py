"""edgetl on the board: what its wheel is made of, and the emulated pip that installs it there."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import build_wheel

from arm import folders
from arm.userland import Userland

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).parents[2]
_TESTED_WITH = ("pytest>=9", "hypothesis>=6.150")
_LIMIT_S = 900


def source_key() -> str:
    """A digest of all that becomes the wheel."""
    return folders.key_of(*(ROOT / name for name in (*build_wheel.FOLDERS, *build_wheel.FILES)))


def install(userland: Userland, extras: Sequence[str], wheel: Path) -> Path:
    """Install edgetl with some extras on the board, and return the board's Python.

    On 64 bits from ``locks/``, as docs/supply-chain.md tells users to: the emulated pip judges every tag and
    hash, and `pip check` every marker. On 32 bits, where half of it is apt's, from the index.

    Args:
        userland: where. Boards of one architecture and suite share what is installed.
        extras: their names in pyproject.toml.
        wheel: edgetl's, which the emulated pip is given.
    """
    name = extras[0]
    shared = folders.cache() / f"{userland.suite}-{userland.board.architecture}-{name}"
    locks = _locks(userland, extras)
    needs = folders.key_of(Path(__file__), shared.name, userland.pip.name, _requirements(extras), *locks)
    key = folders.key_of(wheel)
    wanted = f"{needs} {key}"
    if not folders.is_kept(shared, wanted):
        built_for = (shared / "needs").read_text() if (shared / "needs").is_file() else ""
        folders.stamp(shared, None) if shared.is_dir() else shared.mkdir(parents=True)
        if built_for != needs:
            shutil.rmtree(shared)
            shared.mkdir()
        python = userland.add_python(shared)
        if built_for != needs:
            if locks:
                given = [word for lock in locks for word in ("-r", str(lock))]
                pip(userland, python, "install", "--require-hashes", *given)
                pip(userland, python, "install", "--no-deps", str(wheel))
                pip(userland, python, "install", "-c", str(ROOT / "constraints.txt"), *_TESTED_WITH)
            else:
                requirement = f"edgetl[{','.join(extras)}] @ {wheel.as_uri()}"
                pip(userland, python, "install", requirement, *_TESTED_WITH)
            pip(userland, python, "check")
            (shared / "needs").write_text(needs)
        else:
            (packages,) = shared.glob("lib/python*/site-packages")
            for old in packages.glob("edgetl*"):
                shutil.rmtree(old)
            pip(userland, python, "install", "--no-deps", str(wheel))
        folders.stamp(shared, wanted)
    own = folders.cache() / f"{userland.suite}-{userland.board.name}-{name}"
    shutil.rmtree(own, ignore_errors=True)
    python = userland.add_python(own)
    (own / "lib").symlink_to(shared / "lib")
    return python


def pip(userland: Userland, python: Path, *arguments: str) -> None:
    """Run pip on the board.

    Raises:
        CalledProcessError, TimeoutExpired: it failed or did not end; its own words are on stderr.
    """
    # This machine's settings say where the index is; pip finds them, as the board sees files that only stand
    # here. What is not compiled now is compiled at its first import.
    start = ["-m", "pip"]
    if userland.board.architecture == "armhf":
        # There pip reads in the ELF header of sys.executable that wheels for armv7l fit; ours is a script.
        elf = f"{userland.root}/usr/bin/python{userland.python_version}"
        run = "runpy.run_module('pip', run_name='__main__', alter_sys=True)"
        start = ["-c", f"import runpy, sys; sys.executable = {elf!r}; {run}"]
    command = [python, *start, "-qq", "--disable-pip-version-check", *arguments]
    if arguments[0] == "install":
        command += ["--no-compile", "--only-binary=:all:", "--timeout", "30", "--retries", "3"]
    environment = {**os.environ, "PYTHONPATH": str(userland.pip), "PIP_ROOT_USER_ACTION": "ignore"}
    subprocess.run(command, env=environment, timeout=_LIMIT_S, check=True, stdin=subprocess.DEVNULL)


def _locks(userland: Userland, extras: Sequence[str]) -> list[Path]:
    """The locks of these extras on the board; there are none for 32 bits."""
    if userland.board.architecture != "arm64":
        return []
    python = f"cp{userland.python_version.replace('.', '')}"
    return [ROOT / "locks" / f"device-{python}-{userland.board.machine}-{extra}.txt" for extra in extras]


def _requirements(extras: Sequence[str]) -> str:
    """What the package and these extras ask for."""
    table: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    optional = table["optional-dependencies"]
    return json.dumps([table["dependencies"], *(optional[extra] for extra in extras), _TESTED_WITH])
