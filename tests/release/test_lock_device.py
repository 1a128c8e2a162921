"""The locks of boards: complete, pinned to one file each, and what pip itself would take there."""

import hashlib
import importlib.metadata
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from lock_device import LOCKS, MACHINE, OWN_VERSIONS, TARGETS, Target, preferred
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name, parse_wheel_filename

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ENGINES = {"ai-edge-litert", "tflite-runtime", "onnxruntime", "openvino"}
ENTRY = re.compile(
    r"# (?P<wheel>\S+\.whl), (?P<size>\d+) bytes\n"
    r"(?P<name>[a-z0-9-]+)==(?P<version>\S+) \\\n"
    r"    --hash=sha256:(?P<sha256>[0-9a-f]{64})\n"
)
LIMIT_S = 300


@dataclass(frozen=True)
class Pinned:
    """One entry of a lock."""

    version: str
    sha256: str
    wheel: str
    size: int


def read(target: Target) -> dict[str, Pinned]:
    """The entries of a lock by name; what is neither a comment on top nor an entry fails."""
    text = target.place.read_text("ascii")
    head = re.match(r"(?:#[^\n]*\n)+?(?=# \S+\.whl)", text)
    assert head is not None
    body = text[head.end() :]
    assert ENTRY.sub("", body) == ""
    rows = [found.groupdict() for found in ENTRY.finditer(body)]
    entries = {
        row["name"]: Pinned(row["version"], row["sha256"], row["wheel"], int(row["size"])) for row in rows
    }
    assert len(entries) == len(rows)
    return entries


def place_of(target: Target) -> dict[str, str]:
    """The variables of markers on the board."""
    return {
        "implementation_name": "cpython",
        "os_name": "posix",
        "platform_machine": MACHINE,
        "platform_python_implementation": "CPython",
        "platform_system": "Linux",
        "python_full_version": f"{target.python}.0",
        "python_version": target.python,
        "sys_platform": "linux",
        "extra": "",
    }


def wanted(lines: list[str], target: Target) -> list[Requirement]:
    found = map(Requirement, lines)
    return [line for line in found if line.marker is None or line.marker.evaluate(place_of(target))]


@pytest.fixture(scope="module")
def project(root: Path) -> dict[str, Any]:
    table: dict[str, Any] = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))["project"]
    return table


targets = pytest.mark.parametrize("target", TARGETS, ids=lambda target: f"{target.cpython}-{target.extra}")


def test_there_is_a_lock_for_each_python_and_engine_and_no_other_file() -> None:
    assert {path.name for path in LOCKS.iterdir()} == {target.place.name for target in TARGETS}


@targets
def test_every_requirement_of_a_board_is_locked_within_its_range(
    project: dict[str, Any], target: Target
) -> None:
    locked = read(target)
    extras = project["optional-dependencies"]
    lines = [*project["dependencies"], *extras[target.extra], *extras["signatures"]]
    asked = wanted(lines, target)
    assert {"numpy", "pillow", "click", "securesystemslib"} < {line.name for line in asked}
    outside = [line for line in asked if not line.specifier.contains(locked[line.name].version)]
    assert outside == []


@targets
def test_a_lock_holds_its_own_engine_and_no_other(project: dict[str, Any], target: Target) -> None:
    own = {line.name for line in wanted(project["optional-dependencies"][target.extra], target)} & ENGINES
    assert len(own) == 1
    assert set(read(target)) & ENGINES == own


@targets
def test_what_the_locked_packages_need_themselves_is_locked_too(target: Target) -> None:
    locked = read(target)
    looked_at = 0
    for name, pinned in locked.items():
        try:
            installed = importlib.metadata.distribution(name)
        except importlib.metadata.PackageNotFoundError:
            continue
        if installed.version != pinned.version:
            continue  # of another version nothing is known here; pip asks the index, below
        looked_at += 1
        for line in wanted(installed.requires or [], target):
            assert line.specifier.contains(locked[canonicalize_name(line.name)].version), f"{name}: {line}"
    assert looked_at >= 2


@targets
def test_each_pin_names_one_wheel_that_fits_the_board(target: Target) -> None:
    for name, pinned in read(target).items():
        wheel_name, version, _, tags = parse_wheel_filename(pinned.wheel)
        assert (wheel_name, str(version)) == (name, pinned.version)
        assert not tags.isdisjoint(target.tags), pinned.wheel


