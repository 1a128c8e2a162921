"""What is installed: every module of ours, and nothing else."""

import configparser
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement

import edgetl

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

MAPPED = {"edgetl": "edgetl", "edgetl.converters": "converters", "edgetl.benchmarks": "benchmarks"}
NOT_INSTALLED = ("benchmarks/peers",)
WHEEL_LIMIT_BYTES = 1_000_000


def folder_of(package: str) -> str:
    """Where a package lies in the checkout, by the longest mapped name it begins with."""
    mapped = max((name for name in MAPPED if f"{package}.".startswith(f"{name}.")), key=len)
    return MAPPED[mapped] + package.removeprefix(mapped).replace(".", "/")


def package_of(folder: str) -> str:
    """The inverse of ``folder_of``."""
    top, _, rest = folder.partition("/")
    name = next(package for package, place in MAPPED.items() if place == top)
    return f"{name}.{rest.replace('/', '.')}" if rest else name


def installed_files(root: Path) -> list[Path]:
    """The files of the three folders that belong into the wheel, relative to the checkout."""
    files = (file.relative_to(root) for top in MAPPED.values() for file in (root / top).rglob("*"))
    return sorted(
        file
        for file in files
        if (root / file).is_file()
        and "__pycache__" not in file.parts
        and not file.as_posix().startswith(NOT_INSTALLED)
    )


@pytest.fixture(scope="module")
def setup_cfg(root: Path) -> configparser.ConfigParser:
    parser = configparser.ConfigParser()
    parser.read(root / "setup.cfg", "utf-8")
    return parser


@pytest.fixture(scope="module")
def project(root: Path) -> dict[str, Any]:
    table: dict[str, Any] = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))["project"]
    return table


@pytest.fixture(scope="module")
def wheel(root: Path, tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    """The wheel, built in a copy: a leftover build/lib would put deleted modules into it."""
    copy = tmp_path_factory.mktemp("wheel") / "edgetl"
    kept = shutil.ignore_patterns("__pycache__", "*.egg-info")
    for top in ("edgetl", "converters", "benchmarks", "examples", "tests"):
        shutil.copytree(root / top, copy / top, ignore=kept)
    for file in root.iterdir():
        if file.is_file():
            shutil.copy(file, copy)
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "wheel", "--quiet", "--no-deps"]
    command += ["--no-build-isolation", "--wheel-dir", str(copy / "dist"), str(copy)]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert ended.returncode == 0, ended.stderr
    (built,) = (copy / "dist").glob("*.whl")
    return zipfile.ZipFile(built)


def test_package_list_names_every_folder_with_modules(
    root: Path, setup_cfg: configparser.ConfigParser
) -> None:
    listed = setup_cfg["options"]["packages"].split()
    folders = {file.parent.as_posix() for file in installed_files(root) if file.suffix == ".py"}
    assert listed == sorted(package_of(folder) for folder in folders)


def test_package_dir_maps_the_three_folders(setup_cfg: configparser.ConfigParser) -> None:
    lines = setup_cfg["options"]["package_dir"].strip().splitlines()
    assert dict(re.split(r"\s*=\s*", line) for line in lines) == MAPPED


def test_every_listed_folder_is_a_package(root: Path, setup_cfg: configparser.ConfigParser) -> None:
    folders = [root / folder_of(package) for package in setup_cfg["options"]["packages"].split()]
    assert [folder for folder in folders if not (folder / "__init__.py").is_file()] == []


def test_wheel_holds_every_file_of_ours_and_nothing_else(root: Path, wheel: zipfile.ZipFile) -> None:
    expected = {
        f"{package_of(file.parent.as_posix()).replace('.', '/')}/{file.name}"
        for file in installed_files(root)
    }
    held = {name for name in wheel.namelist() if ".dist-info/" not in name}
    assert expected == held


def test_wheel_is_small(wheel: zipfile.ZipFile) -> None:
    assert sum(entry.compress_size for entry in wheel.infolist()) < WHEEL_LIMIT_BYTES


def test_wheel_says_that_it_is_typed_and_licensed(wheel: zipfile.ZipFile) -> None:
    names = wheel.namelist()
    typed = {f"{package.replace('.', '/')}/py.typed" for package in MAPPED}
    assert typed <= set(names)
    assert [name for name in names if name.endswith("/LICENSE")] != []


def test_version_is_the_same_wherever_it_stands(root: Path, project: dict[str, Any]) -> None:
    assert edgetl.__version__ == project["version"]
    assert f"## [{project['version']}]" in (root / "CHANGELOG.md").read_text("utf-8")


