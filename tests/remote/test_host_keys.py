"""A host key that is not trusted: refused before anything is sent, with an exit code that says just that."""

import asyncio
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import ssh_server
import support

from edgetl.errors import DeviceError, EdgetlError, GateError, HostKeyError
from edgetl.remote import address
from edgetl.remote.gravest import gravest


def log_in(device: str) -> None:
    from edgetl.remote.connection import connected

    async def go() -> None:
        async with connected(address.parse(device), 20):
            pass

    asyncio.run(go())


def refused(device: str) -> str:
    """Why its key is not trusted."""
    with pytest.raises(HostKeyError) as told:
        log_in(device)
    return str(told.value)


def public(key: Path) -> str:
    """Kind and data of a key, as known_hosts has them."""
    return " ".join(key.with_suffix(".pub").read_text().split()[:2])


def new_key(place: Path, kind: str = "ed25519") -> Path:
    subprocess.run(["ssh-keygen", "-q", "-t", kind, "-N", "", "-f", place], check=True)
    return place


@pytest.fixture
def second(device: ssh_server.Device, tmp_path: Path) -> Iterator[ssh_server.Device]:
    """Another server, with a key of its own, on the same board; both are trusted."""
    with ssh_server.running(tmp_path / "board", "second_key") as other:
        yield other


def test_a_key_of_another_kind_than_before_is_another_key(device: ssh_server.Device, tmp_path: Path) -> None:
    device.known_hosts.write_text(f"[127.0.0.1]:{device.port} {public(new_key(tmp_path / 'rsa', 'rsa'))}\n")
    assert refused(device.address).startswith("HAS ANOTHER KEY THAN BEFORE")


def test_a_known_key_is_asked_for_before_others(device: ssh_server.Device, tmp_path: Path) -> None:
    rsa = new_key(tmp_path / "rsa", "rsa")
    device.also_shows(rsa)
    device.known_hosts.write_text(f"[127.0.0.1]:{device.port} {public(rsa)}\n")
    log_in(device.address)


def test_a_kind_of_key_that_ssh_config_forbids_is_not_taken(device: ssh_server.Device) -> None:
    (device.home / ".ssh" / "config").write_text("HostKeyAlgorithms rsa-sha2-512\n")
    with pytest.raises(DeviceError):
        log_in(device.address)


def test_an_authority_that_did_not_sign_the_key_does_not_vouch_for_it(
    device: ssh_server.Device, tmp_path: Path
) -> None:
    authority = public(new_key(tmp_path / "authority"))
    device.known_hosts.write_text(f"@cert-authority [127.0.0.1]:{device.port} {authority}\n")
    assert refused(device.address)


@pytest.mark.parametrize("names", ["[127.0.0.1]:{port}", "127.0.0.1", "*"])
def test_a_revoked_key_is_refused_whatever_else_is_known(device: ssh_server.Device, names: str) -> None:
    key = public(device.key)
    device.known_hosts.write_text(f"@revoked {names.format(port=device.port)} {key}\n127.0.0.1 {key}\n")
    assert "revoked" in refused(device.address)


def test_a_name_is_not_trusted_for_what_its_address_is_known_as(device: ssh_server.Device) -> None:
    """Whoever forges the name leads to another host that is known."""
    assert refused(f"{device.user}@localhost:{device.port}").startswith("is not in known_hosts")
    log_in(device.address)


@pytest.mark.parametrize(
    "text",
    ["", "\n\n#\n", "garbage", "[127.0.0.1]:{port} ssh-ed25519", "[127.0.0.1]:{port} ssh-ed25519 AAAA\n"],
)
def test_a_known_hosts_without_its_key_trusts_nothing(device: ssh_server.Device, text: str) -> None:
    device.known_hosts.write_text(text.format(port=device.port))
    with pytest.raises(DeviceError):
        log_in(device.address)


def test_a_host_on_the_way_is_checked_whatever_ssh_config_says(
    device: ssh_server.Device, second: ssh_server.Device
) -> None:
    config = f"Host board\n HostName 127.0.0.1\n Port {device.port}\n User {device.user}\n"
    (device.home / ".ssh" / "config").write_text(
        f"UserKnownHostsFile none\n{config} ProxyJump ssh://{second.address}\n"
    )
    log_in("board")
    (device.home / ".ssh" / "config").write_text(
        f"UserKnownHostsFile none\n{config} ProxyJump {second.address}\n"
    )
    log_in("board")
    lines = device.known_hosts.read_text().splitlines()
    device.known_hosts.write_text("".join(f"{line}\n" for line in lines if str(second.port) not in line))
    told = refused("board")
    assert told.startswith(f"is reached through {second.address}, which is not in known_hosts")


def test_a_way_that_leads_in_a_circle_has_an_end(device: ssh_server.Device) -> None:
    (device.home / ".ssh" / "config").write_text("Host board\n ProxyJump board\n")
    with pytest.raises(DeviceError, match="more than 8 hosts"):
        log_in("board")


def test_nothing_runs_on_a_host_that_is_not_trusted(device: ssh_server.Device, tmp_path: Path) -> None:
    device.known_hosts.unlink()
    device.python(f"touch {tmp_path}/ran")
    refused(device.address)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("command", ["bench", "push"])
def test_the_commands_exit_with_4(
    command: str, device: ssh_server.Device, tmp_path: Path, root: Path
) -> None:
    bundle = support.write_fake_bundle(tmp_path / "insects.edgetl", delay_s=0.001)
    device.known_hosts.unlink()
    # Another device's broken cable does not hide it.
    words = [command, str(bundle), "--device", "pi@board.invalid", "--device", device.address, "--json"]
    words += ["--canary", "2"] if command == "push" else []
    ended = subprocess.run(
        [sys.executable, "-m", "edgetl", *words], cwd=root, capture_output=True, text=True, check=False
    )
    assert ended.returncode == HostKeyError.exit_code == 4
    assert "is not in known_hosts" in ended.stderr
    assert "nothing on this network knows" in ended.stderr
    told = json.loads(ended.stdout)
    assert told[device.address] is None if command == "bench" else told["devices"][1]["state"] == "untrusted"


@pytest.mark.parametrize(
    ("errors", "code"),
    [
        ([GateError("a")], 3),
        ([GateError("a"), DeviceError("b")], 1),
        ([DeviceError("a"), HostKeyError("b"), GateError("c")], 4),
        ([EdgetlError("a")], 1),
    ],
)
def test_of_several_devices_the_gravest_ending_counts(errors: list[EdgetlError], code: int) -> None:
    whole = gravest(errors)
    assert whole.exit_code == code
    assert str(whole) == "; ".join(map(str, errors))
