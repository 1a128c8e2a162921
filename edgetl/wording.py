"""Numbers and names of files in sentences."""

from pathlib import Path


def counted(count: int, one: str, many: str | None = None) -> str:
    """``1 photo``, ``1,204 photos``."""
    return f"{count:,} {agreeing(count, one, many or one + 's')}"


def shown(name: str | Path) -> str:
    """A name on one line, and without what a terminal would obey: it may be that of anybody's file."""
    return "".join(
        letter if letter.isprintable() else letter.encode("unicode_escape").decode() for letter in str(name)
    )


def encodable(text: str) -> str:
    """The text with a ``\\udce9`` for each byte of a file's name that is no UTF-8.

    Such a byte is a lone surrogate to Python, which no stream takes; JSON reads the name back from this.
    """
    return text.encode("utf-8", "backslashreplace").decode()


def agreeing(count: int, one: str, many: str) -> str:
    """The word that goes with a number: ``is`` or ``are``."""
    return one if count == 1 else many
