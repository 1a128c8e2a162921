"""What the README of the examples says to type can be typed."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import click
import pytest

from edgetl.cli.main import main
from examples.colours import pictures

FOLDER = Path(__file__).parents[2] / "examples" / "raspberry_pi"
README = (FOLDER / "README.md").read_text("utf-8")
LINES = [
    line
    for block in re.findall(r"^```\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
    for line in block.splitlines()
]
COMMANDS = [line for line in LINES if line.startswith("edgetl ")]
# Those within sentences, too.
COMMANDS += [code for code in re.findall(r"`([^`\n]+)`", README) if re.match(r"edgetl [a-z]+ [A-Z]", code)]


@pytest.mark.parametrize("line", COMMANDS)
def test_every_command_is_one_that_edgetl_takes(line: str) -> None:
    _, name, *words = shlex.split(line, comments=True)
    command = main.get_command(click.Context(main), name)
    assert command is not None, f"there is no edgetl {name}"
    # Parsed as it would be typed; an unknown option or a missing argument raises.
    with command.make_context(name, words) as context:
        assert context.params


def test_the_commands_are_all_there() -> None:
    named = {shlex.split(line)[1] for line in COMMANDS}
    assert {"doctor", "verify", "bench", "run", "teach", "export"} <= named


def test_the_commands_that_need_no_camera_run_one_after_the_other(own_colours: Path) -> None:
    flowers = own_colours.rename(own_colours.with_name("flowers.edgetl"))
    shutil.copy(flowers / "golden" / "1.jpg", flowers.with_name("photo.jpg"))
    pictures(flowers.with_name("mugs"), 10 * ["mug"])
    lines = [line for line in COMMANDS if re.match(r"edgetl (doctor|verify|teach|run \S+ photo)", line)]
    assert len(lines) >= 6
    for line in lines:
        done = subprocess.run(
            [sys.executable, "-m", *shlex.split(line, comments=True)],
            cwd=flowers.parent,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, f"{line}: {done.stderr}"
        assert done.stdout, line


def test_every_program_is_short_in_the_table_and_among_the_lines() -> None:
    programs = {path.name: path.read_text("utf-8") for path in FOLDER.glob("*.py")}
    assert all(10 <= len(text.splitlines()) <= 40 for text in programs.values())
    assert all(re.fullmatch(r"[a-z]+_[a-z]+\.py", name) for name in programs)
    table = re.findall(r"^\| `(\w+\.py)` \|", README, re.MULTILINE)
    assert sorted(table) == sorted(programs)
    typed = [line for line in LINES if line.startswith("python ")]
    assert [shlex.split(line)[1] for line in typed] == table
    for line in typed:
        assert f"\n{line}" in programs[shlex.split(line)[1]]  # as its own docstring has it


def test_the_unit_is_made_that_of_the_user_who_installs_it(tmp_path: Path) -> None:
    (line,) = (line for line in LINES if line.startswith("sed "))
    command, _, rest = line.partition(" | ")
    assert rest == "sudo tee /etc/systemd/system/edgetl.service"
    done = subprocess.run(
        ["sh", "-c", command],
        cwd=FOLDER,
        env={"PATH": os.environ["PATH"], "HOME": "/home/ada", "USER": "ada"},
        capture_output=True,
        text=True,
        check=True,
    )
    settings = [text for text in done.stdout.splitlines() if not text.startswith("#")]
    assert "User=ada" in settings
    assert "ExecStart=/home/ada/edgetl/bin/edgetl run /home/ada/flowers.edgetl" in done.stdout
    assert not [text for text in settings if re.search(r"\bpi\b", text)]


def test_every_shell_line_is_one_that_a_shell_reads() -> None:
    for line in LINES:
        done = subprocess.run(["sh", "-n", "-c", line], capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (0, ""), line
