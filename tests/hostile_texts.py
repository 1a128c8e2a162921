"""Texts that a shell, an SSH client, a terminal or a file system would read as more than text.

Each names a canary where it would run something: ``fill`` puts in the folder that has to stay empty, and the
programs of ``trap`` are found first in a PATH, and leave a file there when they are run.
"""

import os
import random
from pathlib import Path

from deep import SEED

TRAPPED = ("edgetl-trap", "reboot", "id", "touch", "nc", "curl", "wget", "xterm", "ssh", "scp", "sh-trap")

_TOUCH = "/bin/touch {canary}/{number}"
_RUNS = ("touch {canary}/{number}", "edgetl-trap", "reboot", "id>{canary}/{number}", _TOUCH)
_WRAPS = (
    "$({run})",
    "`{run}`",
    ";{run}",
    "&&{run}",
    "||{run}",
    "|{run}",
    "\n{run}\n",
    "\r{run}\r",
    "'; {run}; '",
    '"; {run}; "',
    "a' -o 'ProxyCommand={run}",
    "-oProxyCommand={run}",
    "-o ProxyCommand={run}",
    "--$({run})",
    "<({run})",
    ">(sh -c '{run}')",
    "${{IFS}};{run}",
    "%h$({run})",
    "a\0;{run}",
    "\\\n;{run}",
    "$'\\n{run}\\n'",
    "x`{run}`@localhost",
    "pi@$({run})",
    "pi@localhost;{run}",
    "pi@localhost -oProxyCommand={run}",
    "pi@[::1]$({run})",
    "pi@[::1%$({run})]",
    "pi@localhost:$({run})",
    "-oPermitLocalCommand=yes -oLocalCommand={run}",
    "-F/dev/stdin {run}",
    "() {{ :;}}; {run}",
    "__import__('os').system('{run}')",
    "\u037e{run}",  # a Greek question mark, which looks like a semicolon
    "\uff04\uff08{run}\uff09",  # $( ) in full width
    "\x1b]0;{run}\x07",
    "\x1bP$q{run}\x1b\\",
    "~/$({run})",
    "/proc/self/cwd/../../{run}",
)
_PLAIN = (
    "",
    " ",
    ".",
    "..",
    "-",
    "--",
    "-v",
    "-rf",
    "--help",
    "~",
    "~root",
    "*",
    "?",
    "!!",
    "!$",
    "#",
    "%",
    "%h",
    "%%",
    "%n%p%r%u",
    "%s%s%s%n",
    "$HOME",
    "${HOME}",
    "\\",
    "'",
    '"',
    "`",
    "\t",
    "\n",
    "\r\n",
    "\x00",
    "\x7f",
    "\x85",
    "\x9b31m",
    "\x1b[2J\x1b[H",
    "\x1b]52;c;cm0gLXJm\x07",
    "\x1b[6n",
    "\x1b]8;;http://evil.invalid\x07click\x1b]8;;\x07",
    "\u2028",
    "\u202egnp.exe",
    "\u2066a\u2069",
    "\u200b",
    "\ufeff",
    "\u0440\u0456@board",  # Cyrillic letters that look like Latin ones
    "p\u0456@board",
    "pi@b\u043eard",
    "pi\uff20board",
    "pi@board\uff1a22",
    "pi@\u2160\u2161",
    "pi@127.0.0.1\u3002evil",
    "\udce9",
    "pi@\udcff",
    "pi@board:0",
    "pi@board:00022",
    "pi@board:\u0662\u0662",
    "pi@board:22:22",
    "pi@board:" + "9" * 5000,
    "pi@board:1e3",
    "pi@board:+22",
    "pi@board:0x16",
    "pi@@board",
    "pi@board@other",
    "root@pi@board",
    "pi:secret@board",
    "pi:\x1b[31m@board",
    "@board",
    "pi@",
    "pi@.",
    "pi@..",
    "pi@a..b",
    "pi@-board",
    "-pi@board",
    "pi@board/",
    "pi@board/../../etc",
    "ssh://pi@board",
    "pi@board?x",
    "pi@[::1",
    "pi@::1]",
    "pi@[]",
    "pi@[::1]:",
    "pi@[::1]x",
    "pi@[fe80::1%]",
    "pi@[fe80::1%%h]",
    "pi@[fe80::1%25eth0]",
    "pi@[::ffff:127.0.0.1]",
    "pi@fe80::1%lo:22",
    "pi@[[::1]]",
    "pi@0x7f000001",
    "pi@2130706433",
    "pi@127.1",
    "pi@" + "a" * 64,
    "pi@" + "a." * 200 + "b",
    "a" * 100_000,
    "pi@" + "a" * 100_000,
    "../../../../tmp/x",
    "/etc/passwd",
    "a/../../b",
    "con.",
    "NUL",
    "name with spaces",
    'quoted "name"',
    "it's",
    "two\nlines",
    "=cmd|'/c calc'!A1",
    "<script>alert(1)</script>",
    "[red]markup[/red]",
    "[link=http://evil.invalid]x[/link]",
    "\u00a0",
    "Ka\u0308fer",
    "\U0001f41d",
)


def texts() -> list[str]:
    """All of them, with ``{canary}`` still to be filled in; drawn in the same order each time."""
    draw = random.Random(SEED)
    wrapped = [wrap.format(run=run) for wrap in _WRAPS for run in draw.sample(_RUNS, 3)]
    return [*_PLAIN, *wrapped]


def filled(canary: Path) -> list[str]:
    """All of them; whatever runs one leaves a file in ``canary``."""
    return [
        text.replace("{canary}", str(canary)).replace("{number}", str(number))
        for number, text in enumerate(texts())
    ]


def trap(folder: Path, canary: Path) -> Path:
    """A folder for PATH whose programs leave a file in ``canary``."""
    folder.mkdir(exist_ok=True)
    canary.mkdir(exist_ok=True)
    for name in TRAPPED:
        program = folder / name
        program.write_text(f'#!/bin/sh\necho "$0 $*" > {canary}/{name}\n')
        program.chmod(0o755)
    return folder


def fits_a_folder(text: str) -> bool:
    """Whether a file system takes it as one name."""
    return text not in ("", ".", "..") and not set(text) & {"/", "\0"} and len(os.fsencode(text)) <= 255


def obeyed(printed: str) -> str:
    """What of a text a terminal would obey: control characters but the end of a line, and turned writing."""
    turning = {chr(code) for code in (*range(0x202A, 0x202F), *range(0x2066, 0x206A), 0x2028, 0x2029)}
    return "".join(x for x in printed if x in turning or (ord(x) < 32 and x != "\n") or 127 <= ord(x) < 160)
