"""A picture of a dataset, small enough that a million of them take 250 MB."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Photo:
    """One labelled picture."""

    __slots__ = ("digest", "label", "place", "split")

    path: Path
    label: int
    """Index into ``Dataset.labels``."""
    split: str
    """``train``, ``val`` or ``test``."""
    sha256: str
    """Of the file's bytes, 64 hexadecimal digits."""

    def __reduce__(self) -> tuple[type["Photo"], tuple[Path, int, str, str]]:
        return Photo, (self.path, self.label, self.split, self.sha256)


class _PathAsText:
    """A path kept as text, which is a quarter of the size."""

    def __get__(self, photo: Any, _: Any = None) -> Path:
        return Path(photo.place)

    def __set__(self, photo: Any, path: Path) -> None:
        object.__setattr__(photo, "place", str(path))


class _HexAsBytes:
    """Hexadecimal digits kept as half as many bytes."""

    def __get__(self, photo: Any, _: Any = None) -> str:
        return bytes(photo.digest).hex()

    def __set__(self, photo: Any, digits: str) -> None:
        object.__setattr__(photo, "digest", bytes.fromhex(digits))


# Only now, or the dataclass would take them for defaults.
for _name, _kept in (("path", _PathAsText()), ("sha256", _HexAsBytes())):
    setattr(Photo, _name, _kept)
