"""``edgetl doctor``: a thin shell over ``edgetl.doctor``."""

from collections.abc import Iterator
from pathlib import Path

import click

from edgetl.cli import output
from edgetl.errors import GateError
from edgetl.reports.units import format_size
from edgetl.runtime.bundle_check import BundleCheck
from edgetl.runtime.camera_stack import CameraStack
from edgetl.runtime.doctor import DoctorReport, doctor
from edgetl.runtime.trial import EngineCheck


@click.command("doctor", short_help="Tell what works on this machine.")
@click.argument("bundle", required=False, type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print it as JSON, for a bug report.")
def command(bundle: Path | None, as_json: bool) -> None:
    """Tell what this machine is, which engines work on it, and what fixes the others.

    With BUNDLE also which of its variants run here, and which one a program gets.
    """
    report = doctor(bundle)
    if as_json:
        output.result_json(report.to_dict())
    else:
        for line in _lines(report):
            output.result(line)
    if not report.ok:
        raise GateError(_verdict(report))
    output.next_command("edgetl", "verify", bundle or "BUNDLE")


def _lines(report: DoctorReport) -> Iterator[str]:
    yield from (f"{name:<12}{value}" for name, value in _facts(report))
    yield ""
    yield from (f"{check.name:<16}{_engine_line(check)}" for check in report.engines)
    if report.bundle is not None:
        yield ""
        yield from _bundle_lines(report.bundle)
    for problem in report.problems:
        yield ""
        yield f"problem: {problem.problem}"
        yield f"    fix: {problem.fix}"
        if problem.source:
            yield f" source: {problem.source}"


def _facts(report: DoctorReport) -> Iterator[tuple[str, str]]:
    machine = report.machine
    soc = f", {machine.soc}" if machine.soc else ""
    yield "machine", f"{machine.label}{soc}"
    yield "cpu", f"{machine.cpu}, {machine.cores} cores"
    if machine.memory_bytes is not None:
        swap = format_size(machine.swap_bytes) if machine.swap_bytes else "no"
        told = "" if machine.swap_bytes is None else f", {swap} swap"
        yield "memory", f"{format_size(machine.memory_bytes)}{told}"
    yield "system", f"{machine.os}, kernel {machine.kernel}, {machine.architecture}"
    bits = f"{machine.bits}-bit" + " on a 64-bit kernel" * machine.is_narrow
    where = "in a virtual environment" if report.environment else "the system's"
    yield "python", f"{machine.python}, {bits}, {where}"
    yield "packages", f"edgetl {machine.edgetl}, numpy {report.numpy}, pillow {report.pillow}"
    if machine.governor is not None:
        yield "governor", machine.governor
    if machine.temperature_c is not None:
        yield "temperature", f"{machine.temperature_c:.1f} °C"
    if machine.throttled is not None:
        now, before = ", ".join(report.throttled_now), ", ".join(report.throttled_before)
        yield "throttled", f"now {now or 'no'}; since the start {before or 'no'} ({machine.throttled:#x})"
    yield "cameras", _cameras(report.cameras)


def _cameras(stack: CameraStack) -> str:
    ways = ["picamera2"] if stack.picamera2 else []
    ways += [stack.rpicam] if stack.rpicam else []
    ways += ["OpenCV"] if stack.opencv else []
    ways += [f"{path} ({name})" for path, name in stack.devices.items()]
    return ", ".join(ways) or "no picamera2, rpicam-vid or OpenCV, no USB camera"


def _engine_line(check: EngineCheck) -> str:
    if check.works is None:
        return f"not installed: {check.install or check.reason}"
    formats = ", ".join(check.formats)
    return f"{check.version}  runs {formats}" if check.works else f"{check.version}  FAILS: {check.reason}"


def _bundle_lines(bundle: BundleCheck) -> Iterator[str]:
    yield f"bundle      {bundle.path}"
    width = max(len(place.name) for place in bundle.variants)
    for place in bundle.variants:
        taken = "  <- edgetl.load takes it" * (place == bundle.takes)
        fate = f"runs in {place.engine}{taken}" if place.engine else f"does not run: {place.reason}"
        yield f"{place.name:<{width}}  {fate}"


def _verdict(report: DoctorReport) -> str:
    if not any(check.works for check in report.engines):
        return "no engine works here: the lines above fix it"
    if report.bundle is not None and report.bundle.takes is None:
        return f"edgetl.load can take nothing of {report.bundle.path} here: {report.bundle.reason}"
    return "an installed engine does not work here: the lines above fix it"
