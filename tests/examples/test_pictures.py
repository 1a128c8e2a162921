"""The examples that classify pictures in files."""

import re
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from support import scene, write_fake_bundle

from examples.running import Script

Start = Callable[..., Script]


def test_classify_picture_prints_the_best_labels(start: Start, bundle: Path) -> None:
    code, out, err = start("classify_picture.py", bundle, bundle / "golden" / "0.jpg").end()
    assert (code, err) == (0, "")
    assert out.splitlines()[:3] == [" 70.0 %  bee", " 20.0 %  ant", " 10.0 %  cat"]
    assert re.fullmatch(r"fake-float32 in fake: \d+\.\d ms", out.splitlines()[-1])


def test_classify_picture_says_when_it_is_unsure(start: Start, tmp_path: Path) -> None:
    unsure = write_fake_bundle(tmp_path / "unsure.edgetl", reject_threshold=0.9)
    _, out, _ = start("classify_picture.py", unsure, unsure / "golden" / "0.jpg").end()
    assert "under the bundle's threshold" in out


def test_watch_folder_classifies_what_arrives_and_stops_on_ctrl_c(
    start: Start, bundle: Path, tmp_path: Path
) -> None:
    incoming = tmp_path / "incoming"
    incoming.mkdir()
    script = start("watch_folder.py", bundle, incoming)
    assert script.line() == f"watching {incoming}"
    (incoming / "broken.jpg").write_bytes(b"words")
    assert "broken.jpg is no picture" in script.line()
    scene().save(incoming / "photo.jpg")
    assert script.line() == "photo.jpg: bee (70 %)"
    script.send(signal.SIGINT)
    assert script.end() == (0, "stopped\n", "")


SCRIPTS = sorted((Path(__file__).parents[2] / "examples" / "raspberry_pi").glob("*.py"))


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_an_example_that_is_called_wrongly_prints_how_to_call_it(start: Start, script: Path) -> None:
    code, out, err = start(script.name).end()
    assert (code, out) == (1, "")
    assert f"\npython {script.name} flowers.edgetl " in err
