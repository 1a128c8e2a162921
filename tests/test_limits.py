"""What a machine takes from outside is set by its environment."""

import json
import os
import re
import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import support

from edgetl import images, limits, signing
from edgetl.contract import Contract
from edgetl.errors import ImageError, UsageError
from edgetl.runtime.sources.jpeg import JpegCutter

PIXELS, BYTES = "EDGETL_MAX_PICTURE_PIXELS", "EDGETL_MAX_PICTURE_BYTES"
SMALL = Contract(24, 32)
PHOTO = support.encoded(support.scene(160, 120))


@pytest.fixture(autouse=True)
def read_anew() -> Iterator[None]:
    limits.current.cache_clear()
    yield
    limits.current.cache_clear()


def test_fifty_megapixels_and_32_megabytes_are_taken_unless_said_otherwise(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in (PIXELS, BYTES):
        monkeypatch.delenv(name, raising=False)
    assert limits.current() == limits.Limits(50_000_000, 32_000_000)


def test_every_limit_has_a_variable_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    names = list(vars(limits.Limits()))
    assert len({limits.variable(name) for name in names}) == len(names)
    for number, name in enumerate(names):
        monkeypatch.setenv(limits.variable(name), f"{number + 5}")
    assert list(vars(limits.current()).values()) == [number + 5 for number in range(len(names))]


def test_the_page_on_security_names_every_variable_and_what_it_is_by_default(root: Path) -> None:
    page = (root / "docs" / "security.md").read_text("utf-8")
    default = limits.Limits()
    for name, said in (
        ("picture_pixels", "50,000,000 pixels"),
        ("picture_bytes", "32,000,000 bytes"),
        ("manifest_bytes", "64,000 bytes"),
        ("model_bytes", "512 MiB"),
    ):
        (row,) = (
            line for line in page.splitlines() if f"`{limits.variable(name)}`" in line and line[0] == "|"
        )
        number = int(re.sub(r"\D", "", said)) << (20 if "MiB" in said else 0)
        assert (said in row, getattr(default, name)) == (True, number)
    assert f"about {signing.most_bytes() // 1000} kB" in page


def test_the_message_names_the_variable_that_raises_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(PIXELS, "19_199")
    with pytest.raises(ImageError, match=rf"160 x 120 pixels, more than the limit of .* set {PIXELS}"):
        images.decode(PHOTO, SMALL)
    with pytest.raises(ImageError, match=PIXELS):
        images.open_header(PHOTO)
    monkeypatch.setenv(PIXELS, "19200")
    limits.current.cache_clear()
    images.decode(PHOTO, SMALL)
    monkeypatch.setenv(BYTES, str(len(PHOTO) - 1))
    limits.current.cache_clear()
    with pytest.raises(ImageError, match=rf"larger than the limit of .* set {BYTES}"):
        images.decode(PHOTO, SMALL)
    assert list(JpegCutter().feed(PHOTO * 2)) == []
    monkeypatch.setenv(BYTES, str(len(PHOTO)))
    limits.current.cache_clear()
    images.decode(PHOTO, SMALL)


def test_it_is_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    first = limits.current()
    monkeypatch.setenv(PIXELS, "1")
    assert limits.current() is first


@pytest.mark.parametrize("value", ["", "0", "-5", "many", "1.5", "1e9", "178956971", "9" * 5000, "٣", "+7"])
def test_what_is_no_limit_is_refused_with_a_way_out(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv(PIXELS, value)
    with pytest.raises(
        UsageError, match=rf"{PIXELS}=.* is no limit: give a whole number from 1 to 178_956_970"
    ):
        images.decode(PHOTO, SMALL)


def test_the_largest_limit_is_one_that_pillow_obeys(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pillow refuses more by itself, with an error that would name the wrong limit."""
    monkeypatch.setenv(PIXELS, "178956970")
    height = 178_956_970 // 65_535
    data = PHOTO.replace(struct.pack(">HH", 120, 160), struct.pack(">HH", height, 65_535), 1)
    assert images.open_header(data).size == (65_535, height)


def edgetl(*words: object, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "edgetl", *map(str, words)],
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_commands_obey_it(tmp_path: Path) -> None:
    bundle = support.write_fake_bundle(tmp_path / "insects.edgetl")
    photo = tmp_path / "photo.jpg"
    photo.write_bytes(PHOTO)
    done = edgetl("run", bundle, photo, **{PIXELS: "1000"})
    assert done.returncode == 1
    assert PIXELS in done.stderr
    wrong = edgetl("run", bundle, photo, **{PIXELS: "lots"})
    assert wrong.returncode == 2
    assert f"{PIXELS}='lots' is no limit" in wrong.stderr


def test_verify_names_the_picture_that_the_limits_refuse(tmp_path: Path) -> None:
    bundle = support.write_fake_bundle(tmp_path / "insects.edgetl")
    done = edgetl("verify", bundle, EDGETL_MAX_PICTURE_BYTES="10")
    assert done.returncode == 1
    assert "golden/0" in done.stderr
    assert "set EDGETL_MAX_PICTURE_BYTES" in done.stderr


def test_run_refuses_a_truncated_jpeg_and_marks_it_where_it_is_allowed(tmp_path: Path) -> None:
    bundle = support.write_fake_bundle(tmp_path / "insects.edgetl")
    photos = tmp_path / "photos"
    photos.mkdir()
    (photos / "cut.jpg").write_bytes(PHOTO[:-200])
    (photos / "whole.jpg").write_bytes(PHOTO)
    done = edgetl("run", bundle, photos)
    assert done.returncode == 1
    assert "cut.jpg" not in done.stdout
    assert "its data end before its last pixel" in done.stderr
    assert "edgetl run --allow-truncated" in done.stderr
    allowed = edgetl("run", bundle, photos, "--allow-truncated")
    assert allowed.returncode == 0
    cut, whole = allowed.stdout.splitlines()
    assert cut.endswith("(truncated: part of the picture is missing)")
    assert whole.endswith(" ms")
    lines = edgetl("run", bundle, photos, "--allow-truncated", "--json").stdout.splitlines()
    assert [json.loads(line)["truncated"] for line in lines] == [True, False]
    alone = edgetl("run", bundle, photos / "cut.jpg", "--allow-truncated", "--json", "--smooth", 2)
    assert json.loads(alone.stdout)["truncated"] is True
