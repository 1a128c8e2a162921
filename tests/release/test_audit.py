"""The audit: what a service answers counts, and no answer is never a clean bill."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import date
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import audit
import pytest

# What OSV answers of a version, cut to what pip-audit reads.
VULNERABLE = {
    "id": "GHSA-xxxx-yyyy-zzzz",
    "aliases": ["CVE-2099-0001"],
    "summary": "reads past the end",
    "affected": [
        {
            "package": {"name": "click", "ecosystem": "PyPI"},
            "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "99.0"}]}],
        }
    ],
}
ACCEPTED = """[[allowed]]
id = "CVE-2099-0001"
package = "click"
because = "nothing here reads so far"
until = {until}
"""


class Service:
    """A vulnerability service on the loopback that speaks OSV's protocol."""

    def __init__(self) -> None:
        self.vulnerable: set[str] = set()
        self.asked: list[str] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                query = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                name = query["package"]["name"]
                outer.asked.append(f"{name} {query['version']}")
                answer: dict[str, Any] = {"vulns": [VULNERABLE]} if name in outer.vulnerable else {}
                data = json.dumps(answer).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/v1/query"


@pytest.fixture
def service() -> Iterator[Service]:
    service = Service()
    thread = threading.Thread(target=service.server.serve_forever)
    thread.start()
    yield service
    service.server.shutdown()
    service.server.server_close()
    thread.join()


def run(tmp_path: Path, url: str, allowed: str = "") -> "subprocess.CompletedProcess[str]":
    requirements, accepted = tmp_path / "lock.txt", tmp_path / "allowed.toml"
    requirements.write_text("click==8.5.1\npillow==12.3.0\n")
    accepted.write_text(allowed)
    command = [
        sys.executable,
        audit.__file__,
        str(requirements),
        "--osv-url",
        url,
        "--allowed",
        str(accepted),
    ]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


def test_a_clean_answer_for_every_package_is_clean(service: Service, tmp_path: Path) -> None:
    ended = run(tmp_path, service.url)
    assert (ended.returncode, sorted(service.asked)) == (0, ["click 8.5.1", "pillow 12.3.0"]), ended.stderr
    assert "2 versions of 1 files: 0 vulnerabilities are open" in ended.stdout


def test_a_vulnerability_is_told_and_fails(service: Service, tmp_path: Path) -> None:
    service.vulnerable.add("click")
    ended = run(tmp_path, service.url)
    assert ended.returncode == 1, ended.stderr
    assert "open: click 8.5.1: CVE-2099-0001, GHSA-xxxx-yyyy-zzzz; fixed in 99.0" in ended.stdout


@pytest.mark.parametrize(
    ("until", "vulnerable", "code"),
    [("9999-12-31", True, 0), ("2020-01-01", True, 1), ("9999-12-31", False, 1)],
    ids=["accepted", "its day is over", "no longer found"],
)
def test_an_accepted_one_passes_until_its_day_and_while_it_is_found(
    until: str, vulnerable: bool, code: int, service: Service, tmp_path: Path
) -> None:
    service.vulnerable |= {"click"} if vulnerable else set()
    ended = run(tmp_path, service.url, ACCEPTED.format(until=until))
    assert ended.returncode == code, ended.stdout + ended.stderr


def test_a_service_that_does_not_answer_is_no_clean_bill(tmp_path: Path) -> None:
    ended = run(tmp_path, "http://127.0.0.1:9/v1/query")
    assert ended.returncode == os.EX_TEMPFAIL
    assert "not audited" in ended.stderr
    assert ended.stdout == ""


def test_packages_that_the_service_does_not_know_are_no_clean_bill(monkeypatch: pytest.MonkeyPatch) -> None:
    # As pip-audit 2.10.1 answers behind an index that has no vulnerabilities; it ends with 0.
    row = {
        "name": "click",
        "skip_reason": "Dependency not found on PyPI and could not be audited: click (8.5.1)",
    }
    known = {"name": "numpy", "version": "2.4.6", "vulns": []}
    output = json.dumps({"dependencies": [known, row], "fixes": []})
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: subprocess.CompletedProcess([], 0, output, ""))
    with pytest.raises(audit.NoAnswerError, match=r"of 2 packages .* knows nothing of 1 .*click"):
        audit.ask([Path("lock.txt")], [])


def test_no_package_at_all_is_no_clean_bill(monkeypatch: pytest.MonkeyPatch) -> None:
    output = json.dumps({"dependencies": [], "fixes": []})
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: subprocess.CompletedProcess([], 0, output, ""))
    with pytest.raises(audit.NoAnswerError, match="found no package"):
        audit.ask([Path("lock.txt")], [])


@pytest.mark.parametrize(
    "text",
    [
        "[[allowed]]\nid = 'X'\npackage = 'click'\nuntil = 2030-01-01\n",
        "[[allowed]]\nid = 'X'\npackage = 'click'\nbecause = ' '\nuntil = 2030-01-01\n",
        "[[allowed]]\nid = 'X'\npackage = 'click'\nbecause = 'so'\nuntil = 'never'\n",
        "[[allowed]]\nid = 'X'\npackage = 'click'\nbecause = 'so'\nuntil = 2027-01-31T00:00:00Z\n",
        "[[ignored]]\nid = 'X'\n",
        "allowed = [",
    ],
)
def test_an_entry_without_a_reason_or_a_day_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"because|\[\[allowed\]\]|Invalid|nclosed"):
        audit.read_allowed(text, date(2026, 1, 1))


def test_a_list_that_is_missing_is_told(tmp_path: Path) -> None:
    command = [sys.executable, audit.__file__, "--allowed", str(tmp_path / "missing.toml"), os.devnull]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert (ended.returncode, len(ended.stderr.splitlines())) == (2, 1)
    assert "missing.toml" in ended.stderr


def test_the_list_of_this_release_can_be_read() -> None:
    audit.read_allowed(audit.ALLOWED.read_text("utf-8"), date(2026, 1, 1))
