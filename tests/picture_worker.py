"""Decodes hostile pictures in a process of its own, under limits, and says what became of them.

    python picture_worker.py NOTES START STOP        cases of picture_mutations
    python picture_worker.py NOTES FILE FILE ...     files

Writes the case in hand into NOTES before it begins, so that whoever finds this process dead knows which one
it was; and at the end one JSON object on the standard output.
"""

import hashlib
import io
import json
import math
import os
import resource
import signal
import struct
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import picture_mutations
from numpy.typing import NDArray
from PIL import Image

from edgetl import images, pillow_warnings
from edgetl.contract import Contract
from edgetl.errors import ImageError
from edgetl.limits import Limits
from edgetl.runtime.quiet import native_output_hidden

CPU_S = float(os.environ.get("PICTURE_CPU_S", "2"))
"""For one picture, however it is decoded; the kernel ends the process after it, even inside of C."""
BYTES_A_PIXEL = 20
"""Of the size that the header states. Pillow's pictures have 4, libwebp's two canvases 8."""
CONSTANT_BYTES = 96 * 2**20
"""What small pictures may take: 16 texts of a megabyte in PNG, a page of tags, buffers of libtiff."""
MEMORY_BYTES = 2 * 2**30
"""Address space beyond what the process has after importing: what takes more fails and is found out."""
SMALL = Contract(24, 32)
_LONGEST_FULL = 400
_STATUS = "/proc/self/status"


class WrongError(AssertionError):
    """What edgetl did to a picture is not what it promises."""


def main() -> None:
    notes, *words = sys.argv[1:]
    _limit()
    outcomes: Counter[str] = Counter()
    digest = hashlib.sha256()
    failures: list[dict[str, object]] = []
    slowest, largest = 0.0, 0
    place = os.open(notes, os.O_WRONLY | os.O_CREAT, 0o600)
    for case, what, sample, data in _cases(words):
        os.pwrite(place, case.encode().ljust(256)[:256], 0)
        _peak_forgotten()
        before, began = _memory("VmRSS"), time.process_time()
        signal.setitimer(signal.ITIMER_PROF, CPU_S)
        try:
            outcome, pixels = _attempt(data, SMALL)
        finally:
            signal.setitimer(signal.ITIMER_PROF, 0)
        slowest = max(slowest, time.process_time() - began)
        grown = _memory("VmHWM") - before
        largest = max(largest, grown)
        digest.update(outcome.encode() + (b"" if pixels is None else pixels.tobytes()))
        outcomes[outcome.split(":")[0]] += 1
        try:
            if grown > CONSTANT_BYTES + BYTES_A_PIXEL * _stated_pixels(data):
                raise WrongError(f"it took {grown / 1e6:.0f} MB for {_stated_pixels(data)} pixels")
            judge(data, sample, what, outcome, pixels)
            if int(hashlib.sha256(data).hexdigest()[:4], 16) % 25 == 0:
                same_from_everywhere(data, outcome, pixels)
        except WrongError as error:
            failures.append({"case": case, "what": what, "error": str(error)})
    told = {"outcomes": outcomes, "digest": digest.hexdigest(), "failures": failures}
    print(json.dumps(told | {"slowest_s": slowest, "largest_bytes": largest}))  # noqa: T201 - to the parent


def _cases(words: list[str]) -> Iterator[tuple[str, str, bytes | None, bytes]]:
    if words[0].isdigit():
        for number in range(int(words[0]), int(words[1])):
            what, sample, data = picture_mutations.picture(number)
            yield str(number), what, sample, data
    else:
        for name in words:
            yield name, Path(name).name, None, Path(name).read_bytes()


def _limit() -> None:
    # What SIGPROF does by itself is to end the process.
    signal.signal(signal.SIGPROF, signal.SIG_DFL)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    most = _memory("VmSize") + MEMORY_BYTES
    resource.setrlimit(resource.RLIMIT_AS, (most, most))


def _memory(name: str) -> int:
    with open(_STATUS, "rb") as file:  # noqa: PTH123 - read for every picture
        text = file.read()
    at = text.index(name.encode())
    return 1024 * int(text[at : at + 40].split()[1])


def _peak_forgotten() -> None:
    with open("/proc/self/clear_refs", "w") as file:  # noqa: PTH123 - 5 resets VmHWM, proc(5)
        file.write("5")


def _attempt(
    data: images.Source, contract: Contract, *, allow_truncated: bool = False
) -> tuple[str, NDArray[np.uint8] | None]:
    try:
        pixels = images.decode(data, contract, allow_truncated=allow_truncated)
    except ImageError as error:
        cause: BaseException | None = error
        while cause is not None:
            if isinstance(cause, MemoryError):
                raise WrongError(f"it asks for more than {MEMORY_BYTES / 2**30:.0f} GiB") from error
            cause = cause.__cause__
        return f"refused: {error}", None
    return "decoded", pixels


