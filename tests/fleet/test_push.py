"""A bundle on devices: real servers, a real store, a real self-test; and what stops the waves."""

import io
import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import ssh_server
import support

import edgetl
from edgetl.bundle import MANIFEST, Bundle
from edgetl.errors import DamagedBundleError, DeviceError, UsageError
from edgetl.fleet.results import Pushed
from edgetl.manifest import SIGNATURES
from edgetl.sealing import sealed
from edgetl.updating.archive import Reader

SLOW_S = 0.2


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    return support.write_fake_bundle(tmp_path / "insects.edgetl", delay_s=0.001)


def states(report: "edgetl.fleet.results.PushReport") -> list[str]:
    return [pushed.state for pushed in report.devices]


def test_a_new_version_is_installed_tested_and_used_and_the_device_is_clean(
    device: ssh_server.Device, bundle: Path, tmp_path: Path
) -> None:
    store, told = tmp_path / "store", list[Pushed]()
    report = edgetl.push(bundle, [device.address], into=str(store), finished=told.append)
    (pushed,) = report.devices
    assert (pushed.state, pushed.store, report.errors) == ("active", str(store), [])
    assert edgetl.status(store).state.active == pushed.active == report.digest
    assert told == [pushed]
    assert device.is_clean()
    again = edgetl.push(bundle, [device.address], into=str(store))
    assert states(again) == ["up to date"]
    newer = support.write_fake_bundle(tmp_path / "newer.edgetl", delay_s=0.002)
    (after,) = edgetl.push(newer, [device.address], into=str(store), allow_older=True).devices
    assert (after.state, after.previous) == ("active", report.digest)


def test_a_version_over_budget_is_refused_and_stops_the_waves(
    device: ssh_server.Device, second: ssh_server.Device, bundle: Path, tmp_path: Path
) -> None:
    store = tmp_path / "store"
    before = edgetl.push(bundle, [device.address], into=str(store))
    slow = support.write_fake_bundle(tmp_path / "slow.edgetl", delay_s=SLOW_S)
    devices = [device.address, second.address]
    report = edgetl.push(slow, devices, into=str(store), budget_ms=SLOW_S * 500, allow_older=True)
    assert states(report) == ["refused", "untouched"]
    assert [type(error).__name__ for error in report.errors] == ["GateError"]
    assert edgetl.status(store).state.active == before.digest != report.digest
    assert second.is_clean()  # of what the first one left too: they share a board


def test_a_device_that_cannot_be_reached_stops_the_waves(
    device: ssh_server.Device, bundle: Path, tmp_path: Path
) -> None:
    report = edgetl.push(bundle, ["pi@board.invalid", device.address], into=str(tmp_path / "store"))
    assert states(report) == ["failed", "untouched"]
    assert not (tmp_path / "store").exists()


def test_a_device_whose_own_edgetl_is_older_than_the_bundle_needs_is_left_as_it_is(
    device: ssh_server.Device, bundle: Path, tmp_path: Path
) -> None:
    (tmp_path / "older" / "edgetl-0.0.9.dist-info").mkdir(parents=True)
    device.python(f"export PYTHONPATH=$PYTHONPATH:{tmp_path / 'older'}\n{device.python_script}")
    (pushed,) = edgetl.push(bundle, [device.address], into=str(tmp_path / "store")).devices
    assert (pushed.state, pushed.reason) == (
        "failed",
        "this device has edgetl 0.0.9, and the bundle needs 0.1.0: pip install --upgrade edgetl there first",
    )
    assert not (tmp_path / "store").exists()
    assert device.is_clean()


