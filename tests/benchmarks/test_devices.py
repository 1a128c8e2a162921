"""Several devices at a time: each reported apart, and none that takes another's result with it."""

import json
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import bench_reports
import pytest
import ssh_server
import support

from edgetl.benchmarks.devices import DeviceResult, bench_devices
from edgetl.errors import BundleError, GateError, MissingPackageError, UsageError
from edgetl.progress import Progress
from edgetl.remote import shipping

GATED = """
import sys
print(r'''REPORT''')
print("error: 1 of 1 measurements failed: it was hot", file=sys.stderr)
sys.exit(3)
"""
QUICK = ["--threads", "1", "--rounds", "1", "--runs", "3"]


class Notes(Progress):
    """Keeps what is noted, and acts when a device has started."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def note(self, text: str) -> None:
        self.lines.append(text)


def program(text: str) -> dict[str, bytes]:
    """A program in place of edgetl."""
    return {"edgetl/__init__.py": b"", "edgetl/__main__.py": text.encode()}


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    """A bundle for the engine that is always there; an inference takes a millisecond."""
    return support.write_fake_bundle(tmp_path / "insects.edgetl", delay_s=0.001)


@pytest.fixture
def closed() -> Iterator[str]:
    """An address where nobody listens."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield f"pi@127.0.0.1:{held.getsockname()[1]}"


def test_a_report_comes_back_and_the_device_is_clean(device: ssh_server.Device, bundle: Path) -> None:
    notes, finished = Notes(), list[DeviceResult]()
    (result,) = bench_devices(bundle, [device.address], QUICK, progress=notes, finished=finished.append)
    assert result.problem is None
    assert result.report is not None
    assert result.report.bundle == "insects"
    assert [row.status for row in result.report.results] == ["measured"]
    assert result.report.results[0].threads == 1
    assert finished == [result]
    assert notes.lines[0].startswith(f"{device.address}: copying")
    assert device.is_clean()


def test_what_edgetl_refuses_on_the_device_is_the_problem(device: ssh_server.Device, bundle: Path) -> None:
    (result,) = bench_devices(bundle, [device.address], ["--threads", "none"])
    assert result.report is None
    assert result.problem is not None
    assert result.problem.startswith(f"{device.address}: threads 'none'")


def test_a_report_is_kept_where_a_measurement_failed(
    device: ssh_server.Device, bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    report = bench_reports.report(bench_reports.result())
    text = GATED.replace("REPORT", json.dumps(report.to_dict()))
    monkeypatch.setattr(shipping, "runtime_files", lambda: program(text))
    (result,) = bench_devices(bundle, [device.address])
    assert result.report == report
    assert isinstance(result.error, GateError)
    assert result.problem == f"{device.address}: 1 of 1 measurements failed: it was hot"


@pytest.mark.parametrize("output", ['{"a": NaN}', '{"a": 1, "a": 2}', "[" * 10_000, "no JSON", ""])
def test_a_device_that_answers_nonsense_has_no_report(
    device: ssh_server.Device, bundle: Path, monkeypatch: pytest.MonkeyPatch, output: str
) -> None:
    monkeypatch.setattr(shipping, "runtime_files", lambda: program(f"print({output!r})"))
    (result,) = bench_devices(bundle, [device.address])
    assert result.report is None
    assert result.problem is not None
    assert result.problem.startswith(device.address)


def test_a_device_that_drops_out_loses_its_own_result_alone(
    device: ssh_server.Device, second: ssh_server.Device, closed: str, bundle: Path
) -> None:
    class Cutting(Notes):
        def note(self, text: str) -> None:
            super().note(text)
            if text.startswith(f"{second.address}: copying"):
                second.cut()

    lost, refused, measured = bench_devices(
        bundle, [second.address, closed, device.address], QUICK, progress=Cutting()
    )
    assert (lost.device, lost.report) == (second.address, None)
    assert lost.problem is not None
    assert "was lost" in lost.problem
    assert (refused.device, refused.report) == (closed, None)
    assert refused.problem is not None
    assert "refuses connections" in refused.problem
    assert measured.problem is None
    assert measured.report is not None
    assert device.is_clean()


def test_results_come_as_they_are_finished_and_are_returned_as_they_were_asked_for(
    device: ssh_server.Device, closed: str, bundle: Path
) -> None:
    finished = list[DeviceResult]()
    results = bench_devices(bundle, [device.address, closed], QUICK, finished=finished.append)
    assert [result.device for result in results] == [device.address, closed]
    assert [result.device for result in finished] == [closed, device.address]


def test_the_same_device_twice_is_refused(bundle: Path) -> None:
    with pytest.raises(UsageError, match="pi@board is named twice"):
        bench_devices(bundle, ["pi@board", "pi@other", "pi@board"])


def test_no_device_is_refused(bundle: Path) -> None:
    with pytest.raises(UsageError, match="no device is named"):
        bench_devices(bundle, [])


def test_a_damaged_bundle_is_refused_before_anything_is_sent(bundle: Path, closed: str) -> None:
    pytest.importorskip("asyncssh", reason="needs asyncssh: pip install 'edgetl[ssh]'")
    model = bundle / "fake-float32" / "model.fake"
    model.write_bytes(model.read_bytes()[:-1] + b" ")
    with pytest.raises(BundleError, match="SHA-256 differs"):
        bench_devices(bundle, [closed])


def test_without_asyncssh_the_extra_is_named(bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "asyncssh", None)
    with pytest.raises(MissingPackageError, match=r"pip install 'edgetl\[ssh\]'"):
        bench_devices(bundle, ["pi@board"])
