"""Whatever a label or file is called, it is text on the page."""

from html.parser import HTMLParser

from hypothesis import given
from hypothesis import strategies as st

from edgetl.reports.markup import Column, join, table, tag, text, unbroken


class Reader(HTMLParser):
    """Collects what a browser would make of markup."""

    def __init__(self, markup: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.words = ""
        self.feed(markup)
        self.close()

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attributes)))

    def handle_data(self, data: str) -> None:
        self.words += data


# HTML has no way to write a NUL or a lone carriage return.
anything = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\r"), max_size=40)


@given(anything, anything)
def test_text_and_attributes_come_back_as_they_were(content: str, attribute: str) -> None:
    read = Reader(tag("p", text(content), title=attribute))
    assert read.elements == [("p", {"title": attribute})]
    assert read.words == content


def test_attributes_are_named_as_html_names_them() -> None:
    made = tag("rect", class_="hit", stroke_width=1.5, x=2, y=0.126, fill=None)
    assert made == '<rect class="hit" stroke-width="1.5" x="2" y="0.13"></rect>'


def test_void_elements_are_not_closed() -> None:
    assert tag("meta", charset="utf-8") == '<meta charset="utf-8">'


def test_a_cell_carries_its_heading_for_narrow_screens() -> None:
    columns = [Column("Variant", numeric=False), Column("Size")]
    made = table("All", columns, [[text("a"), text("1 MB")], [text("b"), text("2 MB")]], mark=1)
    read = Reader(made)
    assert [found["data-label"] for kind, found in read.elements if kind == "td"] == ["Size", "Size"]
    assert [found.get("class") for kind, found in read.elements if kind == "tr"] == [None, None, "mark"]
    assert ("th", {"scope": "row"}) in read.elements


def test_unbroken_words_are_the_same_words() -> None:
    assert unbroken("8.95 – 9.02 ms").replace("\u2060", "").split() == ["8.95", "–", "9.02", "ms"]


def test_join_adds_nothing() -> None:
    assert join(text("a"), text("<")) == "a&lt;"
