"""Problems that ``edgetl doctor`` tells, and their fixes as they must be typed here."""

import re
import shlex
import shutil
import sys
import sysconfig
from dataclasses import dataclass
from pathlib import Path

from edgetl import extras

_PIP = "pip install "
_NEW = "~/edgetl"
_EXTRA = re.compile(r"'edgetl\[(?P<extra>\w+)\]'")


@dataclass(frozen=True)
class Problem:
    """Something that does not work, or does not work well, and the way out."""

    problem: str
    fix: str
    """The exact line to type, or what to change on the board."""
    source: str | None
    """Where it is known from; None when it was seen here."""


def typed_here(line: str) -> str:
    """A line that begins with ``pip install``, changed so that it reaches the Python that runs this.

    It names the distribution that is installed here, edgetl or edgetl-runtime.

    A virtual environment need not be active for its edgetl to run, and ``pip`` then is another one's. The
    system's own Python refuses pip since Debian 12 (PEP 668): the line then makes an environment, which
    sees apt's packages, since apt is where picamera2 comes from.
    """
    if not line.startswith(_PIP):
        return line
    line = _EXTRA.sub(lambda found: extras.requirement(found["extra"]), line)
    if not in_environment() and (Path(sysconfig.get_path("stdlib")) / "EXTERNALLY-MANAGED").exists():
        wanted = line if "edgetl" in line else line.replace(_PIP, f"{_PIP}{extras.distribution()} ", 1)
        make = f"python3 -m venv --system-site-packages {_NEW}"
        return f"sudo apt install python3-venv && {make} && {_NEW}/bin/{wanted}"
    pip = shutil.which("pip")
    if pip is not None and Path(pip).parent == Path(sys.executable).parent:
        return line
    return f"{shlex.quote(sys.executable)} -m {line}"


def in_environment() -> bool:
    """Whether Python runs in a virtual environment."""
    return sys.prefix != sys.base_prefix
