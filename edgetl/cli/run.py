"""``edgetl run``: a thin shell over ``edgetl.load(...).stream``."""

import contextlib
import json
import os
import shlex
import sys
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING

import click

from edgetl.cli import output
from edgetl.cli.ending import ended_well
from edgetl.errors import ImageError, UsageError
from edgetl.wording import encodable, shown

if TYPE_CHECKING:
    from edgetl.runtime.answers import Answer
    from edgetl.runtime.commands import CommandRunner
    from edgetl.runtime.stream import Seen


@click.command("run", short_help="Classify pictures, a video or a camera with a bundle.")
@click.argument("bundle", type=click.Path(path_type=Path))
@click.argument("source")
@click.option("--variant", help="Variant to run. [default: the bundle's pick]")
@click.option("--engine", help="Engine to run it in. [default: the first installed]")
@click.option("--threads", type=int, help="Threads for one picture. [default: what is fastest here]")
@click.option("--top", default=1, show_default=True, help="How many labels to print.")
@click.option("--json", "--jsonl", "as_json", is_flag=True, help="Print one JSON object a frame.")
@click.option(
    "--every/--latest",
    default=None,
    help="Keep every frame, or only the newest. [default: the newest of cameras, every one else]",
)
@click.option("--smooth", default=1, show_default=True, help="Frames to average the probabilities over.")
@click.option(
    "--allow-truncated", is_flag=True, help="Classify JPEGs whose end is missing too, and mark the answers."
)
@click.option("--on-label", "labels", multiple=True, help="Label to run --exec for; may be repeated.")
@click.option(
    "--exec", "program", help="Program to run, with its arguments; EDGETL_LABEL says what was seen."
)
@click.option("--width", default=640, show_default=True, help="Of a camera's picture, pixels.")
@click.option("--height", default=480, show_default=True, help="Of a camera's picture, pixels.")
def command(
    bundle: Path,
    source: str,
    variant: str | None,
    engine: str | None,
    threads: int | None,
    top: int,
    as_json: bool,
    every: bool | None,
    smooth: int,
    allow_truncated: bool,
    labels: tuple[str, ...],
    program: str | None,
    width: int,
    height: int,
) -> None:
    """Classify SOURCE with BUNDLE, until it ends or the program is stopped.

    SOURCE is a picture, a folder, a glob, a video, - for a list of paths on stdin, camera:auto (the Pi's),
    camera:0 or /dev/video0 (V4L2), or the http:// or rtsp:// address of a stream.

    In text, a camera's answer is printed when it changes. --exec is run without a shell: for pictures, each
    time a label of --on-label is seen; for cameras, when the label changes to it.
    """
    if bool(labels) != (program is not None):
        raise UsageError("--on-label and --exec go together: give both, or none")
    if top < 1:
        raise UsageError(f"{top} labels cannot be printed: ask for 1 or more")
    failures = 0

    def failed(error: ImageError) -> None:
        nonlocal failures
        failures += 1
        output.error(str(error))

    answered = 0
    with ended_well() as check:
        # Not before SIGTERM is heeded: on a small board this takes seconds.
        _import_numpy()
        from edgetl.runtime.classifier import load
        from edgetl.runtime.sources import open_source
        from edgetl.runtime.stream import stream
        from edgetl.runtime.systemd import Watchdog
        from edgetl.updating.state import is_store

        with (
            load(bundle, variant, engine, threads) as model,
            Watchdog() as watchdog,
            _runner(program) as runner,
        ):
            if missing := set(labels) - set(model.labels):
                raise UsageError(
                    f"{bundle} has no label {', '.join(sorted(missing))}: "
                    f"choose from {', '.join(model.labels)}"
                )

            def told(event: str) -> None:
                output.advice(event)
                watchdog.status(event)

            if model.passed_over is not None:
                digest, why = model.passed_over
                told(f"version {digest[:12]} cannot be loaded, the one before answers: {why}")
            frames = open_source(source, every=every, width=width, height=height, on_event=told)
            if frames.live and is_store(bundle):
                model.follow(
                    on_change=lambda _: told(f"went over to version {model.bundle.digest[:12]}"),
                    on_error=lambda error: told(f"the version stays as it is: {error}"),
                )
            for seen in stream(
                model, frames, smooth=smooth, allow_truncated=allow_truncated, on_error=failed
            ):
                check()
                watchdog.answered()
                answered += 1
                if as_json:
                    output.result(_json_line(seen, top))
                elif seen.changed or not frames.live:
                    output.result(_text_line(seen, top))
                for label in seen.appeared if frames.live else seen.result.found:
                    if runner and label in labels:
                        runner.run(seen, label, wait=not frames.live)
    if failures and answered + failures > 1:
        raise ImageError(f"{failures} of the pictures could not be classified")
    if failures:
        sys.exit(ImageError.exit_code)


def _import_numpy() -> None:
    """Import NumPy without the threads of its OpenBLAS, which nothing here uses.

    They take memory; and where there is too little of it, OpenBLAS sends this process the signal of Ctrl-C.
    """
    variable = "OPENBLAS_NUM_THREADS"
    before = os.environ.get(variable)
    os.environ[variable] = "1"
    import numpy as np  # noqa: F401

    if before is None:  # not for the programs of --exec
        del os.environ[variable]
    else:
        os.environ[variable] = before


@contextlib.contextmanager
def _runner(program: str | None) -> "Iterator[CommandRunner | None]":
    if program is None:
        yield None
        return
    from edgetl.runtime.commands import CommandRunner

    try:
        words = shlex.split(program)
    except ValueError as error:
        raise UsageError(f"--exec {program!r} cannot be split into words: {error}") from None
    runner = CommandRunner(words, on_problem=output.advice)
    try:
        yield runner
        runner.finish()
    except BaseException:
        runner.stop()
        raise


def _text_line(seen: "Seen", top: int) -> str:
    result = seen.result
    labels, unsure = _scored(result.top(top)), "  (unknown: under the reject threshold)" * result.unknown
    if result.answers:
        several = len(result.answers) > 1
        labels, unsure = "; ".join(_answer(one, top, named=several) for one in result.answers), ""
    unsure += "  (truncated: part of the picture is missing)" * result.truncated
    return shown(f"{seen.frame.name}: {labels}  {1000 * result.timings.total_s:.1f} ms{unsure}")


def _answer(answer: "Answer", top: int, *, named: bool) -> str:
    """The labels that hold and their scores; the most probable ones, where --top asks for more than one."""
    every = dict(answer.top(len(answer.labels)))
    shown = [(label, every[label]) for label in answer.found]
    name = f"{answer.task}: " if named else ""
    none = "" if shown else "none of its labels; nearest "
    return f"{name}{none}{_scored(shown if shown and top == 1 else answer.top(top))}"


def _scored(labels: "list[tuple[str, float]]") -> str:
    return ", ".join(f"{label} {100 * score:.1f} %" for label, score in labels)


def _json_line(seen: "Seen", top: int) -> str:
    when = datetime.fromtimestamp(seen.frame.time_s, timezone.utc).isoformat(timespec="milliseconds")
    frame = {"picture": seen.frame.name, "frame": seen.frame.index, "time": when, "dropped": seen.dropped}
    return encodable(json.dumps({**frame, **seen.result.to_dict(top=top)}, ensure_ascii=False))
