"""TIFF files: directories of tags, strips and tiles. Layout: TIFF 6.0; BigTIFF as libtiff writes it."""

from edgetl.limits import Limits
from edgetl.pictures import exif
from edgetl.pictures.structure import StructureError, check_pixels, damaged, hostile

_WIDTH, _HEIGHT, _COMPRESSION, _SAMPLES, _ROWS, _PLANES = 256, 257, 259, 277, 278, 284
_TILE_WIDTH, _TILE_HEIGHT = 322, 323
_STRIPS, _TILES = 273, 324
_CODES = frozenset({1, 5, 8, 32773, 32946})
"""None, LZW, deflate, PackBits, and the old number of deflate."""
_UNSAFE = (
    "is a TIFF in fax code, JPEG or another code in which libtiff does not tell damage from pixels: "
    "save it as PNG, or as TIFF with LZW or deflate"
)
_PIECES = frozenset({273, 279, 324, 325})
"""Places and lengths of strips and tiles; Pillow makes an object of 300 bytes for each."""
_COLOUR_MAP = 320
_MOST_PIECES = 262_144  # 50 million pixels in tiles of 16 x 16, the smallest there are
_MOST_VALUES = 65_536
_NO_NUMBERS = frozenset({1, 2, 6, 7})  # bytes and text, which stay what they are
_LARGEST_TILE = 4_194_304  # pixels, where the picture is smaller: 2048 x 2048, as slide scanners write


def check(data: bytes, limits: Limits) -> None:
    """Refuse what makes Pillow or libtiff take memory that the picture does not call for, or show it.

    Where fax code or JPEG inside of TIFF is damaged, libtiff leaves rows as they were in memory and reports
    success: other pixels each time, and parts of what the process did before.

    Raises:
        StructureError: more tags, values, strips or tiles than a picture has, or fewer; far too large a
            tile; a code other than those that fail when they are damaged.
    """
    exif.check(data)
    directory = exif.Directory(data)
    known: dict[int, int] = {}
    counts: dict[int, int] = {}
    for tag in directory.tags():
        counts[tag.number] = tag.values
        value = directory.integer(tag)
        # Of several, Pillow takes the last and libtiff the first.
        if tag.number == _COMPRESSION and value not in _CODES:
            raise StructureError(_UNSAFE)
        if value is not None:
            known[tag.number] = value
        most = _MOST_PIECES if tag.number in _PIECES | {_COLOUR_MAP} else _MOST_VALUES
        if tag.values > most and (tag.kind not in _NO_NUMBERS or tag.number in _PIECES):
            raise hostile(f"a tag of {tag.values} values")
    width, height = known.get(_WIDTH, 0), known.get(_HEIGHT, 0)
    check_pixels(width, height, limits)
    tile = known.get(_TILE_WIDTH, 0) * known.get(_TILE_HEIGHT, 0)
    if tile > max(_LARGEST_TILE, 4 * width * height):
        raise hostile(f"tiles of {tile / 1e6:.0f} million pixels")
    across, down = 1, -(-height // (known.get(_ROWS) or height or 1))
    if _STRIPS not in counts and known.get(_TILE_WIDTH) and known.get(_TILE_HEIGHT):
        across, down = -(-width // known[_TILE_WIDTH]), -(-height // known[_TILE_HEIGHT])
    needed = across * down * (known.get(_SAMPLES, 1) if known.get(_PLANES) == 2 else 1)
    if counts.get(_STRIPS, counts.get(_TILES, needed)) < needed:
        raise damaged("some of its strips or tiles are missing")
