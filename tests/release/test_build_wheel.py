"""The same sources give the same wheel, byte for byte."""

import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Mapping
from pathlib import Path

import build_wheel

SKIPPED = shutil.ignore_patterns("__pycache__")


def copied(root: Path, to: Path) -> Path:
    """What a wheel is made of, and the script that makes it."""
    for folder in (*build_wheel.FOLDERS, "release"):
        shutil.copytree(root / folder, to / folder, ignore=SKIPPED)
    for file in build_wheel.FILES:
        shutil.copy(root / file, to)
    return to


def built(source: Path, to: Path, *, umask: int, environment: Mapping[str, str]) -> bytes:
    command = [sys.executable, str(source / "release" / "build_wheel.py"), str(to)]
    ended = subprocess.run(
        command,
        cwd=source.parent,
        env={**os.environ, **environment},
        umask=umask,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    (wheel,) = to.iterdir()
    assert ended.stdout.strip() == str(wheel)
    return wheel.read_bytes()


def test_another_folder_time_umask_and_zone_give_the_same_bytes(
    root: Path, wheel: Path, tmp_path: Path
) -> None:
    source = copied(root, tmp_path / "elsewhere" / "with a space")
    for number, path in enumerate(sorted(source.rglob("*"))):
        path.chmod(0o700 if path.is_dir() or number % 2 else 0o600)
        os.utime(path, (1_900_000_000 + number, 1_900_000_000 + number))
    (source / "build" / "lib" / "edgetl").mkdir(parents=True)
    (source / "build" / "lib" / "edgetl" / "deleted.py").write_text("left by an earlier build")
    zone = {"TZ": "Pacific/Auckland", "LC_ALL": "C.UTF-8", "PYTHONHASHSEED": "7"}
    again = built(source, tmp_path / "dist", umask=0o077, environment=zone)
    assert again == wheel.read_bytes()


def test_another_module_or_another_date_gives_other_bytes(root: Path, wheel: Path, tmp_path: Path) -> None:
    source = copied(root, tmp_path / "source")
    dated = {"SOURCE_DATE_EPOCH": "1700000000"}
    later = built(source, tmp_path / "later", umask=0o022, environment=dated)
    (source / "edgetl" / "errors.py").write_text("changed = True\n")
    changed = built(source, tmp_path / "changed", umask=0o022, environment={})
    assert len({wheel.read_bytes(), later, changed}) == 3


def test_nothing_of_the_machine_is_in_it(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        entries = archive.infolist()
        content = b"".join(archive.read(entry) for entry in entries)
    assert {entry.date_time for entry in entries} == {(1980, 1, 1, 0, 0, 0)}
    modes = {entry.external_attr >> 16 & 0o777 for entry in entries if not entry.filename.endswith("/RECORD")}
    assert modes == {0o644}
    for word in (str(wheel.parent), str(Path.home()), "edgetl-wheel-"):
        assert word.encode() not in content
