"""What the tests of the examples may ask for."""

import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from support import write_fake_bundle

from examples.colours import write_colours
from examples.running import LONGEST_S, Camera, Script


@pytest.fixture(scope="session")
def examples(root: Path) -> Path:
    """The folder of the examples."""
    return root / "examples" / "raspberry_pi"


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    """A bundle for the fake engine, which sees a bee in everything."""
    return write_fake_bundle(tmp_path / "insects.edgetl")


@pytest.fixture(scope="session")
def colours(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle that tells ants (red), bees (blue) and the grey background apart."""
    return write_colours(tmp_path_factory.mktemp("colours") / "colours.edgetl")


@pytest.fixture
def own_colours(colours: Path, tmp_path: Path) -> Path:
    """A copy of that bundle, to be taught."""
    return Path(shutil.copytree(colours, tmp_path / "colours.edgetl"))


@pytest.fixture
def start(examples: Path) -> Iterator[Callable[..., Script]]:
    """Starts an example by its name, with its arguments; ``pins=True`` gives it mock pins."""
    with ExitStack() as ends:

        def started(name: str, *arguments: object, pins: bool = False) -> Script:
            command = [sys.executable, str(examples / name), *map(str, arguments)]
            passed: tuple[int, ...] = ()
            ours = None
            if pins:
                (seen, report), (orders, drive) = os.pipe(), os.pipe()
                for descriptor in (seen, drive):
                    ends.callback(os.close, descriptor)
                ours, passed = (seen, drive), (report, orders)
                driver = Path(__file__).with_name("pins.py")
                command = [sys.executable, str(driver), str(report), str(orders), *command[1:]]
            process = subprocess.Popen(
                command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, pass_fds=passed
            )
            for descriptor in passed:
                os.close(descriptor)
            ends.enter_context(process)
            ends.callback(process.kill)
            too_long = threading.Timer(LONGEST_S, process.kill)
            too_long.start()
            ends.callback(too_long.cancel)
            return Script(process, ours)

        yield started


@pytest.fixture
def camera() -> Iterator[Camera]:
    """A camera whose pictures a test chooses; it begins with the background."""
    made = Camera()
    yield made
    made.close()
