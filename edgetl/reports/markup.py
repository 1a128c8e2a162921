"""HTML and SVG from plain functions. Whatever is not marked :data:`Html` is text, and escaped."""

import html
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NewType

Html = NewType("Html", str)
"""Text that is markup already: made here, or by a function that says so."""

Attribute = str | float | None

_MOST_CARDS = 6


def text(value: object) -> Html:
    """Any value as text that means what it says."""
    return Html(html.escape(str(value)))


def unbroken(value: str) -> str:
    """The same words on one line: a figure and its unit should not be torn apart."""
    # A dash lets a line break after it, also before a no-break space: the word joiner forbids it.
    return value.replace(" ", "\u00a0").replace("–", "–\u2060")


def join(*parts: Html) -> Html:
    """One piece of markup after the other."""
    return Html("".join(parts))


def tag(element: str, *children: Html, **attributes: Attribute) -> Html:
    """An element.

    Args:
        element: ``div``.
        children: what stands inside it.
        attributes: ``class_`` becomes ``class``, ``stroke_width`` becomes ``stroke-width``; None leaves one
            out, and numbers are written in at most two decimals.
    """
    written = "".join(
        f' {name.rstrip("_").replace("_", "-")}="{html.escape(_value(value))}"'
        for name, value in attributes.items()
        if value is not None
    )
    inside = "".join(children)
    if element in ("meta", "img", "br"):
        return Html(f"<{element}{written}>")
    return Html(f"<{element}{written}>{inside}</{element}>")


def _value(value: str | float) -> str:
    return value if isinstance(value, str) else f"{value:.2f}".rstrip("0").rstrip(".")


@dataclass(frozen=True)
class Column:
    """A column of a table."""

    heading: str
    numeric: bool = True
    """Numbers stand to the right, under each other."""
    breaks: bool = False
    """Whether its words may be torn anywhere: paths and names without spaces."""


def table(
    caption: str, columns: Sequence[Column], rows: Sequence[Sequence[Html]], *, mark: int | None = None
) -> Html:
    """A table whose first column names the row. One that is too wide moves inside its own frame.

    On a phone a table of more than four columns and at most six rows becomes a list of cards, with each
    cell's heading beside it. A longer one moves, and its first column stays.

    Args:
        caption: what it shows.
        columns: one for each cell of a row.
        rows: their cells.
        mark: number of the row that is emphasised.
    """

    def cell(number: int, content: Html) -> Html:
        column = columns[number]
        kind = "number" if column.numeric else "breaks" if column.breaks else None
        if number == 0:
            return tag("th", content, scope="row", class_=kind)
        return tag("td", content, class_=kind, data_label=column.heading)

    head = [tag("th", text(c.heading), scope="col", class_="number" if c.numeric else None) for c in columns]
    body = [
        tag(
            "tr",
            *(cell(place, content) for place, content in enumerate(row)),
            class_="mark" if number == mark else None,
        )
        for number, row in enumerate(rows)
    ]
    made = tag(
        "table",
        tag("caption", text(caption)),
        tag("thead", tag("tr", *head)),
        tag("tbody", *body),
        class_=("cards" if len(rows) <= _MOST_CARDS else "long") if len(columns) > 4 else None,
    )
    return tag("div", made, class_="scrolls rows", tabindex="0", role="region", aria_label=caption)


def figure(content: Html, caption: Html, *, scrolls: bool = False) -> Html:
    """A chart with what it shows written below; ``scrolls`` lets a wide one move inside its frame."""
    frame = tag("div", content, class_="scrolls", tabindex="0") if scrolls else content
    return tag("figure", frame, tag("figcaption", caption))


def tiles(items: Sequence[tuple[str, str, str]]) -> Html:
    """Headline figures.

    Args:
        items: for each what it is, the figure, and how sure it is or where it comes from.
    """
    made = [
        tag(
            "div",
            tag("dt", text(what)),
            tag("dd", tag("strong", text(value)), tag("span", text(detail))),
        )
        for what, value, detail in items
    ]
    return tag("dl", *made, class_="tiles")
