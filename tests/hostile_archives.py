"""Folders and zips that try to get out, to fill memory, or to be taken for something else.

Each has a name and a maker, which gets an empty folder and the bytes of a whole packed bundle and returns
what ``edgetl install`` is given.
"""

import contextlib
import hashlib
import io
import json
import os
import shutil
import socket
import stat
import struct
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
import signed

from edgetl.manifest import SIGNATURES
from edgetl.updating import archive
from edgetl.updating.pack import pack

Maker = Callable[[Path, bytes], Path]
KINDS: dict[str, Maker] = {}
HUGE = 3 * 10**9


def kind(name: str) -> Callable[[Maker], Maker]:
    def keep(maker: Maker) -> Maker:
        KINDS[name] = maker
        return maker

    return keep


def members(whole: bytes) -> list[tuple[str, bytes]]:
    with zipfile.ZipFile(io.BytesIO(whole)) as found:
        return [(name, found.read(name)) for name in found.namelist()]


def zipped(room: Path, parts: list[tuple[str, bytes]]) -> Path:
    """A zip in the one form, of whatever parts."""
    place, listed = room / "hostile.zip", []
    with place.open("wb") as file:
        for name, data in parts:
            listed.append((name, zlib.crc32(data), len(data)))
            file.write(archive.local_header(*listed[-1]) + data)
        file.write(archive.directory(listed))
    return place


def resealed(text: str) -> str:
    """The text of a manifest with the seal that it must have, whatever else is in it."""
    head, key, tail = text.rpartition('"sha256": "')
    unsealed = f"{head}{key}{'0' * 64}{tail[64:]}"
    return f"{head}{key}{hashlib.sha256(unsealed.encode()).hexdigest()}{tail[64:]}"


def renamed(whole: bytes, old: str, new: str) -> list[tuple[str, bytes]]:
    """The parts of a bundle in which a file has another name, as JSON spells it; sealed anew."""
    parts = dict(members(whole))
    text = parts["manifest.json"].decode()
    assert f'"{old}"' in text
    there = json.loads(f'"{new}"').encode("utf-8", "replace").decode()
    return [("manifest.json", resealed(text.replace(f'"{old}"', f'"{new}"')).encode())] + [
        (there if name == old else name, data)
        for name, data in parts.items()
        if name not in ("manifest.json", SIGNATURES)
    ]


NAMES = {
    "up": "../evil",
    "far up": "../../../../../../tmp/evil",
    "up inside": "a/../../evil",
    "absolute": "/tmp/evil",
    "absolute twice": "//tmp/evil",
    "drive": "C:/evil",
    "backslash": "..\\\\evil",
    "home": "~/evil",
    "dot": "./evil",
    "only dots": "..",
    "empty": "",
    "empty part": "a//evil",
    "trailing dot": "evil.",
    "trailing space": "evil ",
    "hidden": ".evil",
    "leftover": ".labels.txt.tmp-1-0",
    "stream": "labels:evil",
    "nul": "a\\u0000b",
    "newline": "a\\nb",
    "escape": "\\u001b[2Jevil",
    "turned": "a\\u202egpj.exe",
    "half a character": "a\\ud800",
    "long": "a" * 201,
    "deep": "/".join("a" * 101),
    "manifest's twin": "Manifest.json",
    "signatures' twin": "MANIFEST.dsse.JSON",
    "case twin": "GOLDEN/0.jpg",
    "twin of another writing": "golden/\\uff45xpected.npz",
    "folder of a file": "golden/0.jpg/x",
    "twin folder": "Golden/evil",
    "the same name": "golden/0.jpg",
}


def _named(new: str) -> Maker:
    return lambda room, whole: zipped(room, renamed(whole, "labels.txt", new))


for _name, _new in NAMES.items():
    KINDS[f"zip: name, {_name}"] = _named(_new)


@kind("zip: a name of the directory differs from the header's")
def _(room: Path, whole: bytes) -> Path:
    place = room / "x.zip"
    at = whole.rindex(b"labels.txt")
    place.write_bytes(whole[:at] + b"../../evil" + whole[at + 10 :])
    return place


@kind("zip: a header's name differs from the directory's")
def _(room: Path, whole: bytes) -> Path:
    place = room / "x.zip"
    at = whole.index(b"PK\x03\x04", len(members(whole)[0][1])) + 30
    place.write_bytes(whole[:at] + b"../" + whole[at + 3 :])
    return place


@kind("zip: the same file twice")
def _(room: Path, whole: bytes) -> Path:
    parts = members(whole)
    return zipped(room, [*parts, parts[-1]])


@kind("zip: one file more")
def _(room: Path, whole: bytes) -> Path:
    return zipped(room, [*members(whole), ("../../evil", b"evil")])


@kind("zip: one file less")
def _(room: Path, whole: bytes) -> Path:
    return zipped(room, members(whole)[:-1])


@kind("zip: another order")
def _(room: Path, whole: bytes) -> Path:
    return zipped(room, [*members(whole)[:2], *members(whole)[:1:-1]])


