"""Text can be read on what is behind it: WCAG 2.2 asks for 4.5 to 1."""

import importlib.resources
import re

import pytest

CSS = importlib.resources.files("edgetl.reports").joinpath("page.css").read_text("utf-8")
LIGHT, DARK, PRINT = (
    dict(re.findall(r"(--[\w-]+): (#[0-9a-f]{3,6})", block))
    for block in re.findall(r":root \{(.*?)\}", CSS, re.DOTALL)
)
PAIRS = [
    *((ink, paper) for ink in ("--ink", "--quiet") for paper in ("--paper", "--soft", "--accent-soft")),
    ("--accent", "--paper"),
    ("--on-accent", "--accent"),
    ("--ink", "--warn-soft"),
    ("--warn", "--warn-soft"),
    ("--warn", "--paper"),
    ("--warn", "--accent-soft"),
]


def luminance(colour: str) -> float:
    """Relative luminance, 0 to 1, as WCAG 2.2 defines it."""
    digits = colour[1:] if len(colour) == 7 else "".join(2 * digit for digit in colour[1:])
    parts = [int(digits[place : place + 2], 16) / 255 for place in (0, 2, 4)]
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("theme", [LIGHT, DARK, PRINT], ids=["light", "dark", "print"])
@pytest.mark.parametrize(("ink", "paper"), PAIRS)
def test_text_stands_out_from_its_background(theme: dict[str, str], ink: str, paper: str) -> None:
    one, other = sorted((luminance(theme[ink]), luminance(theme[paper])))
    assert (other + 0.05) / (one + 0.05) >= 4.5
