"""``edgetl run`` as a user, a script and a service manager see it."""

import contextlib
import json
import os
import re
import resource
import select
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import fake_cameras
import numpy as np
import pytest
import support
import tiny_models

from edgetl import isolated
from edgetl.contract import Contract

PHOTO = support.encoded(support.scene())
LIMIT_S = 60  # nothing is timed by it; what hangs fails


def words_of(*words: object) -> list[str]:
    return [sys.executable, "-m", "edgetl", "run", *map(str, words)]


def run(*words: object, **options: object) -> subprocess.CompletedProcess[str]:
    """Run it to its end."""
    done = subprocess.run(  # type: ignore[call-overload]
        words_of(*words), **{"capture_output": True, "text": True, "timeout": LIMIT_S, **options}
    )
    assert isinstance(done, subprocess.CompletedProcess)
    assert "Traceback" not in done.stdout + done.stderr
    return done


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    """Says that everything is a bee."""
    return support.write_fake_bundle(tmp_path / "insects.edgetl")


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """A folder of six pictures."""
    folder = tmp_path / "photos"
    folder.mkdir()
    for number in range(6):
        (folder / f"{number}.jpg").write_bytes(support.encoded(support.scene(seed=number)))
    return folder


# --- what is printed -----------------------------------------------------------------------------


def test_every_picture_of_a_folder_gets_a_line(bundle: Path, photos: Path) -> None:
    done = run(bundle, photos, "--top", 2)
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert [line.partition(": ")[0] for line in lines] == [f"{photos}/{number}.jpg" for number in range(6)]
    assert all(re.search(r": bee 70\.0 %, ant 20\.0 %  [\d.]+ ms$", line) for line in lines)


@pytest.mark.parametrize("option", ["--json", "--jsonl"])
def test_a_line_of_json_holds_all_there_is_to_know(bundle: Path, photos: Path, option: str) -> None:
    lines = [
        json.loads(line) for line in run(bundle, photos / "*.jpg", option, "--top", 2).stdout.splitlines()
    ]
    assert [line["frame"] for line in lines] == list(range(6))
    assert lines[3]["picture"] == f"{photos}/3.jpg"
    assert (lines[0]["label"], lines[0]["unknown"], lines[0]["dropped"]) == ("bee", False, 0)
    assert lines[0]["score"] == pytest.approx(0.7)
    assert [one["label"] for one in lines[0]["top"]] == ["bee", "ant"]
    assert set(lines[0]["timings_ms"]) == {"decode", "resize", "infer", "post"}
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00", lines[0]["time"])


def test_what_is_under_the_threshold_is_called_unknown(tmp_path: Path, photos: Path) -> None:
    bundle = support.write_fake_bundle(tmp_path / "unsure.edgetl", reject_threshold=0.9)
    assert run(bundle, photos / "0.jpg").stdout.endswith("(unknown: under the reject threshold)\n")
    assert json.loads(run(bundle, photos / "0.jpg", "--jsonl").stdout)["unknown"] is True