def judge(
    data: bytes, sample: bytes | None, what: str, outcome: str, pixels: NDArray[np.uint8] | None
) -> None:
    """Whether a typed error or right pixels came out."""
    if pixels is None:
        if "\n" in outcome or len(outcome) < 20:
            raise WrongError(f"the message is no sentence: {outcome!r}")
        return
    if pixels.shape != SMALL.shape or pixels.dtype != np.uint8:
        raise WrongError(f"{pixels.shape} {pixels.dtype}")
    again, same = _attempt(data, SMALL)
    if again != outcome or same is None or not np.array_equal(pixels, same):
        raise WrongError("decoded twice, it is not the same")
    if sample is not None and what.endswith(": truncated") and len(data) < len(sample):
        _only_what_shows_nothing_is_missing(data, sample, pixels)
    _same_as_pillow(data)


def _only_what_shows_nothing_is_missing(data: bytes, sample: bytes, pixels: NDArray[np.uint8]) -> None:
    """A truncated file may be taken only where every pixel is there."""
    if not np.array_equal(pixels, images.decode(sample, SMALL)):
        raise WrongError("it is truncated, and decodes to other pixels than the whole file")
    if data.startswith((b"\xff\xd8", b"\x89PNG")):
        if data.startswith(b"\xff\xd8") and b"MPF\0" in data:
            return  # the first of two pictures is whole
        raise WrongError("it is truncated, and taken")


def _same_as_pillow(data: bytes) -> None:
    """At full size nothing is reduced, cropped or resized: then it must be Pillow's own picture."""
    with pillow_warnings.HIDDEN:
        image = Image.open(io.BytesIO(data))
        if not all(8 <= side <= _LONGEST_FULL for side in image.size):
            return
        with native_output_hidden():
            image.load()
        furthest = min(_distance(data, upright) for upright in _uprights(image))
    if furthest:
        raise WrongError(f"Pillow alone decodes it otherwise, by up to {furthest}")


def _distance(data: bytes, image: Image.Image) -> int:
    """Of any value of what edgetl makes of it at full size, from what Pillow says is right."""
    full = images.decode(data, Contract(image.height, image.width, resize="squash")).astype(int)
    if image.mode.startswith("I"):
        return int(np.abs(full - np.rint(np.asarray(image) / 257).astype(int)[:, :, None]).max())
    if not image.has_transparency_data:
        return int(np.abs(full - np.asarray(image.convert("RGB"))).max())
    colours = np.asarray(image.convert("RGBA")).astype(float)
    share = colours[:, :, 3:] / 255
    exact = colours[:, :, :3] * share + 255 * (1 - share)
    # Pillow lays colours on white in whole numbers: within one of the exact value.
    return max(0, math.ceil(np.abs(full - exact).max()) - 1)


def _uprights(image: Image.Image) -> list[Image.Image]:
    """As ``ImageOps.exif_transpose``, which fails where the other tags are damaged.

    Where a tag before that of the orientation is damaged, Pillow does not get to it and edgetl does: either
    is right.
    """
    turns = {2: "FLIP_LEFT_RIGHT", 3: "ROTATE_180", 4: "FLIP_TOP_BOTTOM", 5: "TRANSPOSE", 6: "ROTATE_270"}
    turns |= {7: "TRANSVERSE", 8: "ROTATE_90"}
    read: list[object] = []
    try:
        read.append(image.getexif().get(0x0112))
    except Exception:  # noqa: BLE001 - whatever Pillow makes of damaged EXIF data
        read.append(None)
    if read == [None]:
        blob = image.info.get("exif", b"")
        for order in ("<", ">"):
            at = blob.find(struct.pack(f"{order}HHI", 0x0112, 3, 1))
            if 0 <= at <= len(blob) - 10:
                read += struct.unpack_from(f"{order}H", blob, at + 8)
    found = [turns.get(held) if isinstance(held, int) else None for held in read]
    return [image.transpose(Image.Transpose[turn]) if turn else image for turn in found]


class _Dripping(io.RawIOBase):
    """A stream that gives a few bytes at a time, and cannot seek: a socket."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def read(self, size: int = -1) -> bytes:
        count = 997 if size < 0 else min(size, 997)
        given, self._data = self._data[:count], self._data[count:]
        return given


def same_from_everywhere(data: bytes, outcome: str, pixels: NDArray[np.uint8] | None) -> None:
    """Path, open file and stream give what the bytes gave."""
    with tempfile.NamedTemporaryFile() as file:
        file.write(data)
        file.flush()
        file.seek(0)
        for source in (Path(file.name), file, io.BytesIO(data), _Dripping(data)):
            told, same = _attempt(source, SMALL)  # type: ignore[arg-type]
            alike = told.replace(file.name, "the picture") == outcome
            if not alike or (pixels is None) != (same is None):
                raise WrongError(f"a {type(source).__name__}: {told!r} instead of {outcome!r}")
            if pixels is not None and same is not None and not np.array_equal(pixels, same):
                raise WrongError(f"a {type(source).__name__} gives other pixels")


def _stated_pixels(data: bytes) -> int:
    """By the header, up to the limit; 0 of what is no picture or too large, which may then take nothing."""
    try:
        with pillow_warnings.HIDDEN:
            header = images.open_header(data, limits=Limits())
    except ImageError:
        return 0
    return header.width * header.height


if __name__ == "__main__":
    main()
