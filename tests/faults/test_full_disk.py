"""A real disk with a little more room each time: too little changes nothing, and says what is missing."""

import errno
import itertools
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from deep import cases

from edgetl.errors import EdgetlError, WriteError
from faults.judging import Recording
from faults.scenarios import SCENARIOS, Scenario
from faults.states import History

_PAGE = 4096


@pytest.fixture(scope="module")
def disk_of_4_mb(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    place = tmp_path_factory.mktemp("disk")
    done = subprocess.run(
        [shutil.which("mount") or "/bin/mount", "-t", "tmpfs", "-o", "size=4m", "none", place],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        pytest.skip(f"needs to mount a small disk, and may not: {done.stderr.strip()}")
    yield place
    subprocess.run([shutil.which("umount") or "/bin/umount", "-l", place], check=True)


def leave_free(disk: Path, pages: int) -> Path:
    """Fill a disk but for so many pages; the file that takes the room."""
    filler = disk / "filler"
    with filler.open("wb", buffering=0) as file:
        for size in (64 * _PAGE, _PAGE):
            try:
                while file.write(bytes(size)) == size:
                    pass
            except OSError:  # it is full
                continue
        file.truncate(file.tell() // _PAGE * _PAGE - pages * _PAGE)
    return filler


@pytest.mark.parametrize("scenario", SCENARIOS, ids=str)
def test_a_disk_that_is_filled_step_by_step(scenario: Scenario, disk_of_4_mb: Path) -> None:
    with tempfile.TemporaryDirectory() as folder:
        prepared, undisturbed = Path(folder) / "prepared", Path(folder) / "undisturbed"
        prepared.mkdir()
        with scenario.at(prepared):
            scenario.prepare(prepared)
        shutil.copytree(prepared, undisturbed)
        with scenario.at(undisturbed):
            before = scenario.read(undisturbed)
            scenario.run(undisturbed)
            after = scenario.read(undisturbed)
        refused = 0
        for pages in itertools.count(0, cases(2, 1)):
            place = disk_of_4_mb / "room"
            shutil.copytree(prepared, place)
            filler = leave_free(disk_of_4_mb, pages)
            told: EdgetlError | None = None
            with scenario.at(place):
                try:
                    scenario.run(place)
                except EdgetlError as error:
                    told = error
                found = scenario.read(place)
                assert scenario.fits(found, before, after), pages
                filler.unlink()
                if told is not None:
                    refused += 1
                    assert isinstance(told, WriteError)
                    assert told.errno in (errno.ENOSPC, None)
                    assert str(place) in str(told)
                    assert "it needs at least" in str(told)
                left = Recording(scenario, History([]), before, after).after_the_next(place, f"{pages} pages")
                assert left is None
            shutil.rmtree(place)
            if told is None and (found == after or pages > 64):
                assert found == after
                break
        # Removing needs no room; all else does.
        assert (
            refused
            or scenario.may_go_on
            or "removed" in str(scenario)
            or "forgotten" in str(scenario)
            or "back" in str(scenario)
            or "moved" in str(scenario)
        )
