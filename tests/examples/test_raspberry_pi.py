"""Every example runs, with a bundle for the fake engine and the fake camera."""

import re
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from support import scene, write_fake_bundle


@pytest.fixture(scope="module")
def examples(root: Path) -> Path:
    return root / "examples" / "raspberry_pi"


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    return write_fake_bundle(tmp_path / "insects.edgetl")


def run(script: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, script, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_classify_picture_prints_the_best_labels(examples: Path, bundle: Path) -> None:
    done = run(examples / "classify_picture.py", bundle, bundle / "golden" / "0.jpg")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[:3] == [" 70.0 %  bee", " 20.0 %  ant", " 10.0 %  cat"]
    assert re.fullmatch(r"fake-float32 in fake: \d+\.\d ms", done.stdout.splitlines()[-1])


def test_classify_picture_says_when_it_is_unsure(examples: Path, tmp_path: Path) -> None:
    unsure = write_fake_bundle(tmp_path / "unsure.edgetl", reject_threshold=0.9)
    done = run(examples / "classify_picture.py", unsure, unsure / "golden" / "0.jpg")
    assert "under the bundle's threshold" in done.stdout


def test_watch_folder_classifies_what_arrives_and_stops_on_ctrl_c(
    examples: Path, bundle: Path, tmp_path: Path
) -> None:
    incoming = tmp_path / "incoming"
    incoming.mkdir()
    with subprocess.Popen(
        [sys.executable, examples / "watch_folder.py", bundle, incoming],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        too_long = threading.Timer(60, process.kill)
        too_long.start()
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline() == f"watching {incoming}\n"
        (incoming / "broken.jpg").write_bytes(b"words")
        assert "broken.jpg is no picture" in process.stdout.readline()
        scene().save(incoming / "photo.jpg")
        assert process.stdout.readline() == "photo.jpg: bee (70 %)\n"
        process.send_signal(signal.SIGINT)
        assert process.stdout.read() == "stopped\n"
        assert process.stderr.read() == ""
        too_long.cancel()
    assert process.returncode == 0


def test_live_camera_says_what_it_sees(examples: Path, bundle: Path, tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    for number in range(3):
        scene(seed=number).save(photos / f"{number}.jpg")
    done = run(examples / "live_camera.py", bundle, f"fake:{photos}")
    assert (done.returncode, done.stderr) == (0, "")
    # Said once, since it sees the same in all three.
    assert re.fullmatch(r"bee \(70 %, \d+ ms\)\n", done.stdout)


def test_every_example_is_short_and_in_the_readme(examples: Path) -> None:
    readme = (examples / "README.md").read_text()
    scripts = sorted(examples.glob("*.py"))
    assert len(scripts) >= 3
    for script in scripts:
        assert script.name in readme
        assert 10 <= len(script.read_text().splitlines()) <= 40
    assert set(re.findall(r"(\w+\.py)", readme)) == {script.name for script in scripts}