def test_names_that_are_no_text_or_would_move_the_cursor_are_printed_all_the_same(
    bundle: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "odd"
    folder.mkdir()
    for name in (b"a\n\x1b[2Jb.jpg", b"caf\xe9.jpg"):
        Path(os.fsdecode(os.fsencode(folder) + b"/" + name)).write_bytes(PHOTO)
    utf_8 = {**os.environ, "PYTHONUTF8": "1", "PYTHONIOENCODING": "utf-8:strict"}
    done = run(bundle, folder, env=utf_8)
    assert (done.returncode, done.stderr) == (0, "")
    assert [line.partition(": ")[0] for line in done.stdout.splitlines()] == [
        rf"{folder}/a\n\x1b[2Jb.jpg",
        rf"{folder}/caf\udce9.jpg",
    ]
    told = [json.loads(line) for line in run(bundle, folder, "--jsonl", env=utf_8).stdout.splitlines()]
    assert [os.fsencode(Path(line["picture"]).name) for line in told] == [b"a\n\x1b[2Jb.jpg", b"caf\xe9.jpg"]


class Started:
    """A run that goes on while the test talks to it."""

    def __init__(self, *words: object, **environment: str) -> None:
        self.process = subprocess.Popen(
            words_of(*words),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ, **environment},
            bufsize=0,
        )

    def write(self, text: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(text.encode())

    def line(self) -> str:
        """The next line of stdout, as soon as it is there."""
        assert self.process.stdout is not None
        line = b""
        while not line.endswith(b"\n"):
            ready, _, _ = select.select([self.process.stdout], [], [], LIMIT_S)
            assert ready, f"no line came, only {line!r}"
            part = os.read(self.process.stdout.fileno(), 1)
            assert part, self.process.communicate()[1].decode()
            line += part
        return line.decode().rstrip("\n")

    def ended(self) -> tuple[int, str]:
        """The exit code and stderr."""
        _, errors = self.process.communicate(timeout=LIMIT_S)
        assert b"Traceback" not in errors
        return self.process.returncode, errors.decode()


@pytest.fixture
def start() -> Iterator[Callable[..., Started]]:
    runs: list[Started] = []

    def started(*words: object, **environment: str) -> Started:
        runs.append(Started(*words, **environment))
        return runs[-1]

    yield started
    for one in runs:
        one.process.kill()
        for pipe in (one.process.stdin, one.process.stdout, one.process.stderr):
            if pipe is not None:
                pipe.close()
        one.process.wait()


Start = Callable[..., Started]


@pytest.mark.parametrize("options", [(), ("--jsonl",)])
def test_each_answer_is_out_before_the_next_picture_comes(
    bundle: Path, photos: Path, start: Start, options: tuple[str, ...]
) -> None:
    answering = start(bundle, "-", *options)
    for number in (2, 0, 1):
        answering.write(f"{photos}/{number}.jpg\n")
        assert f"{photos}/{number}.jpg" in answering.line()
    assert answering.ended() == (0, "")  # its input ends


def test_who_has_seen_enough_makes_no_failure_of_it(bundle: Path, photos: Path, start: Start) -> None:
    reading = start(bundle, "-")
    reading.write(f"{photos}/0.jpg\n")
    reading.line()
    assert reading.process.stdout is not None
    reading.process.stdout.close()
    reading.write(f"{photos}/1.jpg\n{photos}/2.jpg\n")
    assert reading.process.stderr is not None
    assert reading.process.wait(LIMIT_S) == 0
    assert reading.process.stderr.read() == b""


# --- pictures that are none ----------------------------------------------------------------------


def test_broken_pictures_among_good_ones_are_named_and_fail_in_the_end(bundle: Path, photos: Path) -> None:
    (photos / "2.jpg").write_text("no picture")
    (photos / "4.jpg").write_bytes(b"")
    done = run(bundle, photos)
    assert done.returncode == 1
    assert len(done.stdout.splitlines()) == 4
    errors = done.stderr.splitlines()
    assert errors[0].startswith(f"error: {photos}/2.jpg is no picture")
    assert errors[1:] == [
        f"error: {photos}/4.jpg is empty",
        "error: 2 of the pictures could not be classified",
    ]


def test_one_broken_picture_gets_one_sentence(bundle: Path, photos: Path) -> None:
    (photos / "2.jpg").write_text("no picture")
    done = run(bundle, photos / "2.jpg")
    assert (done.returncode, done.stdout) == (1, "")
    assert re.fullmatch(rf"error: {photos}/2\.jpg is no picture.*\n", done.stderr)


def test_only_broken_pictures_are_a_failure(bundle: Path, photos: Path) -> None:
    for path in photos.iterdir():
        path.write_bytes(b"")
    done = run(bundle, photos)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == "error: 6 of the pictures could not be classified"


# --- stopping ------------------------------------------------------------------------------------


def stopped(one: Started, times: int = 1) -> None:
    """Send SIGTERM, and expect a success."""
    for _ in range(times):
        one.process.send_signal(signal.SIGTERM)
        time.sleep(0.01)
    code, errors = one.ended()
    assert (code, errors) == (0, "  stopped by SIGTERM\n")


@pytest.mark.parametrize("times", [1, 2, 30])
def test_sigterm_ends_it_while_it_waits_for_a_picture(
    bundle: Path, photos: Path, start: Start, times: int
) -> None:
    waiting = start(bundle, "-")
    waiting.write(f"{photos}/0.jpg\n")
    waiting.line()
    stopped(waiting, times)


def test_sigterm_ends_it_during_inference(tmp_path: Path, photos: Path, start: Start) -> None:
    slow = support.write_fake_bundle(tmp_path / "slow.edgetl", delay_s=0.3)
    for source in (photos, f"fake:{photos}", photos / "0.jpg"):
        answering = start(slow, "-" if source == photos else source)
        if source == photos:
            answering.write("".join(f"{path}\n" for path in sorted(photos.iterdir())))
            answering.line()
        else:
            wait_until_it_heeds_sigterm(answering)
        stopped(answering)


def wait_until_it_heeds_sigterm(one: Started) -> None:
    """Wait for its handler to be there."""
    status = Path(f"/proc/{one.process.pid}/status")
    bit = 1 << (signal.SIGTERM - 1)
    for _ in range(6000):
        caught = re.search(r"^SigCgt:\s*([0-9a-f]+)$", status.read_text(), re.MULTILINE)
        if caught and int(caught[1], 16) & bit:
            return
        time.sleep(0.01)
    raise AssertionError("it never heeded SIGTERM")


def test_sigterm_ends_it_while_it_starts(bundle: Path, start: Start) -> None:
    for pause_s in (0.0, 0.05, 0.1, 0.2):
        starting = start(bundle, "-")
        wait_until_it_heeds_sigterm(starting)
        time.sleep(pause_s)
        stopped(starting)


def test_sigterm_ends_it_while_a_camera_shows_nothing(bundle: Path, tmp_path: Path, start: Start) -> None:
    fake_cameras.install(tmp_path)
    watching = start(bundle, "camera:5", PYTHONPATH=str(tmp_path))  # hangs after three pictures
    watching.line()
    stopped(watching)


def test_sigterm_ends_it_while_nobody_reads_what_it_prints(bundle: Path, photos: Path, start: Start) -> None:
    printing = start(bundle, "-", "--jsonl")
    wait_until_it_heeds_sigterm(printing)
    assert printing.process.stdin is not None
    os.set_blocking(printing.process.stdin.fileno(), False)
    listed = f"{photos}/0.jpg\n".encode() * 2000
    state = Path(f"/proc/{printing.process.pid}/wchan")
    for _ in range(3000):
        with contextlib.suppress(BlockingIOError):
            listed = listed[os.write(printing.process.stdin.fileno(), listed) :]
        if "pipe_write" in state.read_text():
            break
        time.sleep(0.01)
    printing.process.send_signal(signal.SIGTERM)
    assert printing.process.wait(LIMIT_S) == 0


_SLEEPER = "import os, sys, time; open(sys.argv[1], 'w').write(str(os.getpid())); time.sleep(600)"


def test_sigterm_ends_the_program_of_exec_too(
    bundle: Path, photos: Path, tmp_path: Path, start: Start
) -> None:
    pid_file = tmp_path / "pid"
    program = f'{sys.executable} -c "{_SLEEPER}" {pid_file}'
    running = start(bundle, photos / "0.jpg", "--on-label", "bee", "--exec", program)
    for _ in range(6000):
        if pid_file.exists() and pid_file.read_text():
            break
        time.sleep(0.01)
    stopped(running)
    assert not Path("/proc", pid_file.read_text()).exists()


def test_ctrl_c_ends_it_with_the_code_of_shells(bundle: Path, photos: Path, start: Start) -> None:
    waiting = start(bundle, "-")
    waiting.write(f"{photos}/0.jpg\n")
    waiting.line()
    waiting.process.send_signal(signal.SIGINT)
    code, errors = waiting.ended()
    assert code == 130
    assert "error: stopped" in errors


def test_the_service_manager_is_told(bundle: Path, photos: Path, tmp_path: Path, start: Start) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.settimeout(LIMIT_S)
        service = start(bundle, "-", NOTIFY_SOCKET=str(tmp_path / "notify"), WATCHDOG_USEC="60000000")
        service.write(f"{photos}/0.jpg\n")
        assert manager.recv(4096) == b"READY=1\nWATCHDOG=1"
        service.line()
        stopped(service)
        assert manager.recv(4096) == b"STOPPING=1"


# --- --exec --------------------------------------------------------------------------------------


def test_exec_runs_for_each_picture_of_its_labels(bundle: Path, photos: Path, tmp_path: Path) -> None:
    place = tmp_path / "labels.txt"
    code = "import os, sys; print(os.environ['EDGETL_PICTURE'], file=open(sys.argv[1], 'a')); print('hello')"
    program = f'{sys.executable} -c "{code}" {place}'
    done = run(bundle, photos, "--on-label", "bee", "--on-label", "ant", "--exec", program)
    assert done.returncode == 0
    assert place.read_text().splitlines() == [f"{photos}/{number}.jpg" for number in range(6)]
    assert "hello" not in done.stdout
    assert done.stderr == "hello\n" * 6
    place.unlink()
    assert run(bundle, photos, "--on-label", "cat", "--exec", program).returncode == 0
    assert not place.exists()


def test_exec_runs_for_a_camera_when_the_label_changes(bundle: Path, tmp_path: Path, start: Start) -> None:
    fake_cameras.install(tmp_path)
    place = tmp_path / "ran"
    code = "import sys; open(sys.argv[1], 'a').write('x')"
    program = f'{sys.executable} -c "{code}" {place}'
    watching = start(
        bundle, "camera:0", "--jsonl", "--on-label", "bee", "--exec", program, PYTHONPATH=str(tmp_path)
    )
    frames = [json.loads(watching.line()) for _ in range(5)]
    assert {frame["label"] for frame in frames} == {"bee"}
    for _ in range(6000):
        if place.exists() and place.read_text():
            break
        time.sleep(0.01)
    watching.line()
    stopped(watching)
    assert place.read_text() == "x"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--on-label", "bee"), "--on-label and --exec go together"),
        (("--exec", "true"), "--on-label and --exec go together"),
        (("--on-label", "wasp", "--exec", "true"), "has no label wasp: choose from ant, bee, cat"),
        (("--on-label", "bee", "--exec", "no-such-program"), "the program 'no-such-program' cannot be run"),
        (("--on-label", "bee", "--exec", "'unfinished"), "cannot be split into words: No closing quotation"),
        (("--on-label", "bee", "--exec", ""), "the program '' cannot be run"),
        (("--top", "0"), "0 labels cannot be printed"),
        (("--smooth", "0"), "0 frames cannot be averaged"),
        (("--threads", "0"), "0 threads cannot run anything"),
    ],
)
def test_wrong_use_is_told_in_one_sentence(
    bundle: Path, photos: Path, words: tuple[str, ...], message: str
) -> None:
    done = run(bundle, photos / "0.jpg", *words)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("error: ")
    assert message in done.stderr
    assert len(done.stderr.splitlines()) == 1


