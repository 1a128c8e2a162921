"""Which classes are taken for which: a heat map with counts, and the worst pairs in words."""

from collections.abc import Sequence

from edgetl.reports.markup import Column, Html, figure, table, tag, text
from edgetl.reports.page import Section
from edgetl.reports.units import format_share

MOST_CLASSES = 40
"""Larger matrices cannot be read as a picture; the list of worst pairs stands alone then."""

_WORST = 12
_BESIDE = 6  # up to so many classes the list has room on the right of the picture
_CELLS = ((3, 76), (6, 52), (10, 44), (16, 34), (26, 27), (MOST_CLASSES, 22))  # classes up to, pixels
_SMALLEST = 12.0  # pixels, height of the counts
_LONGEST_LABEL = 20
_LETTER = 7.2  # pixels; the width of a letter at 13 px, on the generous side

# The file is seen outside the page too, by viewers that know no variables.
_STANDALONE_STYLE = """
svg { background: #ffffff; font: 13px system-ui, "Segoe UI", "Liberation Sans", sans-serif; }
text { fill: #1b1f24; } .quiet { fill: #59636e; } .hit { fill: #0a5fb4; } .miss { fill: #b35309; }
.cell { stroke: #dde2e7; fill: none; }
@media (prefers-color-scheme: dark) {
  svg { background: #12161b; } text { fill: #e7eaee; } .quiet { fill: #9ba6b1; } .hit { fill: #6cb2f7; }
  .miss { fill: #f0a35c; } .cell { stroke: #2c333b; }
}
"""


def confusion(labels: Sequence[str], matrix: Sequence[Sequence[int]], *, split: str) -> Section:
    """The heat map, up to 40 classes, and the pairs most often confused.

    Args:
        labels: class names.
        matrix: counts, a row for each true class and a column for each answer.
        split: the pictures it was counted on: ``test`` or ``val``.
    """
    images = sum(sum(row) for row in matrix)
    parts = []
    if len(labels) <= MOST_CLASSES:
        caption = (
            f"{images} pictures of the {split} split. A row holds the pictures of a class, a column what "
            "they were taken for. Blue: right; orange: wrong; stronger: a larger share of the row."
        )
        parts.append(figure(_chart(labels, matrix), text(caption), scrolls=True))
    worst = [
        (count, true, answer)
        for true, row in enumerate(matrix)
        for answer, count in enumerate(row)
        if count and true != answer
    ]
    worst.sort(key=lambda pair: (-pair[0], pair[1:]))
    if not worst:
        parts.append(tag("p", text(f"None of the {images} pictures was taken for another class.")))
    else:
        parts.append(_worst_table(labels, matrix, worst, split))
    return Section("Confusions", tag("div", *parts, class_="beside" if len(labels) <= _BESIDE else None))


def confusion_svg(labels: Sequence[str], matrix: Sequence[Sequence[int]]) -> str:
    """The heat map as the text of an ``.svg`` file, for any number of classes."""
    chart = _chart(labels, matrix, style=_STANDALONE_STYLE)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{chart}\n'


def _worst_table(
    labels: Sequence[str], matrix: Sequence[Sequence[int]], worst: Sequence[tuple[int, int, int]], split: str
) -> Html:
    columns = [
        Column("True class", numeric=False, breaks=True),
        Column("Taken for", numeric=False, breaks=True),
        Column("Pictures"),
        Column("Share of the class"),
    ]
    rows = [
        [text(labels[true]), text(labels[answer]), text(count), text(format_share(count / sum(matrix[true])))]
        for count, true, answer in worst[:_WORST]
    ]
    more = f", the {_WORST} most frequent of {len(worst)} pairs" if len(worst) > _WORST else ""
    return table(f"What was confused, {split} split{more}", columns, rows)


def _chart(labels: Sequence[str], matrix: Sequence[Sequence[int]], style: str | None = None) -> Html:
    count = len(labels)
    cell = next((pixels for most, pixels in _CELLS if count <= most), _CELLS[-1][1])
    digits = len(str(max(max(row) for row in matrix)))
    cell = max(cell, round(_SMALLEST * 0.6 * digits) + 5)
    names = [label if len(label) <= _LONGEST_LABEL else f"{label[: _LONGEST_LABEL - 1]}…" for label in labels]
    longest = max(map(len, names)) * _LETTER
    turn = longest > cell - 4
    left = max(longest, 6 * _LETTER) + 12
    top = 30 + (0.75 * longest + 14 if turn else 18)
    side = count * cell
    width = left + side + (0.7 * longest if turn else 4)
    parts = [
        tag("title", text(f"Confusion matrix of {count} classes")),
        tag("desc", text("Rows are true classes, columns answers; each cell has the number of pictures.")),
        tag("style", Html(style)) if style else Html(""),
        tag("text", text("taken for →"), x=left, y=16, class_="quiet"),
        tag("text", text("true ↓"), x=left - 10, y=top - 8, text_anchor="end", class_="quiet"),
    ]
    for number, name in enumerate(names):
        full = tag("title", text(labels[number]))
        middle = (number + 0.5) * cell
        turned = f"translate({left + middle + 4:.1f} {top - 8:.1f}) rotate(-48)"
        if turn:
            parts.append(tag("text", full, text(name), transform=turned))
        else:
            parts.append(tag("text", full, text(name), x=left + middle, y=top - 8, text_anchor="middle"))
        parts.append(tag("text", full, text(name), x=left - 10, y=top + middle + 4.5, text_anchor="end"))
    for true, row in enumerate(matrix):
        for answer, value in enumerate(row):
            if value:
                said = f"{labels[true]} taken for {labels[answer]}: {value}, {format_share(value / sum(row))}"
                drawn = _cell(cell, value, value / sum(row), right=true == answer)
                place = f"translate({left + answer * cell:.1f} {top + true * cell:.1f})"
                parts.append(tag("g", tag("title", text(said)), *drawn, transform=place))
    parts.append(tag("path", d=_grid(left, top, cell, count), class_="cell", fill="none"))
    height = top + side + 2
    return tag(
        "svg",
        *parts,
        xmlns="http://www.w3.org/2000/svg",
        viewBox=f"0 0 {width:.0f} {height:.0f}",
        width=round(width),
        height=round(height),
        role="img",
    )


def _cell(size: int, value: int, share: float, *, right: bool) -> tuple[Html, Html]:
    # Never darker than this: the count stays readable in the text's own colour, in light and dark.
    shade = 0.12 + 0.46 * share
    font = max(_SMALLEST, min(14.0 if size > 40 else 13.0, (size - 4) / (0.6 * len(str(value)))))
    middle, line = size / 2, f"font-size:{font:.1f}px"
    return (
        tag("rect", width=size, height=size, class_="hit" if right else "miss", fill_opacity=shade),
        tag("text", text(value), x=middle, y=middle + 0.36 * font, text_anchor="middle", style=line),
    )


def _grid(left: float, top: float, cell: int, count: int) -> str:
    side = count * cell
    across = (f"M{left:.0f} {top + n * cell:.0f}h{side}" for n in range(count + 1))
    down = (f"M{left + n * cell:.0f} {top:.0f}v{side}" for n in range(count + 1))
    return "".join((*across, *down))
