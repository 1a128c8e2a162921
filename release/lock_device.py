"""Write ``locks/``: exactly which wheels a board gets, each with its SHA-256.

    make locks

One file for each Python and each engine: a board has one of both, and a small card has better uses for its
space than the other engines. Each brings what checks signatures. uv resolves ``edgetl[ENGINE,signatures]`` as
on the board (aarch64, that Python, that glibc), with the versions of constraints.txt, which the tests and the
emulated boards run with. Of each release one wheel is kept: the one that pip prefers there. A file names no
index, so that a mirror will do.
"""

import re
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from packaging.requirements import Requirement
from packaging.tags import Tag, compatible_tags, cpython_tags
from packaging.utils import canonicalize_name, parse_wheel_filename

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).resolve().parents[1]
LOCKS = ROOT / "locks"
MACHINE = "aarch64"
GLIBC = (2, 36)
"""Debian 12's, the oldest system with one of these Pythons; Debian 13 has 2.41."""
OWN_VERSIONS = {"tflite": ("numpy",)}
"""By extra: packages that constraints.txt does not speak of, as it says: tflite-runtime needs numpy 1."""


@dataclass(frozen=True)
class Target:
    """A Python and an engine on a 64-bit board."""

    python: str
    """``3.11``."""
    extra: str

    @property
    def extras(self) -> tuple[str, str]:
        """What is asked for: the engine, and what checks signatures, which a board may require."""
        return self.extra, "signatures"

    @property
    def cpython(self) -> str:
        """As wheels name it: ``cp311``."""
        return "cp" + self.python.replace(".", "")

    @property
    def place(self) -> Path:
        """Where its lock lies."""
        return LOCKS / f"device-{self.cpython}-{MACHINE}-{self.extra}.txt"

    @property
    def platforms(self) -> list[str]:
        """Platform tags that fit, the preferred first."""
        newer = [f"manylinux_2_{minor}_{MACHINE}" for minor in range(GLIBC[1], 16, -1)]
        return [*newer, f"manylinux2014_{MACHINE}", f"linux_{MACHINE}"]

    @property
    def tags(self) -> list[Tag]:
        """All tags that fit, the preferred first, as pip orders them."""
        version = tuple(map(int, self.python.split(".")))
        own = cpython_tags(version, [self.cpython], self.platforms)
        return [*own, *compatible_tags(version, self.cpython, self.platforms)]


TARGETS = (
    *(Target("3.11", extra) for extra in ("litert", "onnx", "openvino", "tflite")),
    # tflite-runtime has no wheel for Python 3.12 and later.
    *(Target("3.13", extra) for extra in ("litert", "onnx", "openvino")),
)


@dataclass(frozen=True)
class Wheel:
    """One file of a release."""

    name: str
    """Of the file."""
    sha256: str
    size_bytes: int


def main() -> int:
    """Write every lock, and remove those of targets that are no more."""
    LOCKS.mkdir(exist_ok=True)
    for old in set(LOCKS.glob("device-*.txt")) - {target.place for target in TARGETS}:
        old.unlink()
    for target in TARGETS:
        wheels = resolve(target)
        target.place.write_text(render(target, wheels), "utf-8")
        total = sum(wheel.size_bytes for wheel in wheels) / 1e6
        print(f"{target.place.relative_to(ROOT)}: {len(wheels)} wheels, {total:.1f} MB")
    return 0


def resolve(target: Target) -> list[Wheel]:
    """The wheels that a board needs, by name; ends the script with uv's own words when there is no answer."""
    own = OWN_VERSIONS.get(target.extra, ())
    lines = (ROOT / "constraints.txt").read_text("utf-8").splitlines()
    kept = [line for line in lines if line and line[0] != "#" and Requirement(line).name not in own]
    with tempfile.TemporaryDirectory(prefix="edgetl-lock-") as folder:
        constraints, found = Path(folder) / "constraints.txt", Path(folder) / "pylock.toml"
        constraints.write_text("\n".join(kept) + "\n", "utf-8")
        command = [sys.executable, "-m", "uv", "--quiet", "pip", "compile", str(ROOT / "pyproject.toml")]
        command += [word for extra in target.extras for word in ("--extra", extra)]
        command += ["-c", str(constraints), "--only-binary", ":all:"]
        command += ["--python-version", target.python]
        command += ["--python-platform", f"{MACHINE}-manylinux_{GLIBC[0]}_{GLIBC[1]}"]
        command += ["--format", "pylock.toml", "--output-file", str(found)]
        if code := subprocess.run(command, check=False).returncode:
            sys.exit(f"error: uv ended with {code}: there is no lock for {target.place.stem}")
        packages = tomllib.loads(found.read_text("utf-8"))["packages"]
    return [preferred(package, target.tags) for package in sorted(packages, key=lambda one: str(one["name"]))]


def preferred(package: dict[str, Any], tags: list[Tag]) -> Wheel:
    """The one wheel of a release that pip takes on the board."""
    wheels = [
        Wheel(unquote(row["url"].rpartition("/")[2]), row["hashes"]["sha256"], row["size"])
        for row in package.get("wheels", ())
    ]
    rank = {tag: number for number, tag in enumerate(tags)}
    fitting = [wheel for wheel in wheels if not parse_wheel_filename(wheel.name)[3].isdisjoint(rank)]
    if not fitting:
        sys.exit(f"error: {package['name']} {package.get('version')} has no wheel for {tags[0]}")

    def order(wheel: Wheel) -> tuple[int, int]:
        _, _, build, fits = parse_wheel_filename(wheel.name)
        # Of two builds with one tag pip takes the later.
        return min(rank[tag] for tag in fits if tag in rank), -(build[0] if build else 0)

    return min(fitting, key=order)


def render(target: Target, wheels: Iterable[Wheel]) -> str:
    """The text of a lock, which ``pip install -r`` reads."""
    place = f"CPython {target.python}, {MACHINE}, glibc {GLIBC[0]}.{GLIBC[1]} or newer"
    lines = [
        f"# What edgetl[{','.join(target.extras)}] needs on {place}.",
        "# Written by make locks; docs/supply-chain.md says how to use it:",
        "#   pip install --require-hashes --only-binary :all: -r FILE",
    ]
    for wheel in wheels:
        name, version, _, _ = parse_wheel_filename(wheel.name)
        lines += [
            f"# {wheel.name}, {wheel.size_bytes} bytes",
            f"{canonicalize_name(name)}=={version} \\",
            f"    --hash=sha256:{wheel.sha256}",
        ]
        if not re.fullmatch("[0-9a-f]{64}", wheel.sha256):
            sys.exit(f"error: the index gives no SHA-256 of {wheel.name}")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(main())
