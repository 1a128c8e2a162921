"""One device: what comes back, what is left behind, and what is said when it goes wrong."""

import asyncio
import fcntl
import json
import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import ssh_server

from edgetl.errors import DeviceError
from edgetl.remote import address, supervisor
from edgetl.remote.facts import Wanted

if TYPE_CHECKING:
    from edgetl.remote.session import Ended

ANY = Wanted(("fake",), room_bytes=1000)

# Starts a process that leaves its group, says so, and would never end.
ENDLESS = """
import subprocess, sys, time
subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True)
print("running", file=sys.stderr, flush=True)
time.sleep(600)
"""


def run(
    device: ssh_server.Device,
    script: str,
    *words: str,
    tell: Callable[[str], None] = lambda line: None,
    wanted: Wanted = ANY,
    files: dict[str, bytes] | None = None,
    python: str | None = None,
    silence_s: float = 30.0,
    most_s: float = 600.0,
) -> "Ended":
    """Run a script on the device."""
    from edgetl.remote import connection, session

    given = {"work/task.py": textwrap.dedent(script).encode(), **(files or {})}
    job = session.Job(given, ("task", *words), wanted, python, silence_s, most_s, 1 << 26)

    async def go() -> "Ended":
        async with connection.connected(address.parse(device.address), 20) as connected:
            return await session.run(connected, job, tell)

    return asyncio.run(go())


def refusal(device: ssh_server.Device, script: str = "", **options: "object") -> str:
    with pytest.raises(DeviceError) as refused:
        run(device, script, **options)  # type: ignore[arg-type]
    return str(refused.value)


def at_the_word(word: str, then: Callable[[], None]) -> Callable[[str], None]:
    """Something to hear the device with, which acts when it says a word."""

    def tell(line: str) -> None:
        if line == word:
            then()

    return tell


def supervisor_of(device: ssh_server.Device) -> int:
    """The process that has all others of the session as descendants, but for sshd and the shell."""
    running = device.processes()
    (found,) = (
        process
        for process, command in running.items()
        if "f.readline" in command and any(parent_of(other) == process for other in running)
    )
    return found


def parent_of(process: int) -> int:
    return int(Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[1])


def test_output_code_and_last_words_come_back(device: ssh_server.Device) -> None:
    told: list[str] = []
    ended = run(
        device,
        """
        import sys
        print("two", file=sys.stderr)
        print("lines", file=sys.stderr)
        sys.stdout.buffer.write(bytes(range(256)) * 4000)
        sys.exit(7)
        """,
        tell=told.append,
    )
    assert (ended.code, ended.last_words) == (7, "lines")
    assert ended.output == bytes(range(256)) * 4000
    assert told[-2:] == ["two", "lines"]
    assert device.is_clean()


def test_words_arrive_as_they_are(device: ssh_server.Device) -> None:
    words = [
        "$(id)",
        "`id`",
        "a b",
        "'",
        '"',
        "\\",
        "; id",
        "",
        "-c",
        "*",
        "line\nbreak",
        "Käfer",
        "!!",
    ]
    ended = run(device, "import json, sys; print(json.dumps(sys.argv[1:]))", *words)
    assert json.loads(ended.output) == words


def test_files_arrive_as_they_are_and_nothing_is_written_elsewhere(device: ssh_server.Device) -> None:
    data = os.urandom(3_000_000)
    ended = run(
        device,
        """
        import hashlib, os, pathlib, tempfile
        print(hashlib.sha256(pathlib.Path("some bundle/ä.bin").read_bytes()).hexdigest())
        caches = [os.environ[name] for name in ("EDGETL_CACHE", "XDG_CACHE_HOME")]
        print(os.getcwd(), tempfile.gettempdir(), *caches, sep="\\n")
        """,
        files={"work/some bundle/ä.bin": data},
    )
    digest, *places = ended.output.decode().splitlines()
    import hashlib

    assert digest == hashlib.sha256(data).hexdigest()
    assert {Path(place).parent.parent for place in places} == {device.temporary}
    assert len({Path(place).parent for place in places}) == 1


