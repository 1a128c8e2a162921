"""The page: sections in one self-contained HTML file."""

import functools
import importlib.resources
from collections.abc import Sequence
from dataclasses import dataclass

import edgetl
from edgetl.reports.markup import Html, join, tag, text
from edgetl.wording import encodable

# Nothing may be loaded, whatever a label or file name tries to smuggle in.
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"


@dataclass(frozen=True)
class Section:
    """A part of the page under its own heading."""

    title: str
    html: Html


def render(title: str, subtitle: str, sections: Sequence[Section], *, style: Html | None = None) -> str:
    """The whole page, as the text of an ``.html`` file.

    Args:
        title: what the page is about: ``flowers``.
        subtitle: what was done, when and where, in a line.
        sections: top to bottom.
        style: rules of this page alone.
    """
    names = [f"section-{number}" for number, _ in enumerate(sections, 1)]
    links = [tag("a", text(part.title), href=f"#{name}") for name, part in zip(names, sections, strict=True)]
    parts = [
        tag("section", tag("h2", text(part.title), id=f"{name}-title"), part.html, id=name)
        for name, part in zip(names, sections, strict=True)
    ]
    head = join(
        tag("meta", charset="utf-8"),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="color-scheme", content="light dark"),
        tag("meta", content=_POLICY, **{"http-equiv": "Content-Security-Policy"}),
        tag("title", text(f"{title} · edgetl")),
        tag("style", _style(), style or Html("")),
    )
    body = join(
        tag("header", tag("h1", text(title)), tag("p", text(subtitle))),
        tag("nav", *links, aria_label="Sections") if len(sections) > 2 else Html(""),
        tag("main", *parts),
        tag(
            "footer", text(f"Written by edgetl {edgetl.__version__}. This page loads nothing from a network.")
        ),
    )
    return encodable(f"<!DOCTYPE html>\n{tag('html', tag('head', head), tag('body', body), lang='en')}\n")


@functools.cache
def _style() -> Html:
    # Our own file, so it is markup already; escaped quotes would not be CSS.
    return Html(importlib.resources.files("edgetl.reports").joinpath("page.css").read_text("utf-8"))
