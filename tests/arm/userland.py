"""The emulated board: QEMU, a Debian userland, and a Python that works as if it were the machine's own."""

import shlex
from dataclasses import dataclass
from pathlib import Path

from arm import boards, debian, folders

PYTHONS = {"bookworm": "3.11", "trixie": "3.13"}
"""Each suite's Python."""
_EMULATORS = {"arm64": "qemu-aarch64", "armhf": "qemu-arm"}
# 7.2 emulates only what it is told: as `-cpu max` it computed some int8 models wrongly.
_EMULATOR_SUITE = "bookworm"
# What wheels expect of a system beyond Python; base-files names it.
# python3-pip-whl is the pip that `python3 -m venv` gives a user there.
_LIBRARIES = ("libstdc++6", "base-files", "python3-pip-whl")
# The index has no wheels of these for 32 bits: users take apt's.
_APT_PACKAGES = {"arm64": (), "armhf": ("python3-numpy", "python3-pil")}


@dataclass(frozen=True)
class Userland:
    """A board with an operating system."""

    board: boards.Board
    suite: str
    emulator: Path
    """Folder with QEMU and its libraries."""
    root: Path
    """What the board sees as ``/``, in front of this machine's own."""

    @property
    def python_version(self) -> str:
        """``3.11``."""
        return PYTHONS[self.suite]

    @property
    def pip(self) -> Path:
        """The wheel of the suite's own pip, which Python can import as it is."""
        (wheel,) = (self.root / "usr/share/python-wheels").glob("pip-*.whl")
        return wheel

    @property
    def label(self) -> str:
        """``pi4, bookworm, Python 3.11``."""
        return f"{self.board.name}, {self.suite}, Python {self.python_version}"

    def add_python(self, venv: Path) -> Path:
        """Write a virtual environment's ``bin/python``, and return it.

        It is a shell script. QEMU tells Python that the script is its own name (``-0``), so Python finds
        pyvenv.cfg beside it, and ``sys.executable`` is the script: processes that the board's Python starts
        are emulated as well, without binfmt_misc.
        """
        python = venv / "bin" / "python"
        python.parent.mkdir(parents=True, exist_ok=True)
        loader = self.emulator / "lib64" / "ld-linux-x86-64.so.2"
        libraries = self.emulator / "usr/lib/x86_64-linux-gnu"
        # By the loader's own option: LD_LIBRARY_PATH would reach into the board.
        command = [loader, "--library-path", libraries]
        command += [self.emulator / "usr/bin" / _EMULATORS[self.board.architecture], "-0", python]
        command += ["-cpu", self.board.cpu, "-r", self.board.kernel, "-L", self.root]
        command += [self.root / "usr/bin" / f"python{self.python_version}"]
        python.write_text(f'#!/bin/sh\nexec {shlex.join(map(str, command))} "$@"\n')
        python.chmod(0o755)
        with_apt = str(bool(_APT_PACKAGES[self.board.architecture])).lower()
        (venv / "pyvenv.cfg").write_text(
            f"home = {self.root}/usr/bin\ninclude-system-site-packages = {with_apt}\n"
            f"version = {self.python_version}\n"
        )
        return python


def make(board: boards.Board, suite: str) -> Userland:
    """Make the userland, or take the one that was made before.

    Raises:
        UnsuitableHostError, UnreachableError: as ``debian.unpack``.
    """
    cache = folders.cache()
    code = [Path(module.__file__ or "") for module in (debian, boards)]
    emulator = folders.kept(
        cache / "qemu",
        folders.key_of(*code, Path(__file__)),
        lambda place: debian.unpack(place, "amd64", _EMULATOR_SUITE, ["qemu-user"]),
    )
    version = PYTHONS[suite]
    packages = [f"python{version}-minimal", f"libpython{version}-stdlib", *_LIBRARIES]
    packages += _APT_PACKAGES[board.architecture]

    def add_system(place: Path) -> None:
        debian.unpack(place, board.architecture, suite, packages)
        # What the packages' scripts would have set up: the one implementation of BLAS and LAPACK there is.
        for name in ("blas", "lapack"):
            for library in place.glob(f"usr/lib/*/{name}/lib{name}.so.3"):
                (library.parents[1] / library.name).symlink_to(f"{name}/{library.name}")

    system = folders.kept(
        cache / f"{suite}-{board.architecture}",
        folders.key_of(*code, Path(__file__), packages),
        add_system,
    )

    def add_board(place: Path) -> None:
        # Boards share the operating system; only what the kernel shows is each one's own.
        for name in ("usr", "etc", "bin", "lib"):
            (place / name).symlink_to(system / name)
        for link in system.glob("lib64"):
            (place / link.name).symlink_to(link)
        boards.write_kernel_files(board, place)

    root = folders.kept(
        cache / f"{suite}-{board.name}", folders.key_of(*code, Path(__file__), board, packages), add_board
    )
    return Userland(board, suite, emulator, root)
