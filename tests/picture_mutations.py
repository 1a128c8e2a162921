"""Damaged and hostile pictures, each made from a number: the same number gives the same file."""

import random
import struct
import zlib
from collections.abc import Callable

import picture_samples
from deep import SEED

_VALUES = (0, 1, 2, 3, 4, 7, 8, 16, 24, 32, 127, 128, 255, 256, 2048, 32767, 65500, 65535, 65536, 10**6)
_EXTREMES = (*_VALUES, 2**31 - 1, 2**31, 2**32 - 1)
# Markers of JPEG, chunks of PNG and of WebP: where structures begin.
_MARKS = (
    b"\xff\xc0",
    b"\xff\xc2",
    b"\xff\xc4",
    b"\xff\xda",
    b"\xff\xdb",
    b"\xff\xdd",
    b"\xff\xe1",
    b"IHDR",
    b"IDAT",
)
_MARKS += (
    b"PLTE",
    b"tRNS",
    b"fcTL",
    b"VP8X",
    b"VP8 ",
    b"VP8L",
    b"ALPH",
    b"ANMF",
    b"EXIF",
    b"\x21\xf9",
    b"\x2c\0\0",
)

Mutator = Callable[[random.Random, bytearray], bytearray]


def picture(number: int) -> tuple[str, bytes, bytes]:
    """(what was done to which sample, the sample, the file) of a case."""
    chance = random.Random(f"{SEED}/{number}")
    known = picture_samples.samples()
    # Real photos take ten times as long as the small samples: every fiftieth.
    real = picture_samples.photos() if number % 50 == 0 else {}
    name = chance.choice(list(real or known))
    sample = (real or known)[name]
    data, done = bytearray(sample), []
    for _ in range(chance.choice((1, 1, 1, 2, 3))):
        mutator = chance.choice([*_ANY, *_OWN.get(name.split()[0], []) * 3])
        data = mutator(chance, data)
        done.append(mutator.__name__.strip("_"))
    return f"{name}: {', '.join(done)}", sample, bytes(data)


def _place(chance: random.Random, data: bytearray) -> int:
    """A place in the file: often near its beginning, or behind a mark."""
    kind = chance.random()
    if kind < 0.3:
        return chance.randrange(min(len(data), 120) or 1)
    if kind < 0.6:
        found = data.find(chance.choice(_MARKS), chance.randrange(len(data) or 1))
        if found >= 0:
            return min(found + chance.randrange(24), len(data) - 1)
    return chance.randrange(len(data) or 1)


def _bits(chance: random.Random, data: bytearray) -> bytearray:
    for _ in range(chance.choice((1, 1, 2, 4, 16))):
        if data:
            data[_place(chance, data)] ^= 1 << chance.randrange(8)
    return data


def _bytes(chance: random.Random, data: bytearray) -> bytearray:
    for _ in range(chance.choice((1, 2, 4, 16))):
        if data:
            data[_place(chance, data)] = chance.choice((0, 1, 127, 128, 255, chance.randrange(256)))
    return data


def _numbers(chance: random.Random, data: bytearray) -> bytearray:
    code = chance.choice(("<H", ">H", "<I", ">I"))
    value = chance.choice(_EXTREMES) & (0xFFFF if code[1] == "H" else 0xFFFFFFFF)
    place = _place(chance, data)
    written = struct.pack(code, value)
    data[place : place + len(written)] = written
    return data


def truncated(chance: random.Random, data: bytearray) -> bytearray:
    """Cut off; alone, this is what a broken download or a full card leaves."""
    return data[: chance.randrange(len(data) + 1)]


def _spliced(chance: random.Random, data: bytearray) -> bytearray:
    other = chance.choice(list(picture_samples.samples().values()))
    start, length = chance.randrange(len(other)), chance.choice((1, 8, 64, 512))
    place = _place(chance, data)
    data[place : place + chance.choice((0, length))] = other[start : start + length]
    return data


def _repeated(chance: random.Random, data: bytearray) -> bytearray:
    start, length = _place(chance, data), chance.choice((1, 4, 12, 64, 256))
    data[start:start] = data[start : start + length] * chance.choice((1, 2, 50))
    return data


def _removed(chance: random.Random, data: bytearray) -> bytearray:
    start = _place(chance, data)
    del data[start : start + chance.choice((1, 2, 4, 12, 64, 256))]
    return data


def _joined(chance: random.Random, data: bytearray) -> bytearray:
    return data + chance.choice(list(picture_samples.samples().values()))


def _reordered(chance: random.Random, parts: list[bytearray]) -> list[bytearray]:
    """Chunks or segments repeated, dropped or moved."""
    if len(parts) < 2:
        return parts
    at = chance.randrange(len(parts))
    what = chance.randrange(4)
    if what == 0:
        parts[at:at] = [parts[at]] * chance.choice((1, 3, 100))
    elif what == 1:
        del parts[at]
    elif what == 2:
        parts.insert(chance.randrange(len(parts)), parts.pop(at))
    else:
        other = chance.randrange(len(parts))
        parts[at], parts[other] = parts[other], parts[at]
    return parts


