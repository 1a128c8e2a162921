"""Numbers and names of files in sentences."""

import shlex
import unicodedata
from collections.abc import Sequence
from pathlib import Path

MOST_SAID = 300
"""Letters of a stranger's sentence that are passed on."""

_OBEYED = {"Cc", "Zl", "Zp"}
_TURNING = {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}


def counted(count: int, one: str, many: str | None = None) -> str:
    """``1 photo``, ``1,204 photos``."""
    return f"{count:,} {agreeing(count, one, many or one + 's')}"


def shown(name: str | Path) -> str:
    """A name on one line, and without what a terminal would obey: it may be that of anybody's file."""
    return "".join(
        letter if letter.isprintable() else letter.encode("unicode_escape").decode() for letter in str(name)
    )


def is_one_line(text: str) -> bool:
    """Whether a text is shown as one line: a terminal obeys nothing of it, and it has no half of a letter."""
    return not any(map(is_obeyed, text)) and not any("\ud800" <= letter <= "\udfff" for letter in text)


def is_obeyed(letter: str) -> bool:
    """Whether a terminal does something else than show a letter: control characters, ends of lines, and those
    that turn the direction of writing. Other invisible ones are part of words: joiners, spaces."""
    return unicodedata.category(letter) in _OBEYED or unicodedata.bidirectional(letter) in _TURNING


def said(words: object) -> str:
    """What another machine says, fit for our sentence: one line, nothing to obey, and not without end."""
    return shown(" ".join(brief(str(words)).split()))


def brief(text: str) -> str:
    """The beginning of a text that somebody else chose the length of."""
    return text if len(text) <= MOST_SAID else f"{text[:MOST_SAID]}…"


def typed(words: Sequence[object]) -> str:
    """The words as they are typed into bash, zsh or ksh: each arrives as it is, whatever it holds.

    The line has no control character and nothing invisible: half of it pasted is no command of its own.
    """
    return " ".join(map(_quoted, words))


def _quoted(word: object) -> str:
    text = str(word)
    if isinstance(word, Path) and text.startswith("-"):
        text = f"./{text}"  # else it would be taken for an option
    if text.isprintable():
        return shlex.quote(text)
    # $'…' of a name's bytes: POSIX.1-2024 calls it dollar-single-quotes.
    letters = (
        f"\\{letter}"
        if letter in "\\'"
        else letter
        if letter.isprintable()
        else "".join(f"\\{byte:03o}" for byte in letter.encode("utf-8", "surrogateescape"))
        for letter in text
    )
    return f"$'{''.join(letters)}'"


def encodable(text: str) -> str:
    """The text with a ``\\udce9`` for each byte of a file's name that is no UTF-8.

    Such a byte is a lone surrogate to Python, which no stream takes; JSON reads the name back from this.
    """
    return text.encode("utf-8", "backslashreplace").decode()


def agreeing(count: int, one: str, many: str) -> str:
    """The word that goes with a number: ``is`` or ``are``."""
    return one if count == 1 else many
