"""Build edgetl's wheel so that the same sources give the same bytes, wherever and whenever it is built.

    .venv/bin/python release/build_wheel.py FOLDER

setuptools sorts the entries, but takes permissions and times from the files it finds. So it is given a copy
in which every file has the permissions 0644, and the time SOURCE_DATE_EPOCH: 1980-01-01 unless that is set,
the earliest a zip can say, and the same where no git tells a date. The bytes are then a function of the
sources, of setuptools (whose version stands in WHEEL) and of zlib.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FOLDERS = ("edgetl", "converters", "benchmarks")
FILES = ("pyproject.toml", "setup.cfg", "README.md", "LICENSE")
EPOCH = "315532800"


def main() -> int:
    """Build into the folder that was named."""
    if len(sys.argv) != 2:
        sys.exit("error: name the folder that the wheel goes to, as in release/build_wheel.py dist")
    print(build(ROOT, Path(sys.argv[1])))
    return 0


def build(root: Path, folder: Path) -> Path:
    """Build the wheel of a checkout; the way to it. Ends the script with pip's own words when that fails."""
    with tempfile.TemporaryDirectory(prefix="edgetl-wheel-") as name:
        # In the copy there is no leftover build/lib either, which would put deleted modules into the wheel.
        copy, built = Path(name) / "edgetl", Path(name) / "dist"
        for top in FOLDERS:
            shutil.copytree(root / top, copy / top, ignore=shutil.ignore_patterns("__pycache__"))
        for file in FILES:
            shutil.copy(root / file, copy)
        for path in copy.rglob("*"):
            path.chmod(0o755 if path.is_dir() else 0o644)
        environment = {"SOURCE_DATE_EPOCH": EPOCH, **os.environ, "TZ": "UTC", "LC_ALL": "C"}
        command = [
            sys.executable,
            "-m",
            "pip",
            "--quiet",
            "--disable-pip-version-check",
            "wheel",
            "--no-deps",
        ]
        command += ["--no-build-isolation", "--no-cache-dir", "--wheel-dir", str(built), str(copy)]
        # What the build writes itself takes its permissions from the umask.
        ended = subprocess.run(command, env=environment, umask=0o022, check=False)
        if ended.returncode:
            sys.exit(f"error: pip ended with {ended.returncode}: there is no wheel")
        (wheel,) = built.glob("*.whl")
        folder.mkdir(parents=True, exist_ok=True)
        return Path(shutil.copyfile(wheel, folder / wheel.name))


if __name__ == "__main__":
    sys.exit(main())
