"""Ask a vulnerability service about every version that edgetl is released with.

    make audit                                                  # the locks of boards, and constraints.txt
    .venv/bin/python release/audit.py --service pypi FILE ...   # another service, other requirements

pip-audit does the asking. By itself it says "No known vulnerabilities found" and ends with 0 also when the
service knew none of the packages; here a package without an answer is never a clean one. What is known and
accepted stands in known_vulnerabilities.toml, each with a reason and a day until which it holds.

Ends with 0 when every package was answered for and nothing is open, 1 when something is, 2 on a wrong list of
what is accepted, and 75 (EX_TEMPFAIL) when there was no answer: then nothing is known, and a release waits.
"""

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timezone
from pathlib import Path
from typing import Any

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).resolve().parents[1]
ALLOWED = Path(__file__).with_name("known_vulnerabilities.toml")
_FIELDS = {"id": str, "package": str, "because": str, "until": date}


class NoAnswerError(Exception):
    """The service cannot be reached, or knows nothing of a package."""


@dataclass(frozen=True)
class Found:
    """A vulnerability of a version that is released."""

    package: str
    version: str
    names: frozenset[str]
    """Its id and its aliases: CVE, GHSA, PYSEC."""
    fixed_in: tuple[str, ...]

    def __str__(self) -> str:
        fixed = f"fixed in {', '.join(self.fixed_in)}" if self.fixed_in else "no fix is known"
        return f"{self.package} {self.version}: {', '.join(sorted(self.names))}; {fixed}"


def main() -> int:
    """Audit, and say how it went."""
    parser = argparse.ArgumentParser(prog="make audit", description="Look for known vulnerabilities.")
    parser.add_argument("files", nargs="*", type=Path, help="default: locks/*.txt and constraints.txt")
    parser.add_argument("--service", choices=("osv", "pypi"), default="osv", help="default: osv")
    parser.add_argument("--osv-url", help="a mirror of OSV's service")
    parser.add_argument("--allowed", type=Path, default=ALLOWED, help=f"default: release/{ALLOWED.name}")
    given = parser.parse_args()
    requirements = given.files or [*sorted((ROOT / "locks").glob("*.txt")), ROOT / "constraints.txt"]
    service = ["--vulnerability-service", given.service]
    try:
        accepted = read_allowed(given.allowed.read_text("utf-8"), datetime.now(timezone.utc).date())
    except (OSError, ValueError) as error:
        print(f"error: {given.allowed}: {error}", file=sys.stderr)
        return 2
    try:
        answers = ask(requirements, [*service, *(["--osv-url", given.osv_url] if given.osv_url else [])])
    except NoAnswerError as error:
        print(f"not audited: {error}; run make audit where the service can be reached", file=sys.stderr)
        return os.EX_TEMPFAIL
    found = vulnerabilities(answers)
    left = [one for one in found if not any((one.package, name) in accepted for name in one.names)]
    stale = accepted - {(one.package, name) for one in found for name in one.names}
    for one in left:
        print(f"open: {one}")
    for package, name in sorted(stale):
        print(f"accepted but not found, take it out of {given.allowed.name}: {package} {name}")
    print(
        f"{len(answers)} versions of {len(requirements)} files: {len(left)} vulnerabilities are open, "
        f"{len(found) - len(left)} accepted"
    )
    return 1 if left or stale else 0


def ask(requirements: Sequence[Path], service: Sequence[str]) -> dict[tuple[str, str], list[dict[str, Any]]]:
    """What the service knows, by name and version.

    Raises:
        NoAnswerError: it does not answer, or not for every package.
    """
    answers: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for file in requirements:
        command = [
            sys.executable,
            "-m",
            "pip_audit",
            "--requirement",
            str(file),
            "--no-deps",
            "--disable-pip",
        ]
        command += ["--format", "json", "--progress-spinner", "off", *service]
        ended = subprocess.run(command, capture_output=True, text=True, check=False)
        try:
            rows = json.loads(ended.stdout)["dependencies"]
        except (ValueError, KeyError):
            words = ended.stderr.strip().splitlines() or [f"it ended with {ended.returncode}"]
            raise NoAnswerError(f"pip-audit gives no answer for {file.name} ({words[-1][:200]})") from None
        if skipped := [row for row in rows if "skip_reason" in row]:
            raise NoAnswerError(
                f"of {len(rows)} packages in {file.name} the service knows nothing of {len(skipped)} "
                f"({skipped[0]['skip_reason']})"
            )
        if not rows:
            raise NoAnswerError(f"pip-audit found no package in {file.name}")
        answers |= {(row["name"], row["version"]): row["vulns"] for row in rows}
    return answers


def vulnerabilities(answers: dict[tuple[str, str], list[dict[str, Any]]]) -> list[Found]:
    """The vulnerabilities among what the service answered."""
    return [
        Found(package, version, frozenset([row["id"], *row["aliases"]]), tuple(row["fix_versions"]))
        for (package, version), rows in sorted(answers.items())
        for row in rows
    ]


def read_allowed(text: str, today: date) -> set[tuple[str, str]]:
    """Package and id of each vulnerability that is accepted today.

    Raises:
        ValueError: no TOML, or an entry without a reason or a day. One whose day is over counts as not there.
    """
    table = tomllib.loads(text)
    if unknown := set(table) - {"allowed"}:
        raise ValueError(f"{', '.join(sorted(unknown))} is no key: each entry is an [[allowed]]")
    accepted = set()
    for entry in table.get("allowed", ()):
        # A time is a day to isinstance, and cannot be compared with one.
        wrong = [name for name, kind in _FIELDS.items() if type(entry.get(name)) is not kind]
        if wrong or set(entry) != set(_FIELDS) or not entry["because"].strip():
            raise ValueError(f"{entry} must have id, package, because (why it is accepted) and until (a day)")
        if entry["until"] >= today:
            accepted.add((entry["package"], entry["id"]))
    return accepted


if __name__ == "__main__":
    sys.exit(main())