def test_a_bundle_that_is_damaged_on_the_way_is_not_used(
    device: ssh_server.Device, bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from edgetl.fleet import push as module

    packed = module.packed

    def broken(opened: Bundle) -> Iterator[bytes]:
        data = bytearray(b"".join(packed(opened)))
        place = data.index(b"fake-float32/model.fake") + len("fake-float32/model.fake") + 2
        data[place] ^= 1
        yield bytes(data)

    monkeypatch.setattr(module, "packed", broken)
    report = edgetl.push(bundle, [device.address], into=str(tmp_path / "store"))
    assert states(report) == ["failed"]
    assert not list((tmp_path / "store").glob("versions/[0-9a-f]*"))


def test_a_connection_that_is_lost_leaves_the_old_version_and_a_clean_device(
    device: ssh_server.Device, bundle: Path, tmp_path: Path
) -> None:
    from edgetl.progress import Progress

    class Cutting(Progress):
        def note(self, text: str) -> None:
            if "copying" in text:
                device.cut()

    report = edgetl.push(bundle, [device.address], into=str(tmp_path / "store"), progress=Cutting())
    assert states(report) == ["failed"]
    assert "was lost" in str(report.errors[0])
    assert device.is_clean()
    assert states(edgetl.push(bundle, [device.address], into=str(tmp_path / "store"))) == ["active"]


def test_a_damaged_bundle_is_refused_before_anything_is_sent(bundle: Path) -> None:
    pytest.importorskip("asyncssh", reason="needs asyncssh: pip install 'edgetl[ssh]'")
    model = bundle / "fake-float32" / "model.fake"
    model.write_bytes(model.read_bytes()[:-1] + b" ")
    with pytest.raises(DamagedBundleError):
        edgetl.push(bundle, ["pi@board.invalid"])


def test_what_is_sent_is_what_was_checked(bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The manifest is changed by another process, as it has been checked."""
    pytest.importorskip("asyncssh", reason="needs asyncssh: pip install 'edgetl[ssh]'")
    from edgetl.fleet import push as module

    checked, sent = (bundle / MANIFEST).read_bytes(), list[bytes]()
    modules = module.shipping.modules

    def change() -> dict[str, bytes]:
        (bundle / MANIFEST).write_text(sealed({**json.loads(checked), "name": "another"}))
        (bundle / SIGNATURES).write_text("{}")
        return modules()

    async def keep(address: object, job: Any, *_: object) -> None:
        sent.append(next(data for name, data in job.files.items() if name.startswith("work/")))
        raise DeviceError("nobody is there")

    monkeypatch.setattr(module.shipping, "modules", change)
    monkeypatch.setattr(module, "attempt", keep)
    edgetl.push(bundle, ["pi@board.invalid"])
    found = Reader(io.BytesIO(sent[0]), "the zip")
    assert (found.manifest_bytes, found.signatures) == (checked, None)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"into": "store"}, "begin it with / or ~/"),
        ({"into": "/a\0b"}, "begin it with / or ~/"),
        ({"canary": -1}, "canary -1"),
        ({"wave": 0}, "wave 0"),
        ({"budget_ms": 0.0}, "budget of 0"),
        ({"budget_ms": float("nan")}, "budget of nan"),
    ],
)
def test_what_is_not_offered_is_refused(options: dict[str, object], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        edgetl.push("missing", ["pi@board"], **options)  # type: ignore[arg-type]


@pytest.mark.parametrize("devices", [[], ["pi@a", "pi@a"], ["pi@A", "pi@a"]])
def test_no_device_and_one_named_twice_are_refused(devices: list[str]) -> None:
    with pytest.raises(UsageError, match="named"):
        edgetl.push("missing", devices)


def command(root: Path, *words: object) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "edgetl", "push", *map(str, words)],
        cwd=root,
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_command_prints_a_table_and_the_next_command(
    device: ssh_server.Device, bundle: Path, tmp_path: Path, root: Path
) -> None:
    words = [bundle, "--device", device.address, "--into", tmp_path / "store", "--python", sys.executable]
    for options, code in ((["--budget-ms", "0.0001"], 3), ([], 0), (["--json"], 0)):
        ended = command(root, *words, *options)
        assert ended.returncode == code, ended.stderr
        if options == ["--json"]:
            assert [each["state"] for each in json.loads(ended.stdout)["devices"]] == ["up to date"]
            continue
        heading, row = ended.stdout.splitlines()
        assert heading.split() == ["device", "wave", "state", "version", "before"]
        assert len(row) <= 80
        assert row.split()[:3] == [device.address, "1", "active" if code == 0 else "refused"]
        assert ended.stderr.count(f"store: {tmp_path / 'store'}") == 1
        following = f"next: edgetl bench {bundle} --device {device.address} --device-python {sys.executable}"
        assert (following in ended.stderr) == (code == 0)


def test_of_several_failures_each_is_told_as_it_comes_and_the_last_word_is_short(
    device: ssh_server.Device, bundle: Path, tmp_path: Path, root: Path
) -> None:
    devices = ["pi@one.invalid", device.address, "pi@two.invalid"]
    words = [word for each in devices for word in ("--device", each)]
    ended = command(root, bundle, *words, "--canary", 3, "--into", tmp_path / "store")
    assert ended.returncode == 1
    for name in ("pi@one.invalid", "pi@two.invalid"):
        assert f"{name}: failed: is a name that nothing on this network knows" in ended.stderr
    last = ended.stderr.splitlines()[-1]
    assert last == "error: 2 of 3 devices failed: pi@one.invalid, pi@two.invalid"


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
@pytest.mark.parametrize("as_json", [False, True])
def test_a_push_that_is_stopped_says_what_was_done(
    number: signal.Signals,
    code: int,
    as_json: bool,
    device: ssh_server.Device,
    second: ssh_server.Device,
    tmp_path: Path,
    root: Path,
) -> None:
    bundle = support.write_fake_bundle(tmp_path / "insects.edgetl", delay_s=0.02)
    devices = [device.address, second.address, "pi@board.invalid"]
    words = [word for each in devices for word in ("--device", each)] + ["--json"] * as_json
    with subprocess.Popen(
        [sys.executable, "-m", "edgetl", "push", bundle, *words, "--wave", "1", "--into", tmp_path / "store"],
        cwd=root,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as running:
        assert running.stderr is not None
        assert any(f"{second.address}: copying" in line for line in running.stderr)
        running.send_signal(number)
        printed, errors = running.communicate(timeout=60)
    assert running.returncode == code
    assert errors.endswith("error: stopped: 1 of 3 devices was done; type it again to go on\n")
    if as_json:
        found = [(each["state"], each["reason"]) for each in json.loads(printed)["devices"]]
        stopped = "stopped from here"
        assert found == [("active", None), ("failed", stopped), ("untouched", stopped)]
    else:
        assert [row.split()[2] for row in printed.splitlines()] == ["state", "active", "failed", "untouched"]
    assert device.is_clean()


def test_the_bundles_own_name_is_that_of_the_file_that_the_device_speaks_of(
    device: ssh_server.Device, bundle: Path, tmp_path: Path
) -> None:
    store = str(tmp_path / "store")
    older = support.write_fake_bundle(tmp_path / "older.edgetl", delay_s=0.002)
    manifest = replace(Bundle.open(older).manifest, created="2020-01-01T00:00:00+00:00")
    (older / "manifest.json").write_text(manifest.to_json())
    edgetl.push(bundle, [device.address], into=store)
    (pushed,) = edgetl.push(older, [device.address], into=store).devices
    assert pushed.reason is not None
    assert pushed.reason.startswith(f"{manifest.name}.zip was exported 2020")