def test_device_package_needs_four_packages(project: dict[str, Any]) -> None:
    names = {re.split(r"[^a-z0-9-]", line)[0] for line in project["dependencies"]}
    assert names == {"click", "numpy", "pillow"}


@pytest.mark.parametrize("extra", ["train", "train-gpu"])
@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
def test_training_extras_install_one_tensorflow(project: dict[str, Any], extra: str, machine: str) -> None:
    place = {"platform_machine": machine, "sys_platform": "linux", "python_version": "3.12"}
    assert len(tensorflows(project, extra, place)) == 1


def test_other_extras_install_no_tensorflow(project: dict[str, Any]) -> None:
    place = {"platform_machine": "x86_64", "sys_platform": "linux", "python_version": "3.12"}
    extras = set(project["optional-dependencies"]) - {"train", "train-gpu"}
    assert {extra: names for extra in extras if (names := tensorflows(project, extra, place))} == {}


def place_of(machine: str, python: str) -> dict[str, str]:
    return {"platform_machine": machine, "sys_platform": "linux", "python_version": python}


def asked_for(lines: list[str], place: dict[str, str]) -> dict[str, Requirement]:
    """What requirements ask for at a place, by name."""
    wanted = [line for line in map(Requirement, lines) if not line.marker or line.marker.evaluate(place)]
    return {line.name: line for line in wanted}


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
@pytest.mark.parametrize("python", ["3.10", "3.11", "3.12", "3.13"])
def test_litert_is_installed_on_every_64_bit_machine(
    project: dict[str, Any], machine: str, python: str
) -> None:
    wanted = asked_for(project["optional-dependencies"]["litert"], place_of(machine, python))
    assert set(wanted) == {"ai-edge-litert"}


# A 32-bit system on a 64-bit kernel calls itself aarch64, or armv8l under `linux32`.
@pytest.mark.parametrize("machine", ["armv7l", "armv8l", "aarch64"])
def test_lite32_asks_for_an_engine_whatever_the_machine_calls_itself(
    project: dict[str, Any], machine: str
) -> None:
    wanted = asked_for(project["optional-dependencies"]["lite32"], place_of(machine, "3.11"))
    assert set(wanted) == {"tflite-runtime", "numpy"}
    # Debian 12's own numpy, the only one there, and none that this engine fails with.
    assert [wanted["numpy"].specifier.contains(version) for version in ("1.24.2", "2.0.0")] == [True, False]


@pytest.mark.parametrize("machine", ["armv7l", "armv8l"])
def test_no_extra_of_an_engine_without_a_32_bit_wheel_asks_for_it_there(
    project: dict[str, Any], machine: str
) -> None:
    optional = project["optional-dependencies"]
    wanted = {
        extra: asked_for(optional[extra], place_of(machine, "3.11"))
        for extra in ("litert", "onnx", "openvino")
    }
    assert wanted == {"litert": {}, "onnx": {}, "openvino": {}}


@pytest.mark.parametrize(
    ("machine", "allowed"), [("x86_64", False), ("aarch64", False), ("armv7l", True), ("armv8l", True)]
)
def test_debian_s_pillow_will_do_on_32_bits_alone(
    project: dict[str, Any], machine: str, allowed: bool
) -> None:
    pillow = asked_for(project["dependencies"], place_of(machine, "3.11"))["pillow"]
    assert pillow.specifier.contains("9.4.0") is allowed
    assert pillow.specifier.contains("12.3.0")
    assert not pillow.specifier.contains("13.0.0")


def test_constraints_pin_every_package_by_version_alone(root: Path) -> None:
    lines = [line for line in (root / "constraints.txt").read_text("utf-8").splitlines() if line[:1] != "#"]
    requirements = [Requirement(line) for line in lines]
    assert [line for line in requirements if line.url or not str(line.specifier).startswith("==")] == []
    assert "edgetl" not in {requirement.name for requirement in requirements}


def tensorflows(project: dict[str, Any], extra: str, place: dict[str, str]) -> set[str]:
    """The distributions of TensorFlow that an extra, and the extras it names, install at a place."""
    found = set()
    for line in map(Requirement, project["optional-dependencies"][extra]):
        if line.marker and not line.marker.evaluate(place):
            continue
        if line.name == "edgetl":
            found |= {name for inner in line.extras for name in tensorflows(project, inner, place)}
        elif line.name.startswith("tensorflow"):
            found.add(line.name)
    return found