# --- what cannot be loaded -----------------------------------------------------------------------


@pytest.fixture(scope="module")
def colours(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle of small real models of all formats, whose pick is for LiteRT."""
    contract = Contract(16, 16, labels=("red", "yellow", "green", "cyan", "blue"))
    models = isolated.call("tiny_models:build", 16, 5, doing="building the tests' models")
    pixels = np.stack([support.images.decode(PHOTO, contract)])
    answers = tiny_models.reference(pixels, 5).astype(np.float32)
    return support.write_bundle(
        tmp_path_factory.mktemp("bundle") / "colours.edgetl",
        models,
        dict.fromkeys(models, answers),
        contract,
        pictures=[PHOTO],
        pick="tflite-int8",
    )


def broken_package(folder: Path, name: str, code: str) -> str:
    (folder / name).mkdir(parents=True)
    (folder / name / "__init__.py").write_text(code)
    return str(folder)


def test_an_engine_that_cannot_be_imported_is_named_with_its_reason(
    colours: Path, photos: Path, tmp_path: Path
) -> None:
    hidden = broken_package(
        tmp_path / "hidden", "ai_edge_litert", "raise ImportError('libc.so: version `GLIBC_2.38 not found')"
    )
    done = run(colours, photos / "0.jpg", env={**os.environ, "PYTHONPATH": hidden})
    assert done.returncode == 1
    assert done.stderr.startswith("error: litert cannot load model.tflite: libc.so: version `GLIBC_2.38")
    assert len(done.stderr.splitlines()) == 1


def test_a_bundle_of_a_newer_edgetl_says_so(bundle: Path, photos: Path) -> None:
    place = bundle / "manifest.json"
    place.write_text(json.dumps({**json.loads(place.read_text()), "schema": 99, "brand_new": True}))
    done = run(bundle, photos / "0.jpg")
    assert done.returncode == 1
    assert "the bundle has schema 99" in done.stderr
    assert "pip install --upgrade edgetl" in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("megabytes", [100, 130, 160, 180, 200, 220, 240, 260, 300, 400])
def test_with_too_little_memory_it_says_so_or_works(colours: Path, photos: Path, megabytes: int) -> None:
    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_AS, (megabytes << 20, megabytes << 20))

    done = run(colours, photos / "0.jpg", "--threads", 1, preexec_fn=limit)
    if done.returncode == 0:
        assert f"{photos}/0.jpg: " in done.stdout
    else:
        assert (done.returncode, done.stdout) == (1, "")
        assert "rror" in done.stderr or "memory" in done.stderr


def test_a_bundle_that_is_replaced_meanwhile_goes_on_with_what_was_loaded(
    bundle: Path, photos: Path, start: Start
) -> None:
    serving = start(bundle, f"fake:{photos}")
    serving.line()
    shutil.rmtree(bundle)
    assert serving.ended()[0] == 0
