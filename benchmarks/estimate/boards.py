"""The boards that estimates are offered for: core, clock, memory."""

import difflib
from dataclasses import dataclass

from edgetl.errors import UsageError


@dataclass(frozen=True)
class Core:
    """A processor core."""

    name: str
    issue: int
    """Instructions it decodes in a cycle (Arm's technical overviews)."""
    macs_per_cycle: int
    """Peak float32 multiply-accumulates (VFP Benchmark, wlog.flatlib.jp: measured peaks of each core)."""
    dot_product: bool = False
    """Whether it has Arm's int8 dot product instructions (ARMv8.2, asimddp)."""


_A7, _A53, _A72 = Core("Cortex-A7", 2, 1), Core("Cortex-A53", 2, 4), Core("Cortex-A72", 3, 4)
_A76 = Core("Cortex-A76", 4, 8, dot_product=True)
_LPDDR2, _LPDDR4, _LPDDR4X = (
    3.6,
    12.8,
    17.1,
)  # GB/s of 32 bits at 900, 3200 and 4267 million transfers a second


@dataclass(frozen=True)
class Board:
    """A board, as it is sold: neither overclocked nor throttled."""

    key: str
    """What ``--board`` takes."""
    name: str
    """As the published rows and its maker call it."""
    core: Core
    clock_ghz: float
    memory_gb_s: float
    """Peak bandwidth of its memory, 10^9 bytes a second."""
    cores: int = 4
    bits: int = 64
    """Of the system an engine is installed on."""
    same_as: str | None = None
    """Name of the board whose own correction it takes: it has the same chip."""


BOARDS = (
    Board("pi2b", "Raspberry Pi 2B", _A7, 0.9, _LPDDR2, bits=32),
    Board("pizero2w", "Raspberry Pi Zero 2 W", _A53, 1.0, _LPDDR2, same_as="Raspberry Pi 3B"),
    Board("pi3b", "Raspberry Pi 3B", _A53, 1.2, _LPDDR2),
    Board("pi3b+", "Raspberry Pi 3B+", _A53, 1.4, _LPDDR2),
    Board("pi4", "Raspberry Pi 4B", _A72, 1.5, _LPDDR4),
    Board("cm4", "Raspberry Pi CM4", _A72, 1.5, _LPDDR4, same_as="Raspberry Pi 4B"),
    Board("pi400", "Raspberry Pi 400", _A72, 1.8, _LPDDR4, same_as="Raspberry Pi 4B"),
    Board("pi5", "Raspberry Pi 5", _A76, 2.4, _LPDDR4X),
)
_OLDER = ("pi1", "pi1b", "pizero", "pizerow", "zero", "zerow")


def find(key: str) -> Board:
    """The board that ``--board`` names.

    Raises:
        UsageError: there is none of that name; the message lists those there are.
    """
    plain = key.strip().lower().replace(" ", "").removeprefix("raspberry").replace("_", "").replace("-", "")
    plain = {"pi4b": "pi4", "pi3bplus": "pi3b+", "pi3": "pi3b", "pi2": "pi2b", "zero2w": "pizero2w"}.get(
        plain, plain
    )
    for board in BOARDS:
        if board.key == plain:
            return board
    names = ", ".join(board.key for board in BOARDS)
    if plain in _OLDER:
        raise UsageError(
            f"board {key!r} is not offered: no engine of edgetl runs on its ARMv6; choose {names}"
        )
    near = difflib.get_close_matches(plain, [board.key for board in BOARDS], n=1)
    raise UsageError(
        f"board {key!r} is not known: choose {names}{f'; did you mean {near[0]}?' if near else ''}"
    )
