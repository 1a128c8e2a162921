"""Plain facts: what was used, where and when."""

from collections.abc import Sequence

from edgetl.reports.markup import Html, tag, text
from edgetl.reports.page import Section


def facts(title: str, rows: Sequence[tuple[str, object]]) -> Section:
    """A section of names and values.

    Args:
        title: its heading.
        rows: a name and its value each; values of None are left out.
    """
    return Section(title, facts_list(rows))


def facts_list(rows: Sequence[tuple[str, object]]) -> Html:
    """The list alone."""
    pairs = [(tag("dt", text(name)), tag("dd", text(value))) for name, value in rows if value is not None]
    return tag("dl", *(part for pair in pairs for part in pair), class_="facts")
