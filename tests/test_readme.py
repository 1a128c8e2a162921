"""What the README says of the commands is what the program says.

``python tests/test_readme.py`` writes the program's help into the README.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from edgetl.cli.main import COMMANDS

README = Path(__file__).resolve().parent.parent / "README.md"
_BLOCK = re.compile(r"```console\n\$ edgetl (\w+) --help\n(.*?)```", re.DOTALL)


def program_says(command: str) -> str:
    """The help of a command at 100 columns, without colours."""
    environment = {**os.environ, "COLUMNS": "100", "NO_COLOR": "1"}
    return subprocess.run(
        [sys.executable, "-m", "edgetl", command, "--help"],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    ).stdout


@pytest.mark.parametrize("command", COMMANDS)
def test_help_in_the_readme_is_the_programs(command: str) -> None:
    blocks = dict(_BLOCK.findall(README.read_text("utf-8")))
    assert blocks[command] == program_says(command), "run: python tests/test_readme.py"


def test_files_and_folders_the_readme_names_are_there() -> None:
    links = re.findall(r"\]\((?!http|#)([^)]+)\)", README.read_text("utf-8"))
    assert links
    assert [link for link in links if not (README.parent / link).exists()] == []


if __name__ == "__main__":
    text = README.read_text("utf-8")
    README.write_text(
        _BLOCK.sub(
            lambda found: f"```console\n$ edgetl {found[1]} --help\n{program_says(found[1])}```", text
        ),
        encoding="utf-8",
    )
