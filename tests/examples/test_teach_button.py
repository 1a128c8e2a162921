"""A class is taught and forgotten by a button."""

import re
import signal
from collections.abc import Callable
from pathlib import Path

import edgetl
from examples.colours import picture
from examples.running import Camera, Script


def test_a_press_teaches_and_holding_forgets(
    start: Callable[..., Script], own_colours: Path, camera: Camera
) -> None:
    camera.show("mug")
    script = start("teach_button.py", own_colours, "mug", 4, camera.url, pins=True)
    assert script.next_pin() == "4 1"  # pulled up
    assert script.line() == "show mug to the camera and press; hold to forget"
    assert script.line() in ("background", "unknown")
    camera.wait_for_frames(40)

    script.drive(4, high=False)
    script.drive(4, high=True)
    assert re.fullmatch(r"taught mug from \d+ pictures", script.line())
    assert script.wait_for("mug")
    camera.show("ant")
    assert script.wait_for("ant")
    camera.show("mug")
    assert script.wait_for("mug")
    with edgetl.load(own_colours) as model:  # another program knows it, too
        assert model.labels == ("background", "ant", "bee", "mug")
        assert model.classify(picture("mug", seed=77)).label == "mug"

    script.drive(4, high=False)
    assert script.line() == "forgot mug"
    script.drive(4, high=True)
    assert script.line() in ("background", "unknown")
    camera.show("bee")
    assert script.wait_for("bee")[-1:] == ["bee"]  # and letting go has taught nothing
    script.send(signal.SIGINT)
    assert script.end() == (0, "stopped\n", "")
    with edgetl.load(own_colours) as model:
        assert model.labels == ("background", "ant", "bee")


def test_holding_the_button_before_anything_was_taught_does_no_harm(
    start: Callable[..., Script], own_colours: Path, camera: Camera
) -> None:
    script = start("teach_button.py", own_colours, "mug", 4, camera.url, pins=True)
    script.wait_for("background")
    script.drive(4, high=False)
    assert script.line() == "forgot mug"
    script.drive(4, high=True)
    camera.show("ant")
    assert script.line() == "ant"
    script.send(signal.SIGINT)
    assert script.end() == (0, "stopped\n", "")
