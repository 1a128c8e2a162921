"""Over 200 texts through every place where text reaches SSH, a shell, a process or a terminal: none is run.

The canary is a folder that stays empty: every text that a shell would run makes a file in it, and so does
every program of a PATH that is full of traps, on both sides.
"""

import asyncio
import json
import os
import random
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hostile_texts
import pytest
import signed
import ssh_server
import support
from deep import CORPUS, SEED, cases

from edgetl.benchmarks.devices import bench_devices
from edgetl.bundle import MANIFEST, Bundle
from edgetl.errors import DeviceError, EdgetlError, UsageError
from edgetl.manifest import SIGNATURES
from edgetl.progress import Progress
from edgetl.remote import address as addresses
from edgetl.remote import shipping
from edgetl.remote.facts import Wanted

ANY = Wanted(("fake",), room_bytes=1000)
ECHO = b"""
import json, os, sys
found = [os.path.join(place, name) for place, _, names in os.walk(".") for name in names]
found = [name for name in found if not name.endswith(".pyc")]
print(json.dumps({"words": sys.argv[1:], "files": found, "cwd": os.getcwd()}))
"""


class Notes(Progress):
    def __init__(self) -> None:
        self.lines: list[str] = []

    def note(self, text: str) -> None:
        self.lines.append(text)


