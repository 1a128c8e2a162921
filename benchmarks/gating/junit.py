"""Checks of a gate as JUnit XML, which every CI server shows.

The layout is the one of Apache Ant's JUnitReport, https://github.com/windyroad/JUnit-Schema.
"""

import unicodedata
from collections.abc import Sequence
from xml.etree import ElementTree

from edgetl.benchmarks.gating.gate import Check
from edgetl.benchmarks.results import BenchReport

_NO_TIME = "0"  # comparing two numbers takes none worth telling; what the benchmark took stands in its report


def render(report: BenchReport, checks: Sequence[Check]) -> str:
    """One suite with a case for each check: what failed has its sentence as the message."""
    root = ElementTree.Element("testsuites")
    counts = {
        "tests": len(checks),
        "failures": sum(check.passed is False for check in checks),
        "errors": 0,
        "skipped": sum(check.passed is None for check in checks),
    }
    suite = ElementTree.SubElement(
        root,
        "testsuite",
        {
            "name": _clean(f"edgetl bench {report.bundle}"),
            "package": "edgetl",
            "id": "0",
            "hostname": _clean(report.machine.label),
            "timestamp": report.created[: len("2026-01-01T00:00:00")],  # the schema allows no time zone
            "time": _NO_TIME,
            **{name: str(count) for name, count in counts.items()},
        },
    )
    properties = ElementTree.SubElement(suite, "properties")
    for name, value in (("command", report.command), ("edgetl", report.machine.edgetl)):
        ElementTree.SubElement(properties, "property", {"name": name, "value": _clean(value)})
    for check in checks:
        _add(suite, check)
    ElementTree.SubElement(suite, "system-out")
    ElementTree.SubElement(suite, "system-err")
    ElementTree.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ElementTree.tostring(root, encoding="unicode") + "\n"


def _add(suite: ElementTree.Element, check: Check) -> None:
    names = {"classname": _clean(check.subject), "name": _clean(check.rule), "time": _NO_TIME}
    case = ElementTree.SubElement(suite, "testcase", names)
    detail = _clean(check.detail)
    if check.passed is False:
        failure = ElementTree.SubElement(case, "failure", {"message": detail, "type": "limit"})
        failure.text = detail
    elif check.passed is None:
        ElementTree.SubElement(case, "skipped", {"message": detail})


def _clean(text: str) -> str:
    """Without what XML 1.0 cannot hold, such as the escape codes an engine's message may have."""
    kept = (" " if character in "\t\r\n" else character for character in text)
    return "".join(c for c in kept if unicodedata.category(c) not in ("Cc", "Cs") and c not in "\ufffe\uffff")
