"""A relay is on while its label is seen, and off whatever else happens."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from examples.colours import pictures
from examples.running import Camera, Script

Start = Callable[..., Script]


def test_the_relay_is_on_while_the_label_is_seen(start: Start, colours: Path, tmp_path: Path) -> None:
    frames = [*5 * ["background"], *8 * ["ant"], *5 * ["bee"], *8 * ["ant"]]
    script = start(
        "switch_relay.py", colours, "ant", 17, f"fake:{pictures(tmp_path / 'p', frames)}", pins=True
    )
    assert script.end() == (0, "off\non\noff\non\n", "")
    # Off again at the end, although the last frame shows one.
    assert script.pins_left() == ["17 1", "17 0", "17 1", "17 0"]


@pytest.mark.parametrize(("number", "said"), [(signal.SIGTERM, ""), (signal.SIGINT, "stopped\n")])
def test_a_program_that_is_stopped_leaves_the_relay_off(
    start: Start, colours: Path, camera: Camera, number: signal.Signals, said: str
) -> None:
    camera.show("ant")
    script = start("switch_relay.py", colours, "ant", 17, camera.url, pins=True)
    assert script.next_pin() == "17 1"
    assert script.line() == "on"
    script.send(number)
    assert script.end() == (0, said, "")
    assert script.pins_left() == ["17 0"]


def test_a_camera_that_falls_silent_does_not_keep_the_relay_on(
    start: Start, colours: Path, camera: Camera
) -> None:
    camera.show("ant")
    script = start("switch_relay.py", colours, "ant", 17, camera.url, pins=True)
    assert script.next_pin() == "17 1"
    camera.freeze()
    assert script.next_pin() == "17 0"
    assert script.runs


def test_a_label_the_model_does_not_have_is_refused(start: Start, colours: Path, camera: Camera) -> None:
    script = start("switch_relay.py", colours, "wasp", 17, camera.url, pins=True)
    code, out, err = script.end()
    assert (code, out) == (1, "")
    assert err == f"{colours} has no label wasp: choose from background, ant, bee\n"
    assert script.pins_left() == []


def test_the_line_for_a_machine_without_pins_runs(examples: Path, colours: Path, tmp_path: Path) -> None:
    source = f"fake:{pictures(tmp_path / 'photos', 4 * ['ant'])}"
    done = subprocess.run(
        [sys.executable, examples / "switch_relay.py", colours, "ant", "17", source],
        env={**os.environ, "GPIOZERO_PIN_FACTORY": "mock"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "on\n", "")
