"""A variant is tried in a process with limits: whatever it does to its engine, it is told in a sentence."""

import json
import multiprocessing
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

import edgetl
from edgetl import limits
from edgetl.bundle import Bundle
from edgetl.errors import BundleError, ModelError
from edgetl.runtime import confined, engines, limited, trial
from edgetl.runtime.engines import EngineRow

SIZE, CLASSES = 16, 5


@pytest.fixture
def child(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Takes the code that the process runs in place of its own."""

    def runs(code: str) -> None:
        monkeypatch.setattr(confined.isolated, "command", lambda *_: [sys.executable, "-c", code])

    return runs


def run(timeout_s: float = 30, **options: object) -> confined.Ran:
    """Of a model of 100 bytes and one picture."""
    pictures = np.zeros((1, 4, 4, 3), np.uint8)
    return confined.run(
        engines.get("litert"),
        {"model.tflite": bytes(100)},
        pictures,
        values=3,
        timeout_s=timeout_s,
        **options,
    )  # type: ignore[arg-type]


@pytest.mark.parametrize("engine", ["litert", "onnxruntime", "openvino"])
def test_each_engine_passes_with_its_figures(
    colour_bundle: Path, engine: str, needs: Callable[[str], EngineRow]
) -> None:
    row = needs(engine)
    bundle = Bundle.open(colour_bundle)
    variant = next(variant for variant in bundle.manifest.variants if variant.format in row.formats)
    found = limited.try_variant(bundle, variant, engine=engine)
    assert found.passed, found
    assert (found.engine, found.verdict, found.reason) == (engine, "passed", None)
    assert found.latency_s is not None
    assert 0 < found.latency_s < 1
    assert found.peak_memory_bytes is not None
    assert 20e6 < found.peak_memory_bytes < 300e6


def test_answers_that_are_not_the_recorded_ones_do_not_pass(colour_bundle: Path) -> None:
    bundle = Bundle.open(colour_bundle)
    strict = replace(bundle.variant("onnx-float32"), tolerance=1e-12)
    variants = tuple(strict if one.name == strict.name else one for one in bundle.manifest.variants)
    bundle = Bundle(bundle.path, replace(bundle.manifest, variants=variants))
    found = limited.try_variant(bundle, "onnx-float32")
    assert (found.passed, found.verdict) == (False, "differs")
    assert found.reason is not None
    assert "answers differently here" in found.reason
    assert found.latency_s is not None


def test_what_the_engine_says_of_a_model_it_refuses_is_told() -> None:
    with pytest.raises(confined.ConfinedError, match=r"litert cannot load model\.tflite") as caught:
        run()
    assert caught.value.fate == "refused"


@pytest.mark.parametrize(
    ("code", "fate", "words"),
    [
        ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", "crashed", "dies with SIGSEGV"),
        ("import os; os.abort()", "crashed", "dies with SIGABRT"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "memory", "not enough memory"),
        ("print(flush=True); raise SystemExit(3)", "crashed", "ended with code 3"),
        (
            "import sys; print('usage: uwsgi', file=sys.stderr); raise SystemExit(3)",
            "refused",
            "is no Python",
        ),
        ("raise ValueError('odd')", "crashed", "ValueError: odd"),
        (
            "print('what(): std::bad_alloc', file=__import__('sys').stderr); raise SystemExit(1)",
            "memory",
            "memory",
        ),
        ("", "crashed", "no answer"),
        ("print('{}')", "crashed", "no answer"),
        ("print('[' * 100000)", "refused", "more values"),
        ("print('[' * 40000)", "crashed", "no answer"),
        ("while True: print('x' * 10000)", "refused", "more values"),
        ("import time; time.sleep(60)", "hung", "no answer within 1 s"),
        ("import os, time; os.close(1); os.close(2); time.sleep(60)", "hung", "no answer within 1 s"),
        ("import os, time\nif not os.fork(): time.sleep(60)", "hung", "no answer within 1 s"),
        ("import sys\nwhile True: print('x' * 10000, file=sys.stderr)", "hung", "no answer within 1 s"),
    ],
)
def test_however_its_process_ends_it_is_one_sentence(
    child: Callable[[str], None], code: str, fate: str, words: str
) -> None:
    child(code)
    began = time.monotonic()
    with pytest.raises(confined.ConfinedError, match=words) as caught:
        run(timeout_s=1 if fate == "hung" else 30)
    assert caught.value.fate == fate
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 500
    assert time.monotonic() - began < 15


RIGHT: dict[str, object] = {
    "threads": {"1": 0.1},
    "taken": 1,
    "seconds": [0.1],
    "peak": 1000,
    "shape": [1, 3],
    "outputs": "AACAPgAAgD4AAAA/",  # 0.25, 0.25, 0.5
}


def test_a_right_answer_is_understood(child: Callable[[str], None]) -> None:
    child(f"print({json.dumps({'answered': True, 'reason': None, 'told': RIGHT})!r})")
    ran = run()
    assert ran.outputs.tolist() == [[0.25, 0.25, 0.5]]
    assert (ran.seconds, ran.least_s, ran.num_threads, ran.peak_memory_bytes) == ((0.1,), {1: 0.1}, 1, 1000)


@pytest.mark.parametrize(
    "lie",
    [
        {"shape": [2, 3]},
        {"shape": [-1, 3]},
        {"shape": [1]},
        {"shape": "13"},
        {"shape": [True, 3]},
        {"shape": [1, 10**400]},
        {"shape": [10**400, 3]},
        {"shape": [3, 1], "seconds": [0.1, 0.1, 0.1]},  # one picture was asked for
        {"outputs": "AACAPgAAgD4AAMB/"},  # the last is NaN
        {"outputs": "????"},
        {"outputs": 7},
        {"outputs": "", "shape": [0, 0], "seconds": []},
        {"seconds": []},
        {"seconds": [1e999]},
        {"seconds": ["soon"]},
        {"seconds": ["0.1"]},
        {"seconds": [-1]},
        {"seconds": [True]},
        {"seconds": [10**400]},
        {"seconds": [1e9]},  # more than it was given
        {"seconds": None},
        {"taken": 2},
        {"taken": [1]},
        {"taken": True},
        {"taken": 1.0},
        {"taken": 1_000_000, "threads": {"1000000": 0.1}},
        {"threads": []},
        {"threads": {"1": 1e999}},
        {"threads": {"one": 1}},
        {"threads": {"1": 10**400}},
        {"threads": {"1": -1}},
        {"threads": {" 1": 0.1}},
    ],
)
def test_a_process_that_lies_is_not_believed(child: Callable[[str], None], lie: dict[str, object]) -> None:
    child(f"print({json.dumps({'told': {**RIGHT, **lie}})!r})")
    with pytest.raises(confined.ConfinedError):
        run()


@pytest.mark.parametrize("peak", [10**400, int("9" * 4000), -1, 0, True, "much", 1.5])
def test_a_peak_that_cannot_be_is_not_known(child: Callable[[str], None], peak: object) -> None:
    child(f"print({json.dumps({'told': {**RIGHT, 'peak': peak}})!r})")
    assert run().peak_memory_bytes is None


def test_what_was_started_is_killed_before_its_number_is_free(
    child: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process of somebody else may have the number by then."""
    child(f"print({json.dumps({'told': RIGHT})!r})")
    states: list[str] = []

    def killpg(pid: int, number: int) -> None:
        states.append(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0])

    monkeypatch.setattr(confined.os, "killpg", killpg)
    run()
    assert states == ["Z"]


