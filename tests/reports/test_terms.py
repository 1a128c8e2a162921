"""The words of a page are those of the glossary."""

import re
from pathlib import Path

import pytest

from edgetl.reports import sections
from edgetl.reports.terms import TERMS

GLOSSARY = Path(__file__).parents[2] / "docs" / "glossary.md"


def test_every_term_stands_in_the_glossary() -> None:
    headings = re.findall(r"^\*\*(.+?)\.\*\*|^\*\*(.+?)\*\*", GLOSSARY.read_text("utf-8"), re.MULTILINE)
    known = {word.strip(" .") for pair in headings for part in pair for word in part.split(",")}
    assert set(TERMS) - known == set()


def test_only_the_words_that_were_asked_for_are_explained() -> None:
    html = sections.terms(["median", "soak"]).html
    assert html.count("<dt>") == 2
    assert TERMS["soak"] in html
    with pytest.raises(KeyError):
        sections.terms(["luck"])