def test_a_greeting_of_the_login_shell_is_passed_over(device: ssh_server.Device) -> None:
    greeting = 'test -n "$GREETED" || { echo Welcome; printf to Raspberry Pi OS; }\nexport GREETED=yes\n'
    device.python(greeting + device.python_script)
    assert run(device, "print('answer')").output == b"answer\n"


def test_a_killed_connection_leaves_a_clean_device(device: ssh_server.Device) -> None:
    told = refusal(device, ENDLESS, tell=at_the_word("running", device.cut))
    assert told.startswith("was lost: the connection ended")
    assert device.is_clean()


def test_a_killed_supervisor_leaves_a_clean_device(device: ssh_server.Device) -> None:
    def kill() -> None:
        os.kill(supervisor_of(device), signal.SIGKILL)

    told = refusal(device, ENDLESS, tell=at_the_word("running", kill))
    assert told.startswith("had its session killed (KILL)")
    assert device.is_clean()


def test_a_terminated_supervisor_leaves_a_clean_device(device: ssh_server.Device) -> None:
    def terminate() -> None:
        os.kill(supervisor_of(device), signal.SIGTERM)

    told = refusal(device, ENDLESS, tell=at_the_word("running", terminate))
    assert told == "was stopped there by SIGTERM, as when it is shut down; it is clean"
    assert device.is_clean()


def test_a_command_that_crashes_is_an_answer(device: ssh_server.Device) -> None:
    ended = run(device, "import os; os.abort()")
    assert (ended.code, ended.output) == (-signal.SIGABRT, b"")
    assert device.is_clean()