@pytest.fixture
def canary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder that stays empty; the traps are first in the PATH of this side."""
    folder = tmp_path / "canary"
    traps = hostile_texts.trap(tmp_path / "traps", folder)
    monkeypatch.setenv("PATH", f"{traps}:{os.environ['PATH']}")
    monkeypatch.chdir(tmp_path)
    yield folder
    assert [file.read_text() or file.name for file in folder.iterdir()] == []


@pytest.fixture
def trapped(device: ssh_server.Device, canary: Path) -> ssh_server.Device:
    """A device whose PATH has the traps too."""
    hostile_texts.trap(device.bin, canary)
    return device


def on(device: ssh_server.Device, *words: str, python: str | None = None, **files: bytes) -> Any:
    """What the echo on the device tells."""
    from edgetl.remote import connection, session

    given = {"work/task.py": ECHO, **files}
    job = session.Job(given, ("task", *words), ANY, python, 30, 60, 1 << 26)

    async def go() -> "session.Ended":
        async with connection.connected(addresses.parse(device.address), 20) as connected:
            return await session.run(connected, job, lambda line: None)

    return json.loads(asyncio.run(go()).output)


def read(text: str) -> addresses.Address | None:
    """The address; None where it is refused in a plain sentence."""
    try:
        return addresses.parse(text)
    except UsageError as error:
        refusal = str(error)
    assert hostile_texts.obeyed(refusal) == ""
    assert "\n" not in refusal
    assert len(refusal) < 4000
    return None


def test_there_are_over_two_hundred_of_them() -> None:
    assert len(set(hostile_texts.texts())) > 200


def test_as_a_device_nearly_all_are_refused_and_the_others_are_names(canary: Path) -> None:
    texts = hostile_texts.filled(canary)
    texts += [f"pi@{text}" for text in texts] + [f"{text}@board" for text in texts]
    texts += [f"board:{text}" for text in texts] + [f"[{text}]" for text in texts]
    allowed = {address.host for text in texts if (address := read(text)) is not None}
    assert {host for host in allowed if shlex.quote(host).strip("'") != host} <= {"fe80::1%25eth0"}
    assert not [host for host in allowed if host.startswith("-") or len(host) > 253]
    assert len(allowed) < len(texts) / 20


@pytest.mark.parametrize(
    "place", sorted((CORPUS / "ssh").glob("device-*.json")), ids=lambda place: place.stem
)
def test_devices_that_were_taken_wrongly_once_are_refused(place: Path) -> None:
    kept = json.loads(place.read_text())
    assert read(kept["text"] * kept.get("times", 1)) is None


# asyncssh leaves the pipes of a ProxyCommand that ended early to the garbage collector.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_what_is_let_through_runs_nothing_even_where_ssh_config_hands_it_to_a_shell(
    device: ssh_server.Device, canary: Path
) -> None:
    """``%h`` and ``%r`` go to a shell there; what runs is only what the user wrote."""
    from edgetl.remote import connection

    (device.home / ".ssh" / "config").write_text(
        f'Match exec "test -n %h"\n  ProxyCommand sh -c "echo %h %r >> {device.home}/seen; exit 1"\n'
    )
    allowed = [address for text in hostile_texts.filled(canary) if (address := read(text)) is not None]

    async def go() -> None:
        for address in allowed:
            with pytest.raises(DeviceError, match=r"Connection lost|Broken pipe"):
                async with connection.connected(address, 5):
                    pass

    asyncio.run(go())
    seen = (device.home / "seen").read_text().splitlines()
    assert len(seen) == len(allowed) > 5
    assert all(line.startswith(address.host) for line, address in zip(seen, allowed, strict=True))


def test_as_words_of_a_command_all_arrive_as_they_are(trapped: ssh_server.Device, canary: Path) -> None:
    # No program can be started with a NUL in a word: Python says so, and the device is clean.
    words = [text for text in hostile_texts.filled(canary) if "\0" not in text]
    assert on(trapped, *words)["words"] == words
    with pytest.raises(DeviceError):
        on(trapped, "a\0b")
    assert trapped.is_clean()


def test_as_pythons_to_look_at_none_is_run(
    trapped: ssh_server.Device, canary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from edgetl.remote import session

    texts = hostile_texts.filled(canary)
    names = [text for text in texts if text not in hostile_texts.TRAPPED]
    monkeypatch.setattr(session, "PYTHONS", (*names, "python3"))
    assert on(trapped, "done")["words"] == ["done"]


def test_as_the_one_python_each_is_refused_in_a_plain_sentence(
    trapped: ssh_server.Device, canary: Path
) -> None:
    texts = [text for text in hostile_texts.filled(canary) if text not in hostile_texts.TRAPPED]
    for text in random.Random(SEED).sample(texts, cases(12, len(texts))):
        with pytest.raises(DeviceError) as refused:
            on(trapped, python=text)
        assert hostile_texts.obeyed(str(refused.value)) == ""
        assert "\n" not in str(refused.value)


def test_as_names_of_files_all_lie_inside_the_folder(trapped: ssh_server.Device, canary: Path) -> None:
    names = [text for text in hostile_texts.filled(canary) if hostile_texts.fits_a_folder(text)]
    found = on(trapped, **{f"work/data/{name}": b"" for name in names})
    assert sorted(found["files"]) == sorted(["./task.py", *(f"./data/{name}" for name in names)])
    assert len(names) > 100


def test_as_a_bundles_folder_none_is_run_and_all_are_measured(
    trapped: ssh_server.Device, canary: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    modules = {"edgetl/__init__.py": b"", "edgetl/__main__.py": ECHO}
    monkeypatch.setattr(shipping, "runtime_files", lambda: modules)
    bundle = support.write_fake_bundle(tmp_path / "plain.edgetl", delay_s=0.001)
    names = [text for text in hostile_texts.filled(canary) if hostile_texts.fits_a_folder(text)]
    for name in random.Random(SEED).sample(names, cases(10, len(names))):
        folder = tmp_path / "bundles" / name
        shutil.copytree(bundle, folder)
        notes = Notes()
        (result,) = bench_devices(folder, [trapped.address], ["--threads", "1"], progress=notes)
        # The echo is no report: what is asked is only that it was reached, with one plain folder.
        assert "gave no report" in str(result.problem)
        assert hostile_texts.obeyed(str(result.problem) + "".join(notes.lines)) == ""


def test_what_is_copied_to_a_device_is_what_was_checked(tmp_path: Path) -> None:
    place = signed.tiny_bundle(tmp_path / "tiny.edgetl", "alice")
    opened = Bundle.open(place)
    for name in (MANIFEST, SIGNATURES):
        (place / name).write_text("another")
    copied = shipping.bundle_files(opened)
    folder = f"work/{shipping.FOLDER}/tiny.edgetl"
    assert copied[f"{folder}/{MANIFEST}"] == opened.manifest_bytes
    assert copied[f"{folder}/{SIGNATURES}"] == opened.signatures


def test_a_bundle_that_is_called_like_a_module_is_not_imported(
    trapped: ssh_server.Device, canary: Path, tmp_path: Path
) -> None:
    bundle = support.write_fake_bundle(tmp_path / "numpy", delay_s=0.001)
    program = f"open({str(canary / 'imported')!r}, 'w')".encode()
    names = {path.partition("/")[2] for path in shipping.bundle_files(Bundle.open(bundle))}
    assert {name.partition("/")[0] for name in names} == {shipping.FOLDER}
    files = {f"work/{shipping.FOLDER}/numpy/__init__.py": program, f"work/{shipping.FOLDER}/json.py": program}
    assert on(trapped, **files)["words"] == []
    (result,) = bench_devices(bundle, [trapped.address], ["--threads", "1", "--rounds", "1", "--runs", "1"])
    assert result.problem is None


def test_modules_in_the_home_folder_are_not_taken_for_pythons_own(
    trapped: ssh_server.Device, canary: Path
) -> None:
    for name in ("json", "random", "tempfile", "select", "numpy"):
        (trapped.home / f"{name}.py").write_text(f"open({str(canary / name)!r}, 'w')")
    # As where sshd begins in the home folder, which here is another's.
    trapped.python(f'test "$1" = -I && cd {trapped.home}\n{trapped.python_script}')
    assert on(trapped, "done")["words"] == ["done"]


def test_reports_of_two_devices_never_fall_on_one_place() -> None:
    from edgetl.cli.bench import _folders

    devices = ["pi@a:22", "pi@a-22", "[fe80::1]", "fe80::1", "pi@a.22", "--1", "::1"]
    folders = _folders(devices)
    assert len(set(folders.values())) == len(devices)
    assert all(set(folder) <= set("+-.@_") | set(map(chr, range(48, 123))) for folder in folders.values())


@pytest.mark.parametrize("command", ["bench", "push"])
def test_on_the_command_line_every_text_is_refused_or_harmless(
    command: str, trapped: ssh_server.Device, canary: Path, tmp_path: Path
) -> None:
    """As device, as Python and as store of a real command, with what it prints looked at."""
    bundle = support.write_fake_bundle(tmp_path / "plain.edgetl", delay_s=0.001)
    texts = [text for text in hostile_texts.filled(canary) if "\0" not in text and len(text) < 50_000]
    python, *others = {
        "bench": ["--device-python", "--variant", "--threads"],
        "push": ["--python", "--into"],
    }[command]
    for text in random.Random(SEED).sample(texts, cases(2, 30)):
        words = [f"--device={text}", *(f"{option}={text}" for option in others)]
        for asked in (words, [f"--device={trapped.address}", f"{python}={text}"]):
            ended = subprocess.run(
                [sys.executable, "-m", "edgetl", command, str(bundle), *asked],
                capture_output=True,
                timeout=120,
                check=False,
                cwd=Path(__file__).parents[2],
            )
            assert ended.returncode in (1, 2), (asked, ended)
            printed = (ended.stdout + ended.stderr).decode()
            assert hostile_texts.obeyed(printed) == "", asked
            assert "Traceback" not in printed
            assert "edgetl itself failed" not in printed


def test_errors_hold_what_was_asked_without_end_or_control(canary: Path) -> None:
    from edgetl.fleet.push import push, store_name

    for text in hostile_texts.filled(canary):
        assert hostile_texts.fits_a_folder(store_name(text))
        assert not store_name(text).startswith((".", "-"))
        if not text.startswith(("/", "~/")) or "\0" in text:
            with pytest.raises(EdgetlError) as refused:
                push("missing", ["pi@board"], into=text)
            assert hostile_texts.obeyed(str(refused.value)) == ""