@targets
def test_locked_versions_are_those_that_are_tested(root: Path, target: Target) -> None:
    lines = (root / "constraints.txt").read_text("utf-8").splitlines()
    asked = wanted([line for line in lines if line and line[0] != "#"], target)
    tested = {line.name: str(line.specifier).removeprefix("==") for line in asked}
    own = {*OWN_VERSIONS.get(target.extra, ()), "tflite-runtime"}
    locked = {name: pinned.version for name, pinned in read(target).items() if name not in own}
    assert locked == {name: tested[name] for name in locked}


def package(*names: str) -> dict[str, Any]:
    wheels = [
        {"url": f"https://index/{name}", "size": 1, "hashes": {"sha256": f"{number:064}"}}
        for number, name in enumerate(names)
    ]
    return {"name": "x", "version": "1", "wheels": wheels}


def test_of_several_wheels_the_one_is_locked_that_pip_prefers() -> None:
    names = (
        "x-1-py3-none-any.whl",
        "x-1-cp310-abi3-manylinux2014_aarch64.whl",
        "x-1-cp311-cp311-manylinux_2_28_aarch64.whl",
        "x-1-cp311-cp311-manylinux_2_40_aarch64.whl",  # needs a newer libc
        "x-1-cp311-cp311-manylinux_2_28_x86_64.whl",
    )
    tags = TARGETS[0].tags
    assert preferred(package(*names), tags).name == names[2]
    assert preferred(package(*names[:2]), tags).name == names[1]
    builds = ("x-1-2-py3-none-any.whl", "x-1-10-py3-none-any.whl", "x-1-py3-none-any.whl")
    assert preferred(package(*builds), tags).name == builds[1]


def test_a_package_without_a_wheel_for_the_board_is_refused() -> None:
    with pytest.raises(SystemExit, match="x 1 has no wheel for cp311-cp311-manylinux_2_36_aarch64"):
        preferred(package("x-1-cp311-cp311-manylinux_2_40_aarch64.whl"), TARGETS[0].tags)


def download(target: Target, lock: Path, folder: Path) -> "subprocess.CompletedProcess[str]":
    """Have pip fetch a lock for the board, checked by its hashes and with all that it needs."""
    command = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", "download"]
    command += ["--require-hashes", "--only-binary", ":all:", "--dest", str(folder), "-r", str(lock)]
    command += ["--python-version", target.python, "--implementation", "cp"]
    for abi in (target.cpython, "abi3", "none"):
        command += ["--abi", abi]
    for platform in target.platforms:
        command += ["--platform", platform]
    return subprocess.run(command, capture_output=True, text=True, timeout=LIMIT_S, check=False)


@pytest.mark.slow
@pytest.mark.device
@targets
def test_pip_takes_exactly_the_locked_files(target: Target, tmp_path: Path) -> None:
    ended = download(target, target.place, tmp_path)
    assert ended.returncode == 0, ended.stderr
    fetched = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in tmp_path.iterdir()}
    assert fetched == {pinned.wheel: pinned.sha256 for pinned in read(target).values()}


@pytest.mark.slow
@pytest.mark.device
@pytest.mark.parametrize("damage", ["a hash", "a dependency"])
def test_pip_refuses_a_lock_with_another_hash_or_without_a_dependency(damage: str, tmp_path: Path) -> None:
    (target,) = (one for one in TARGETS if (one.python, one.extra) == ("3.11", "litert"))
    text = target.place.read_text("ascii")
    entry = next(found for found in ENTRY.finditer(text) if found["name"] == "flatbuffers")
    digest = entry["sha256"]
    changed = f"{int(digest[0], 16) ^ 1:x}{digest[1:]}"
    damaged = entry[0].replace(digest, changed) if damage == "a hash" else ""
    lock = tmp_path / "lock.txt"
    lock.write_text(text.replace(entry[0], damaged))
    ended = download(target, lock, tmp_path / "wheels")
    assert ended.returncode != 0
    assert "flatbuffers" in ended.stderr
    assert ("DO NOT MATCH" in ended.stderr) is (damage == "a hash"), ended.stderr