def test_what_the_process_started_goes_with_it(child: Callable[[str], None], tmp_path: Path) -> None:
    place = tmp_path / "number"
    child(
        "import os, time\n"
        f"if pid := os.fork(): open({str(place)!r}, 'w').write(str(pid)); raise SystemExit(0)\n"
        "os.close(1); os.close(2); time.sleep(60)"
    )
    with pytest.raises(confined.ConfinedError):
        run()
    time.sleep(0.1)
    state = Path(f"/proc/{place.read_text()}/stat")
    assert not state.exists() or ") Z" in state.read_text()  # killed; who takes it away is init's business


def test_a_model_that_needs_more_memory_than_it_may_take_is_told_so(colour_bundle: Path) -> None:
    found = limited.try_variant(Bundle.open(colour_bundle), "openvino-float32", memory_bytes=60 << 20)
    assert found.verdict == "memory", found
    assert found.reason is not None
    assert "there is not enough memory for it: close other programs" in found.reason


def test_memory_goes_by_the_model_and_by_what_is_free(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(confined, "_free_bytes", lambda _: None)
    assert confined.memory_for(10 << 20) == (512 + 160) << 20
    monkeypatch.setattr(confined, "_free_bytes", lambda _: 100 << 20)
    assert confined.memory_for(10 << 20) == (100 + 192) << 20


def test_what_is_free_is_what_the_machine_and_its_control_group_say(tmp_path: Path) -> None:
    def write(place: str, text: str) -> None:
        (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / place).write_text(text)

    assert confined._free_bytes(tmp_path) is None
    write("proc/meminfo", "MemTotal: 400000 kB\nMemAvailable:  200000 kB\nSwapFree: 100 kB\n")
    assert confined._free_bytes(tmp_path) == 200_100 * 1024
    write("proc/self/cgroup", "0::/system.slice/app.service\n")
    write("sys/fs/cgroup/system.slice/app.service/memory.current", "5000000\n")
    write("sys/fs/cgroup/system.slice/app.service/memory.max", "max\n")
    assert confined._free_bytes(tmp_path) == 200_100 * 1024
    write("sys/fs/cgroup/system.slice/app.service/memory.max", "45000000\n")
    assert confined._free_bytes(tmp_path) == 40_000_000
    # What was read from files gives way; shared memory does not.
    write(
        "sys/fs/cgroup/system.slice/app.service/memory.stat",
        "anon 1000000\nfile 4000000\nshmem 500000\ninactive_file 2000000\nactive_file 1500000\n",
    )
    assert confined._free_bytes(tmp_path) == 43_500_000
    # A group above has a limit of its own.
    write("sys/fs/cgroup/system.slice/memory.max", "30000000\n")
    write("sys/fs/cgroup/system.slice/memory.current", "10000000\n")
    assert confined._free_bytes(tmp_path) == 20_000_000
    write("sys/fs/cgroup/system.slice/memory.current", "90000000\n")
    assert confined._free_bytes(tmp_path) == 0
    # What stands beside the groups is none.
    write("proc/self/cgroup", "0::/\n")
    write("sys/fs/memory.max", "1\n")
    write("sys/fs/memory.current", "1\n")
    assert confined._free_bytes(tmp_path) == 200_100 * 1024


def test_a_model_above_the_limit_is_refused_unread(
    colour_bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle = Bundle.open(colour_bundle)
    monkeypatch.setattr(limits, "current", lambda: limits.Limits(model_bytes=100))
    monkeypatch.setattr(Bundle, "read", lambda *_: pytest.fail("it was read"))
    with pytest.raises(BundleError, match="the limit for a model is 100"):
        bundle.model_files(bundle.variant("tflite-int8"))


# --- what the process may not do ---------------------------------------------------------------------------

_TRY = """
import os, sys, json
sys.path[:] = json.loads(sys.argv[1])
import socket, resource, ctypes
from edgetl.runtime import restraint
os.chdir(sys.argv[2])
open("there", "w").write("whole")
restraint.restrain(memory_bytes=300 << 20, cpu_s=0)
def attempt(what):
    try:
        what()
    except (OSError, MemoryError) as error:
        return type(error).__name__
    return "done"
def big():
    bytearray(400 << 20)
def connect():
    with socket.socket() as one:
        one.settimeout(1)
        one.connect(("127.0.0.1", int(sys.argv[3])))
print(json.dumps({
    "write": attempt(lambda: open("there", "r+")),
    "make": attempt(lambda: open("new", "w")),
    "remove": attempt(lambda: os.unlink("there")),
    "rename": attempt(lambda: os.rename("there", "here")),
    "folder": attempt(lambda: os.mkdir("folder")),
    "read": attempt(lambda: open("there").read()),
    "nowhere": attempt(lambda: open(os.devnull, "w").close()),
    "program": attempt(lambda: os.execv("/bin/true", ["true"])),
    "connect": attempt(connect),
    "memory": attempt(big),
    "files": attempt(lambda: [os.open(os.devnull, os.O_RDONLY) for _ in range(200)]),
    "core": resource.getrlimit(resource.RLIMIT_CORE),
    "dumpable": ctypes.CDLL(None).prctl(3, 0, 0, 0, 0),
    "privileges": ctypes.CDLL(None).prctl(39, 0, 0, 0, 0),
}))
sys.stdout.flush()
while True: pass
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the rest of the limits are Linux's")
def test_it_writes_starts_and_reaches_nothing(tmp_path: Path) -> None:
    import ctypes
    import socket

    with socket.create_server(("127.0.0.1", 0)) as server:
        port = str(server.getsockname()[1])
        ended = subprocess.run(
            [sys.executable, "-c", _TRY, json.dumps(sys.path), str(tmp_path), port],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    said = json.loads(ended.stdout)
    assert (said["memory"], said["files"], said["core"]) == ("MemoryError", "OSError", [0, 0])
    assert (said["dumpable"], said["privileges"], said["read"], said["nowhere"]) == (0, 1, "done", "done")
    assert -ended.returncode in (signal.SIGXCPU, signal.SIGKILL)
    version = ctypes.CDLL(None).syscall(444, None, 0, 1)
    if version < 4:
        pytest.skip(f"this kernel has Landlock {version}: files and connections are forbidden since 4")
    kinds = {said[name] for name in ("write", "make", "remove", "rename", "folder", "program", "connect")}
    assert kinds == {"PermissionError"}, said
    assert [path.name for path in tmp_path.iterdir()] == ["there"]


@pytest.mark.skipif(sys.platform != "linux", reason="which limits there are is another matter elsewhere")
def test_a_limit_that_is_lower_already_stays(tmp_path: Path) -> None:
    code = (
        "import resource\n"
        "from edgetl.runtime import restraint\n"
        "resource.setrlimit(resource.RLIMIT_NOFILE, (64, 100))\n"
        "resource.setrlimit(resource.RLIMIT_CPU, (5, 60))\n"
        "resource.setrlimit(resource.RLIMIT_DATA, (400 << 20, 900 << 20))\n"
        "restraint.restrain(memory_bytes=500 << 20, cpu_s=30)\n"
        "print([resource.getrlimit(what) for what in"
        " (resource.RLIMIT_NOFILE, resource.RLIMIT_CPU, resource.RLIMIT_DATA)])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == f"{[(64, 64), (5, 6), (400 << 20, 400 << 20)]}\n"


def test_it_ends_with_its_parent(tmp_path: Path) -> None:
    code = (
        "import sys\nimport numpy as np\nfrom edgetl.runtime import confined, engines\n"
        'model = b\'{"probabilities": [0.5, 0.5], "shape": [4, 4, 3], "delay_s": 30}\'\n'
        "confined.run(engines.get('fake'), {'model.fake': model}, np.zeros((1, 4, 4, 3), np.uint8), values=2)"
    )
    parent = subprocess.Popen([sys.executable, "-c", code])
    try:
        children = Path(f"/proc/{parent.pid}/task/{parent.pid}/children")
        deadline = time.monotonic() + 30
        while not (words := children.read_text().split()) and time.monotonic() < deadline:
            time.sleep(0.02)
        (pid,) = words
        oom = Path(f"/proc/{pid}/oom_score_adj")
        while oom.read_text() != "1000\n" and time.monotonic() < deadline:  # by now it has its limits
            time.sleep(0.02)
    finally:
        parent.kill()
        parent.wait()
    deadline = time.monotonic() + 5
    while (state := Path(f"/proc/{pid}/stat")).exists() and ") Z" not in state.read_text():
        assert time.monotonic() < deadline
        time.sleep(0.02)


# --- who uses it -------------------------------------------------------------------------------------------


@pytest.fixture
def copied(colour_bundle: Path, tmp_path: Path) -> Path:
    """A bundle that is new to this machine."""
    import shutil

    return Path(shutil.copytree(colour_bundle, tmp_path / "new.edgetl"))


def test_a_model_is_tried_apart_the_first_time_it_is_loaded(
    copied: Path, monkeypatch: pytest.MonkeyPatch, pixels: NDArray[np.uint8]
) -> None:
    tried: list[str] = []
    confined_run = confined.run

    def watched(row: EngineRow, *given: object, **options: object) -> confined.Ran:
        tried.append(row.name)
        return confined_run(row, *given, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(confined, "run", watched)
    for _ in range(2):
        with edgetl.load(copied, "onnx-float32") as model:
            model.classify(pixels[0])
        with edgetl.load(copied, "onnx-float32", num_threads=1) as model:
            assert model.engine.num_threads == 1
    assert tried == ["onnxruntime"]


def test_a_model_that_takes_its_engine_down_is_an_error_here_and_not_remembered(
    copied: Path, child: Callable[[str], None]
) -> None:
    child("import os; os.abort()")
    for number in (None, 1):
        with pytest.raises(ModelError, match="onnxruntime dies with SIGABRT"):
            edgetl.load(copied, "onnx-float32", num_threads=number)
    assert not list(copied.parent.glob("*.threads.json"))


def test_verify_tells_a_crash_in_one_line_and_goes_on(copied: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    command = confined.isolated.command
    crashing = [sys.executable, "-c", "import os; os.abort()"]
    places = iter([crashing])
    monkeypatch.setattr(confined.isolated, "command", lambda *given: next(places, None) or command(*given))
    found = edgetl.verify(copied, variants=["onnx-float32", "tflite-float32"])
    failed, passed = sorted(found.variants, key=lambda check: check.passed)
    assert (failed.passed, failed.differs, failed.pictures) == (False, "engine", 0)
    assert failed.problem is not None
    assert failed.problem.endswith("dies with SIGABRT")
    assert passed.passed


def test_a_program_that_carries_its_own_python_tries_no_process(
    copied: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    monkeypatch.setattr(confined.subprocess, "Popen", lambda *_, **__: pytest.fail("it started itself"))
    assert not confined.can_start()
    edgetl.load(copied, "onnx-float32").close()
    assert edgetl.verify(copied, variants=["onnx-float32"]).passed


def test_a_program_that_has_python_within_names_one_that_can_be_started(
    copied: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """uWSGI says of ``sys.executable`` that it is uWSGI itself."""
    python = sys.executable
    try:
        multiprocessing.set_executable("/bin/false")
        with pytest.raises(
            ModelError, match=r"/bin/false is no Python .*multiprocessing\.set_executable\(\)"
        ):
            edgetl.load(copied, "onnx-float32")
        monkeypatch.setattr(sys, "executable", "/bin/false")
        multiprocessing.set_executable(python)
        edgetl.load(copied, "onnx-float32").close()
    finally:
        multiprocessing.set_executable(python)


def test_a_python_that_does_not_start_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(confined.isolated, "command", lambda *_: ["/nowhere/python"])
    with pytest.raises(confined.ConfinedError, match="does not start"):
        run()


def test_a_line_is_fit_for_a_terminal() -> None:
    assert trial.line(" a\x1b[2Jb\nc ") == "a [2Jb c"