@kind("zip: the manifest last")
def _(room: Path, whole: bytes) -> Path:
    return zipped(room, members(whole)[::-1])


@kind("zip: two manifests")
def _(room: Path, whole: bytes) -> Path:
    return zipped(room, [members(whole)[0], *members(whole)])


def _deflated(parts: list[tuple[str, bytes]], room: Path) -> Path:
    place = room / "x.zip"
    with zipfile.ZipFile(place, "w", zipfile.ZIP_DEFLATED) as made:
        for name, data in parts:
            made.writestr(name, data)
    return place


@kind("zip: compressed")
def _(room: Path, whole: bytes) -> Path:
    return _deflated(members(whole), room)


@kind("zip: a bomb of 300 MB in 300 kB")
def _(room: Path, whole: bytes) -> Path:
    place = room / "x.zip"
    with zipfile.ZipFile(place, "w", zipfile.ZIP_DEFLATED) as made, made.open("manifest.json", "w") as file:
        for _ in range(300):
            file.write(bytes(10**6))
    return place


@kind("zip: a link")
def _(room: Path, whole: bytes) -> Path:
    place = room / "x.zip"
    with zipfile.ZipFile(place, "w") as made:
        for name, data in members(whole):
            info = zipfile.ZipInfo(name)
            if name == "labels.txt":
                info.external_attr = (stat.S_IFLNK | 0o777) << 16
                data = b"/etc/passwd"
            made.writestr(info, data)
    return place


@kind("zip: a link by its attributes alone")
def _(room: Path, whole: bytes) -> Path:
    place = room / "x.zip"
    at = whole.rindex(b"PK\x01\x02") + 38
    place.write_bytes(whole[:at] + struct.pack("<I", (stat.S_IFLNK | 0o777) << 16) + whole[at + 4 :])
    return place


@kind("zip: another made-by system")
def _(room: Path, whole: bytes) -> Path:
    place = room / "x.zip"
    at = whole.rindex(b"PK\x01\x02") + 5
    place.write_bytes(whole[:at] + b"\0" + whole[at + 1 :])
    return place


def _lying(offset: int, value: int, size: str) -> Maker:
    def maker(room: Path, whole: bytes) -> Path:
        place = room / "x.zip"
        data = bytearray(whole)
        struct.pack_into(size, data, offset, value)
        place.write_bytes(data)
        return place

    return maker


for _name, _offset, _value, _size in (
    ("4 GB manifest", 18, 2**32 - 1, "<I"),
    ("real size differs", 22, 5, "<I"),
    ("size of nothing", 18, 0, "<I"),
    ("name of 64 kB", 26, 65535, "<H"),
    ("name of nothing", 26, 0, "<H"),
    ("extra of 64 kB", 28, 65535, "<H"),
    ("encrypted", 6, 0x0801, "<H"),
    ("sizes follow", 6, 0x0808, "<H"),
    ("compressed by a strange method", 8, 99, "<H"),
    ("made yesterday", 10, 1, "<H"),
    ("checksum differs", 14, 1, "<I"),
    ("no zip", 0, 0, "<I"),
):
    KINDS[f"zip: header, {_name}"] = _lying(_offset, _value, _size)


@kind("zip: an empty one")
def _(room: Path, whole: bytes) -> Path:
    return zipped(room, [])


@kind("zip: nothing at all")
def _(room: Path, whole: bytes) -> Path:
    place = room / "x.zip"
    place.write_bytes(b"")
    return place


@kind("zip: something in front")
def _(room: Path, whole: bytes) -> Path:
    place = room / "x.zip"
    place.write_bytes(b"#!/bin/sh\n" + whole)
    return place


@kind("zip: something behind")
def _(room: Path, whole: bytes) -> Path:
    place = room / "x.zip"
    place.write_bytes(whole + b"x")
    return place


@kind("zip: 3 GB of nothing")
def _(room: Path, whole: bytes) -> Path:
    place = room / "x.zip"
    place.touch()
    os.truncate(place, HUGE)
    return place


