"""Run a heavy function in a process of its own.

TensorFlow prints from C++, the TFLite converter leaks, and a converter that crashes must not take the
export down: so everything that imports TensorFlow or Keras runs here, its output kept in a log.
"""

import contextlib
import errno
import os
import pickle
import signal
import subprocess
import sys
import threading
import traceback
import weakref
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import CancelledError
from pathlib import Path
from typing import Any, BinaryIO, NoReturn

from edgetl import debug, relayed
from edgetl.errors import ConversionError, EdgetlError, WriteError
from edgetl.files import scratch_folder
from edgetl.progress import Progress

_running: set["subprocess.Popen[bytes]"] = set()
_stopped: "weakref.WeakSet[subprocess.Popen[bytes]]" = weakref.WeakSet()
_QUIET = {"TF_CPP_MIN_LOG_LEVEL": "3", "TF_ENABLE_ONEDNN_OPTS": "1", "CUDA_MODULE_LOADING": "LAZY"}
_FULL = (errno.ENOSPC, errno.EDQUOT)
_NO_ROOM = (
    "the disk is full: free some space, or name another folder in EDGETL_CACHE for the cache and in TMPDIR "
    "for temporary files"
)
# tf2onnx walks through sets of names: with another order of them it writes other bytes.
# Converters know TensorFlow's back end alone, whichever one a user trains under: who needs another names it.
_STEADY = {"PYTHONHASHSEED": "0", "KERAS_BACKEND": "tensorflow"}


def call(
    target: Callable[..., Any] | str,
    *arguments: Any,
    doing: str,
    environment: Mapping[str, str] | None = None,
    progress: Progress | None = None,
    timeout_s: float | None = None,
) -> Any:
    """Call a function in a fresh Python process and return what it returns.

    Args:
        target: ``"module:function"``, so that the caller need not import the module.
        arguments: picklable positional arguments.
        doing: what is under way, for the message if the process dies: ``converting to tflite``.
        environment: variables of the process beside our own, such as ``KERAS_BACKEND``.
        progress: hears what the function tells; it is then called with one more argument, ``progress``, and
            its process ends when this one is gone.
        timeout_s: seconds it may take; None lets it take as long as it needs.

    Raises:
        EdgetlError: whatever of ours the function raised.
        ConversionError: the process died, took too long or raised something else; the message has its last
            line of output and says how to see the whole of it.
        CancelledError: :func:`stop_all` ended it.
    """
    name = target if isinstance(target, str) else f"{target.__module__}:{target.__qualname__}"
    shown = debug.is_on()  # the child's output then goes to the terminal instead of the log
    with scratch_folder() as folder:
        request, answer, log = (folder / part for part in ("request", "answer", "log"))
        request.write_bytes(pickle.dumps((name, arguments)))
        with log.open("wb") as output, _heard(progress) as pipe:
            descriptors = [end.fileno() for end in pipe]
            process = subprocess.Popen(
                command("edgetl.isolated:serve", str(request), str(answer), *map(str, descriptors)),
                pass_fds=descriptors,
                stdin=subprocess.DEVNULL,
                stdout=None if shown else output,
                stderr=None if shown else output,
                env={**_QUIET, **os.environ, **_STEADY, **(environment or {})},
            )
            _running.add(process)
            for end in pipe:
                end.close()  # the child has its own: when that closes, there is no more to hear
            try:
                code = process.wait(timeout_s)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
                raise ConversionError(f"{doing} failed: it took more than {timeout_s:g} s") from None
            except BaseException:
                process.kill()
                process.wait()
                raise
            finally:
                _running.discard(process)
        if process in _stopped:
            raise CancelledError(f"{doing} was stopped")
        if answer.is_file():
            kind, value = pickle.loads(answer.read_bytes())  # noqa: S301 - our own child wrote it
            if kind == "returned":
                return value
            if isinstance(value, EdgetlError):
                raise value
            raise ConversionError(f"{doing} failed: {value}; add --debug to see everything it printed")
        raise ConversionError(
            f"{doing} failed: {last_words(code, log.read_bytes())}; add --debug to see everything it printed"
        )


@contextlib.contextmanager
def _heard(progress: Progress | None) -> Iterator[list[BinaryIO]]:
    """The end of a pipe that a child writes its progress to, if anybody listens."""
    if progress is None:
        yield []
        return
    reading, writing = os.pipe()

    def listen() -> None:
        with os.fdopen(reading, "rb") as lines:
            relayed.repeat(lines, progress)

    listening = threading.Thread(target=listen)
    listening.start()
    try:
        with os.fdopen(writing, "wb") as end:
            yield [end]
    finally:
        listening.join()


def stop_all() -> None:
    """Kill the processes of calls that other threads are waiting for; those calls raise CancelledError."""
    for process in list(_running):
        _stopped.add(process)
        process.kill()


def executable() -> str:
    """The Python that processes are started with; nothing where Python does not know its own place.

    A program that carries Python within itself names one with ``multiprocessing.set_executable``.
    """
    from multiprocessing import spawn

    return os.fsdecode(spawn.get_executable() or "")


def command(target: str, *arguments: str) -> list[str]:
    """The command line of a process that calls a function, which finds ``arguments`` in ``sys.argv[1:]``.

    It imports from where this process does: ``python -m`` would put the current folder first, and a
    file there named json.py in the way of the real one.
    """
    module, _, function = target.partition(":")
    path = "sys.path[:] = sys.argv.pop(1).split('\\n')"
    code = f"import sys; {path}; from {module} import {function}; {function}()"
    return [executable(), "-c", code, "\n".join(map(str, sys.path)), *arguments]


def last_words(code: int, printed: bytes) -> str:
    """Why a process gave no answer: its signal, else the last line it printed, else its exit code."""
    if code < 0:
        hint = " (often: out of memory)" if -code == signal.SIGKILL else ""
        return f"its process was ended by {signal.Signals(-code).name}{hint}"
    lines = [line for line in printed.decode("utf-8", "replace").splitlines() if line.strip()]
    return lines[-1].strip() if lines else f"its process ended with code {code}"


def serve() -> NoReturn:
    """Answer the request whose file the command line names; what the child process runs."""
    _answer(*sys.argv[1:])
    # TensorFlow's threads can hang or crash at interpreter shutdown, after the answer is safe.
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


def _answer(request: str, answer: str, pipe: str | None = None) -> None:
    name, arguments = pickle.loads(Path(request).read_bytes())  # noqa: S301 - our own parent wrote it
    module, _, function = name.partition(":")
    try:
        target = getattr(__import__(module, fromlist=[function]), function)
        told = {} if pipe is None else {"progress": relayed.Relay(int(pipe))}
        outcome = ("returned", target(*arguments, **told))
    except EdgetlError as error:
        outcome = ("raised", error)
    except KeyboardInterrupt:
        raise SystemExit(130) from None
    except Exception as error:  # noqa: BLE001 - whatever a converter raises is the answer
        traceback.print_exc()
        if isinstance(error, OSError) and error.errno in _FULL:
            # Whatever library met it; where the user's own place is full, that is told with its name.
            outcome = ("raised", WriteError(_NO_ROOM))
        else:
            outcome = ("raised", _first_line(error))
    part = Path(answer + ".part")
    part.write_bytes(pickle.dumps(outcome))
    part.replace(answer)


def _first_line(error: Exception) -> str:
    words = str(error).strip().splitlines()
    return f"{type(error).__name__}: {words[0] if words else ''}"
