"""The same of the folders that take minutes to make, a run and a bundle: each is recorded once."""

import hashlib
import itertools
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import support
from deep import SEED, cases

import edgetl
from edgetl import files
from edgetl.bundle import MANIFEST, Bundle
from edgetl.training import run
from edgetl.training.run import Run
from faults import states
from faults.judging import Recording, distinct, recording_of, unneeded_flushes
from faults.recorder import tree_of
from faults.scenarios import Scenario, Value


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    memory = Path("/dev/shm")
    above = memory if memory.is_dir() else tmp_path_factory.mktemp("faults")
    with tempfile.TemporaryDirectory(dir=above, prefix="edgetl-faults-") as folder:
        yield Path(folder)


def digests(folder: Path) -> Value:
    """SHA-256 of each file."""
    return {
        name: hashlib.sha256(data).hexdigest() for name, data in tree_of(folder).items() if data is not None
    }


def read_bundle(root: Path) -> Value:
    """All of a bundle, each file checked against the manifest."""
    bundle = Bundle.open(root / "out")
    for variant in bundle.manifest.variants:
        bundle.model_files(variant)
    return digests(root / "out")


def read_run(root: Path) -> Value:
    """All of a run."""
    Run.open(root / "out")
    return digests(root / "out")


def write_anew(marker: str) -> Callable[[Path], None]:
    """What the command does at its end, without the minutes before: the same files into a new folder."""

    def write(root: Path) -> None:
        with files.new_folder(root / "out", replace=True, marker=marker) as folder:
            for name, data in sorted(_made[marker].items()):
                if data is None:
                    files.make_folders(folder / name)
                else:
                    files.write_bytes(folder / name, data)

    return write


_made: dict[str, dict[str, bytes | None]] = {}


@pytest.fixture(scope="module", params=["export", "train"])
def recording(request: pytest.FixtureRequest, room: Path, solar_run: Run, solar_photos: Path) -> Recording:
    if request.param == "export":
        scenario = Scenario(
            "export",
            lambda root: support.write_fake_bundle(root / "out"),
            lambda root: edgetl.export(
                solar_run.path, formats="onnx", precisions="float32", out=root / "out", force=True, max_drop=4
            ),
            read_bundle,
            again=write_anew(MANIFEST),
            own_cache=False,
        )
        marker = MANIFEST
    else:

        def old_run(root: Path) -> None:
            shutil.copytree(solar_run.path, root / "out")
            (root / "out" / "report.html").write_text("an older run's page")

        scenario = Scenario(
            "train",
            old_run,
            lambda root: edgetl.train(solar_photos, out=root / "out", layers="last", force=True),
            read_run,
            again=write_anew(run.DESCRIPTION),
            own_cache=False,
        )
        marker = run.DESCRIPTION
    recorded = recording_of(scenario, room / request.param)
    _made[marker] = dict(tree_of(room / request.param / "out"))
    return recorded


def test_a_kill_at_any_operation_leaves_the_old_or_the_new(recording: Recording, room: Path) -> None:
    for number, state in enumerate(distinct(states.kills(recording.history))):
        assert recording.fault(state, room / "state", go_on=number % cases(4, 1) == 0) is None


def test_a_power_cut_leaves_the_old_or_the_new(recording: Recording, room: Path) -> None:
    plain = list(states.power_cuts(recording.history, recording.history.effects))
    drawn = states.drawn_power_cuts(recording.history, cases(10, 300), np.random.default_rng(SEED))
    tried = 0
    for state in distinct(itertools.chain(plain[:: max(1, len(plain) // cases(25, 1000))], drawn)):
        assert recording.fault(state, room / "state", go_on=tried % 5 == 0) is None
        tried += 1
    print(recording.scenario, tried, "states")  # noqa: T201 - the figures, with -s


def test_without_any_one_flush_a_power_cut_loses_something(recording: Recording, room: Path) -> None:
    assert unneeded_flushes(recording, room / "state") == []
    assert len(recording.history.flushes) > 8
