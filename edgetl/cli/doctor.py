"""``edgetl doctor``: a thin shell over ``edgetl.doctor``."""

import click

from edgetl.cli import output
from edgetl.errors import GateError
from edgetl.reports.units import format_size
from edgetl.runtime.doctor import DoctorReport, EngineCheck, doctor


@click.command("doctor", short_help="Tell what works on this machine.")
@click.option("--json", "as_json", is_flag=True, help="Print it as JSON, for a bug report.")
def command(as_json: bool) -> None:
    """Tell what this machine is, which engines work on it, and what fixes the others."""
    report = doctor()
    if as_json:
        output.result_json(report.to_dict())
    else:
        for name, value in _facts(report).items():
            output.result(f"{name:<12}{value}")
        output.result("")
        for check in report.engines:
            output.result(f"{check.name:<16}{_engine_line(check)}")
        for problem in report.problems:
            output.result("")
            output.result(f"problem: {problem.problem}")
            output.result(f"    fix: {problem.fix}")
            if problem.source:
                output.result(f" source: {problem.source}")
    if not report.ok:
        raise GateError(
            "an installed engine does not work here: the lines above fix it"
            if any(check.works for check in report.engines)
            else "no engine works here: the lines above fix it"
        )
    output.next_command("edgetl", "verify", "BUNDLE")


def _facts(report: DoctorReport) -> dict[str, str]:
    machine = report.machine
    memory = f", {format_size(machine.memory_bytes)} memory" if machine.memory_bytes else ""
    facts = {
        "machine": machine.label,
        "cpu": f"{machine.cpu}, {machine.cores} cores{memory}",
        "system": f"{machine.os}, kernel {machine.kernel}, {machine.architecture}, {machine.bits}-bit",
        "python": f"{machine.python}, numpy {report.numpy}, pillow {report.pillow}, edgetl {machine.edgetl}",
    }
    if machine.governor is not None:
        facts["governor"] = machine.governor
    if machine.temperature_c is not None:
        facts["temperature"] = f"{machine.temperature_c:.1f} °C"
    if machine.throttled is not None:
        facts["throttled"] = f"{machine.throttled:#x}"
    return facts


def _engine_line(check: EngineCheck) -> str:
    if check.works is None:
        return f"not installed: {check.install}"
    formats = ", ".join(check.formats)
    return f"{check.version}  runs {formats}" if check.works else f"{check.version}  FAILS: {check.reason}"