def test_what_a_command_leaves_running_is_ended_with_it(device: ssh_server.Device) -> None:
    ended = run(device, ENDLESS.replace("time.sleep(600)\n", "print('done')\n"))
    assert ended.output == b"done\n"
    assert device.is_clean()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_ctrl_c_and_a_killed_workstation_leave_a_clean_device(
    device: ssh_server.Device, tmp_path: Path, number: signal.Signals
) -> None:
    program = tmp_path / "workstation.py"
    program.write_text(
        textwrap.dedent(f"""
        import asyncio
        from edgetl.remote import address, connection, facts, session

        async def go():
            wanted = facts.Wanted(("fake",), 1000)
            files = {{"work/task.py": {ENDLESS.encode()!r}}}
            job = session.Job(files, ("task",), wanted, None, 30, 600, 1000)
            async with connection.connected(address.parse({device.address!r}), 20) as connected:
                await session.run(connected, job, lambda line: print(line, flush=True))

        asyncio.run(go())
        """)
    )
    with subprocess.Popen(
        [sys.executable, program], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as workstation:
        assert workstation.stdout is not None
        assert "running\n" in iter(workstation.stdout.readline, "")
        workstation.send_signal(number)
        _, errors = workstation.communicate(timeout=30)
    assert workstation.returncode == -number
    assert errors == "" or errors.rstrip().endswith("KeyboardInterrupt")
    assert device.is_clean()


def test_a_device_that_falls_silent_is_given_up_and_cleans_up_later(
    device: ssh_server.Device,
) -> None:
    stopped: list[int] = []

    def stop() -> None:
        stopped.append(supervisor_of(device))
        os.kill(stopped[0], signal.SIGSTOP)

    told = refusal(device, ENDLESS, tell=at_the_word("running", stop), silence_s=2.0)
    assert told.startswith("has said nothing for 2 s")
    os.kill(stopped[0], signal.SIGCONT)
    assert device.is_clean()


def test_a_workstation_that_falls_silent_is_given_up(
    device: ssh_server.Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    from edgetl.remote import session

    async def nothing(self: object) -> None:
        await asyncio.sleep(600)

    monkeypatch.setattr(session._Session, "_say_alive", nothing)
    monkeypatch.setattr(session._Session, "_soon", lambda self, waiting: waiting)  # it is patient
    told = refusal(device, ENDLESS, silence_s=1.0)
    assert told == "ended the session, since it heard nothing from here; it is clean"
    assert device.is_clean()


def test_no_python_is_told_with_the_line_that_installs_it(device: ssh_server.Device) -> None:
    device.python(None)
    device.start({"PATH": str(device.bin)})
    assert refusal(device) == "has no python3: sudo apt install python3 python3-venv"


def test_too_old_a_python_is_told_with_its_version(device: ssh_server.Device, tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text("import sys; sys.version_info = (3, 9, 2, 'final', 0)")
    device.python(f"export PYTHONPATH={tmp_path}\n{device.python_script}")
    assert refusal(device).startswith("has Python 3.9.2 at python3, and edgetl needs 3.10")
    assert device.is_clean()


def test_missing_packages_are_told_with_the_line_to_type(device: ssh_server.Device) -> None:
    device.python(f'exec {sys.executable} -S "$@"')  # without site-packages
    told = refusal(device, wanted=Wanted(("tflite",), 1000))
    assert told.startswith("lacks numpy, pillow, click, ai-edge-litert in python3")
    assert "~/edgetl/bin/pip install numpy" in told


def test_the_python_of_our_own_instructions_is_found(device: ssh_server.Device) -> None:
    place = device.home / "edgetl" / "bin" / "python"
    place.parent.mkdir(parents=True)
    place.write_text(f'#!/bin/sh\nTHE_ONE=yes exec {sys.executable} "$@"\n')
    place.chmod(0o755)
    assert run(device, "import os; print(os.environ['THE_ONE'])").output == b"yes\n"


def test_a_python_can_be_named(device: ssh_server.Device) -> None:
    assert "no Python that runs at /opt/none" in refusal(device, python="/opt/none")
    assert run(device, "print(1)", python=sys.executable).output == b"1\n"


def test_too_little_room_is_told_before_anything_is_copied(device: ssh_server.Device) -> None:
    told = refusal(device, wanted=Wanted(("fake",), 1 << 60))
    assert "MB free in" in told
    assert "set TMPDIR there" in told
    assert device.is_clean()


def test_a_disk_that_fills_up_on_the_way_is_told(device: ssh_server.Device, small_disk: Path) -> None:
    device.temporary = small_disk
    device.start()
    told = refusal(device, files={"work/large": bytes(3_000_000)})
    assert told == "could not go on: No space left on device"
    assert device.is_clean()


def test_why_it_could_not_go_on_is_told_also_when_it_has_ended_before_all_was_sent(
    device: ssh_server.Device, small_disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from edgetl.remote import session

    send = session._Session._send

    async def slowly(self: session._Session, data: bytes) -> None:
        await send(self, data)
        await asyncio.sleep(len(data) / 1_000_000)

    monkeypatch.setattr(session._Session, "_send", slowly)
    device.temporary = small_disk
    device.start()
    told = refusal(device, files={"work/large": bytes(3_000_000)})
    assert told == "could not go on: No space left on device"


def test_what_a_power_cut_left_is_removed_by_the_next(device: ssh_server.Device) -> None:
    left = device.temporary / f"{supervisor.PREFIX}abcdefgh"
    (left / "lib").mkdir(parents=True)
    (left / "lib" / "module.py").write_text("")
    os.utime(left, (0, 0))
    run(device, "")
    assert device.is_clean()


def test_a_benchmark_that_runs_is_left_alone_by_the_next(device: ssh_server.Device, tmp_path: Path) -> None:
    running = device.temporary / f"{supervisor.PREFIX}abcdefgh"
    running.mkdir()
    os.utime(running, (0, 0))
    elsewhere = tmp_path / "precious"
    elsewhere.mkdir()
    link = device.temporary / f"{supervisor.PREFIX}ijklmnop"
    link.symlink_to(elsewhere)
    lock = os.open(running, os.O_RDONLY)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        run(device, "")
        assert running.is_dir()
        assert elsewhere.is_dir()
    finally:
        os.close(lock)