def _png_chunks(chance: random.Random, data: bytearray) -> bytearray:
    """Whole chunks changed, with right checksums: past the first gate."""
    parts, at = [], 8
    while at + 12 <= len(data):
        size = int.from_bytes(data[at : at + 4], "big")
        parts.append(data[at + 4 : at + 8 + size])
        at += 12 + size
    if not parts:
        return data
    if chance.random() < 0.4:
        parts = _reordered(chance, parts)
    else:
        part = chance.choice(parts)
        if part[:4] == b"IHDR" and len(part) == 17:
            if chance.random() < 0.6:
                place = 4 * chance.randint(1, 2)
                part[place : place + 4] = struct.pack(">I", chance.choice(_VALUES))
            else:
                part[chance.randint(12, 16)] = chance.choice((0, 1, 2, 3, 4, 6, 8, 16))
        elif part[:4] in (b"IDAT", b"fdAT") and chance.random() < 0.5:
            try:
                plain = bytearray(zlib.decompress(bytes(part[4:])))
                plain = chance.choice((_bytes, truncated, _removed, _repeated))(chance, plain)
                part[4:] = zlib.compress(bytes(plain))
            except zlib.error:
                _bits(chance, part)
        elif len(part) > 4:
            changed = chance.choice((_bytes, truncated, _numbers))(chance, part[4:])
            part[4:] = changed
    return data[:8] + b"".join(picture_samples.chunk(bytes(part[:4]), bytes(part[4:])) for part in parts)


def _jpeg_segments(chance: random.Random, data: bytearray) -> bytearray:
    parts, at = [], 2
    while at + 4 <= len(data) and data[at] == 0xFF and data[at + 1] != 0xDA:
        size = int.from_bytes(data[at + 2 : at + 4], "big")
        parts.append(data[at : at + 2 + size])
        at += 2 + size
    rest = data[at:]
    if parts and chance.random() < 0.5:
        parts = _reordered(chance, parts)
    elif parts:
        part = chance.choice(parts)
        if part[1] in (0xC0, 0xC2) and len(part) > 12 and chance.random() < 0.7:
            if chance.random() < 0.5:
                place = chance.choice((5, 7))
                part[place : place + 2] = struct.pack(">H", chance.choice(_VALUES) & 0xFFFF)
            else:
                part[chance.choice((1, 4, 9, 11))] = chance.choice(
                    (0xC0, 0xC1, 0xC2, 0xC9, 8, 12, 1, 3, 4, 0x11, 0x44)
                )
        else:
            part[4:] = chance.choice((_bytes, _bits, _numbers))(chance, part[4:])
            part[2:4] = struct.pack(">H", (len(part) - 2) & 0xFFFF)
    return data[:2] + b"".join(parts) + rest


def _ended_early(chance: random.Random, data: bytearray) -> bytearray:
    """A broken transfer whose end was put back: libjpeg takes it for whole."""
    return data[: chance.randrange(len(data) + 1)] + b"\xff\xd9"


def _tags(chance: random.Random, data: bytearray) -> bytearray:
    """A directory of TIFF or EXIF data: types, counts, places, and chains that go round."""
    start = max(data.find(b"II*\0"), data.find(b"MM\0*"), data.find(b"II+\0"))
    if start < 0 or start + 8 > len(data):
        return _numbers(chance, data)
    order = "<" if data[start : start + 1] == b"I" else ">"
    place = start + struct.unpack_from(f"{order}I", data, start + 4)[0]
    if place + 2 > len(data):
        return _numbers(chance, data)
    (count,) = struct.unpack_from(f"{order}H", data, place)
    if chance.random() < 0.1:
        struct.pack_into(f"{order}H", data, place, chance.choice((0, 1, 255, 4096, 65535)))
        return data
    entry = place + 2 + 12 * chance.randrange(max(1, min(count, 40)))
    if entry + 12 > len(data):
        return data
    what, ends = chance.randrange(5), place + 2 + 12 * count
    if what == 0:
        wanted = (
            254,
            256,
            257,
            258,
            259,
            262,
            273,
            274,
            277,
            278,
            279,
            284,
            317,
            320,
            322,
            323,
            34665,
            34853,
        )
        struct.pack_into(f"{order}H", data, entry, chance.choice(wanted))
    elif what == 1:
        struct.pack_into(f"{order}H", data, entry + 2, chance.choice((*range(14), 16, 255)))
    elif what == 2:
        struct.pack_into(f"{order}I", data, entry + 4, chance.choice(_EXTREMES))
    elif what == 3:
        value = chance.choice((*_EXTREMES, place - start, place - start + 12, len(data)))
        struct.pack_into(f"{order}I", data, entry + 8, value)
    elif ends + 4 <= len(data):
        struct.pack_into(f"{order}I", data, ends, place - start)  # the next directory is this one
    return data


def _size(chance: random.Random, data: bytearray) -> bytearray:
    """A lie about the size, where each format has it."""
    code, places = {
        b"BM": ("<I", (18, 22)),
        b"GI": ("<H", (6, 8)),
        b"RI": ("<H", (26, 28, 24, 27)),
    }.get(bytes(data[:2]), ("<H", (4,)))
    place = chance.choice(places)
    if place + 4 <= len(data):
        struct.pack_into(code, data, place, chance.choice(_VALUES) & (0xFFFF if code == "<H" else 0xFFFFFFFF))
    return data


_ANY: list[Mutator] = [_bits, _bytes, _numbers, truncated, truncated, _spliced, _repeated, _removed, _joined]
_OWN: dict[str, list[Mutator]] = {
    "jpeg": [_jpeg_segments, _ended_early, _tags],
    "png": [_png_chunks, _png_chunks],
    "gif": [_size],
    "webp": [_size, _tags],
    "bmp": [_size],
    "tiff": [_tags, _tags],
}