@kind("zip: ends in a file")
def _(room: Path, whole: bytes) -> Path:
    place = room / "x.zip"
    place.write_bytes(whole[: len(whole) // 2])
    return place


@kind("tar")
def _(room: Path, whole: bytes) -> Path:
    import tarfile

    place = room / "x.tar"
    with tarfile.open(place, "w") as made:
        info = tarfile.TarInfo("../evil")
        info.size = 4
        made.addfile(info, io.BytesIO(b"evil"))
    return place


def _folder(room: Path, whole: bytes) -> tuple[Path, Path]:
    """The bundle as a folder, and one of its models."""
    folder = room / "x.edgetl"
    for name, data in members(whole):
        place = folder / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(data)
    return folder, folder / "fake-float32" / "model.fake"


def folder_kind(name: str, *, keep: bool = False) -> Callable[[Callable[[Path, Path, Path], None]], None]:
    def register(harm: Callable[[Path, Path, Path], None]) -> None:
        def maker(room: Path, whole: bytes) -> Path:
            folder, model = _folder(room, whole)
            if not keep:
                model.unlink()
            harm(folder, model, room)
            return folder

        KINDS[f"folder: {name}"] = maker

    return register


@folder_kind("a link out of it")
def _(folder: Path, model: Path, room: Path) -> None:
    model.symlink_to("/etc/passwd")


@folder_kind("a link out of it, to the right bytes")
def _(folder: Path, model: Path, room: Path) -> None:
    _, right = _folder(
        room / "other", pack(signed.tiny_bundle(room / "o.edgetl"), room / "o.zip").read_bytes()
    )
    model.symlink_to(right)


@folder_kind("a link to itself")
def _(folder: Path, model: Path, room: Path) -> None:
    model.symlink_to(model)


@folder_kind("links in a ring")
def _(folder: Path, model: Path, room: Path) -> None:
    model.symlink_to(model.parent / "other")
    (model.parent / "other").symlink_to(model)


@folder_kind("a link to nowhere")
def _(folder: Path, model: Path, room: Path) -> None:
    model.symlink_to("nowhere")


@folder_kind("a hard link to a file outside")
def _(folder: Path, model: Path, room: Path) -> None:
    (room / "secret").write_text("secret")
    os.link(room / "secret", model)


@folder_kind("a pipe")
def _(folder: Path, model: Path, room: Path) -> None:
    os.mkfifo(model)


@folder_kind("a socket")
def _(folder: Path, model: Path, room: Path) -> None:
    here = Path.cwd()
    os.chdir(model.parent)  # a socket's path has 107 letters at most
    try:
        with contextlib.closing(socket.socket(socket.AF_UNIX)) as made:
            made.bind(model.name)
    finally:
        os.chdir(here)


def _device(major: int, minor: int) -> Callable[[Path, Path, Path], None]:
    def harm(folder: Path, model: Path, room: Path) -> None:
        try:
            os.mknod(model, stat.S_IFCHR | 0o666, os.makedev(major, minor))
        except PermissionError:
            pytest.skip("needs the right to make devices")

    return harm


folder_kind("a device: endless zeros")(_device(1, 5))
folder_kind("a device: random numbers")(_device(1, 9))
folder_kind("a link to a device")(lambda folder, model, room: model.symlink_to("/dev/zero"))
folder_kind("a folder in the place of a file")(lambda folder, model, room: model.mkdir())
folder_kind("nothing in the place of a file")(lambda folder, model, room: None)


@folder_kind("a file of 3 GB of nothing")
def _(folder: Path, model: Path, room: Path) -> None:
    model.touch()
    os.truncate(model, HUGE)


@folder_kind("a file of 3 GB of nothing, as its manifest says")
def _(folder: Path, model: Path, room: Path) -> None:
    model.touch()
    os.truncate(model, HUGE)
    _resealed(folder, str(HUGE))


@folder_kind("a file larger than any disk, as its manifest says")
def _(folder: Path, model: Path, room: Path) -> None:
    model.touch()
    _resealed(folder, "9" * 4000)


@folder_kind("a folder that is a link out of it", keep=True)
def _(folder: Path, model: Path, room: Path) -> None:
    shutil.move(folder / "golden", room / "elsewhere")
    (folder / "golden").symlink_to(room / "elsewhere")


@folder_kind("a pipe in the manifest's place", keep=True)
def _(folder: Path, model: Path, room: Path) -> None:
    (folder / "manifest.json").unlink()
    os.mkfifo(folder / "manifest.json")


@folder_kind("endless zeros in the manifest's place", keep=True)
def _(folder: Path, model: Path, room: Path) -> None:
    (folder / "manifest.json").unlink()
    (folder / "manifest.json").symlink_to("/dev/zero")


@folder_kind("a manifest of 3 GB", keep=True)
def _(folder: Path, model: Path, room: Path) -> None:
    os.truncate(folder / "manifest.json", HUGE)


@folder_kind("signatures of 3 GB", keep=True)
def _(folder: Path, model: Path, room: Path) -> None:
    (folder / SIGNATURES).touch()
    os.truncate(folder / SIGNATURES, HUGE)


@folder_kind("a pipe in the place of the signatures", keep=True)
def _(folder: Path, model: Path, room: Path) -> None:
    (folder / SIGNATURES).unlink(missing_ok=True)
    os.mkfifo(folder / SIGNATURES)


@folder_kind("a manifest nested 100,000 deep", keep=True)
def _(folder: Path, model: Path, room: Path) -> None:
    (folder / "manifest.json").write_text("[" * 100_000 + "]" * 100_000)


def _resealed(folder: Path, digits: str) -> None:
    """Give the model another size in the manifest, also one of more digits than Python writes."""
    place = folder / "manifest.json"
    (folder / SIGNATURES).unlink(missing_ok=True)
    head, key, tail = place.read_text().rpartition('"size_bytes": 67')
    assert key
    place.write_text(resealed(f'{head}"size_bytes": {digits}{tail}'))
