"""Views show the picture that the one decoder gives, and the same every time."""

from pathlib import Path

import numpy as np
import pytest
import support

from edgetl import images
from edgetl.contract import Contract
from edgetl.training.features import views


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    """A JPEG that looks different after any flip."""
    path = tmp_path / "scene.jpg"
    path.write_bytes(support.encoded(support.scene(320, 240)))
    return path


@pytest.mark.parametrize("view", views.TABLE, ids=lambda view: view.name)
def test_every_view_has_the_contracts_shape_and_is_another_picture(view: views.View, picture: Path) -> None:
    contract = Contract(64, 96, crop_fraction=0.875)
    pixels = view.decode(picture, contract)
    assert (pixels.shape, pixels.dtype, pixels.flags.c_contiguous) == ((64, 96, 3), np.uint8, True)
    others = [other.decode(picture, contract) for other in views.TABLE if other != view]
    assert not any(np.array_equal(pixels, other) for other in others)


def test_the_first_view_is_the_picture_and_flips_undo_themselves(picture: Path) -> None:
    contract = Contract(64, 64)
    plain = images.decode(picture, contract)
    assert np.array_equal(views.TABLE[0].decode(picture, contract), plain)
    assert np.array_equal(views.TABLE[3].decode(picture, contract)[::-1, ::-1], plain)


def test_a_corner_is_where_it_says(picture: Path) -> None:
    contract = Contract(64, 64)
    larger = images.decode(picture, Contract(80, 80))
    begin = views.View("begin", zoom=0.8, corner=(-1, -1)).decode(picture, contract)
    end = views.View("end", zoom=0.8, corner=(1, 1)).decode(picture, contract)
    assert np.array_equal(begin, larger[:64, :64])
    assert np.array_equal(end, larger[-64:, -64:])


def test_keys_differ_by_everything_that_decides_the_pixels() -> None:
    assert len({view.key for view in views.TABLE}) == len(views.TABLE)
    assert views.View("dark", gain=0.8).key != views.View("dark", gain=0.7).key
