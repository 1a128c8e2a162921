"""Logging in: who is let in, whom we refuse, and what is said of it."""

import asyncio
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import ssh_server

from edgetl.errors import DeviceError
from edgetl.remote import address


def log_in(device: str, timeout_s: float = 20.0) -> str:
    """The name of the user who is in."""
    from edgetl.remote.connection import connected

    async def go() -> str:
        async with connected(address.parse(device), timeout_s) as connection:
            return str(connection.get_extra_info("username"))

    return asyncio.run(go())


def refusal(device: str, timeout_s: float = 20.0) -> str:
    with pytest.raises(DeviceError) as refused:
        log_in(device, timeout_s)
    return str(refused.value)


def fingerprint(key: Path) -> str:
    """As the device's own ssh-keygen prints it."""
    return subprocess.check_output(["ssh-keygen", "-lf", key], text=True).split()[1]


@pytest.fixture
def other_key(tmp_path: Path) -> Path:
    place = tmp_path / "other_key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", place], check=True)
    return place


@pytest.fixture
def agent(device: ssh_server.Device, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """After the device, which takes the user's own agent away."""
    place = tmp_path / "agent"
    with subprocess.Popen(["ssh-agent", "-D", "-a", place], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()  # it listens
        monkeypatch.setenv("SSH_AUTH_SOCK", str(place))
        yield
        process.kill()


def test_a_known_device_lets_in_who_has_a_key_in_ssh(device: ssh_server.Device) -> None:
    assert log_in(device.address) == device.user


def test_hashed_known_hosts_are_read(device: ssh_server.Device) -> None:
    subprocess.run(["ssh-keygen", "-q", "-H", "-f", device.known_hosts], check=True, capture_output=True)
    assert device.known_hosts.read_text().startswith("|1|")
    assert log_in(device.address) == device.user


def test_names_ports_users_and_keys_of_ssh_config_are_taken(device: ssh_server.Device) -> None:
    key = device.home / ".ssh" / "id_ed25519"
    key.rename(key.with_name("board_key"))
    (device.home / ".ssh" / "config").write_text(
        f"Host zero2\n HostName 127.0.0.1\n Port {device.port}\n User {device.user}\n"
        " IdentityFile ~/.ssh/board_key\n"
    )
    assert log_in("zero2") == device.user
    assert "refuses the login" in refusal(device.address)


@pytest.mark.usefixtures("agent")
def test_keys_of_the_agent_are_taken(device: ssh_server.Device) -> None:
    key = device.home / ".ssh" / "id_ed25519"
    subprocess.run(["ssh-add", "-q", key], check=True, capture_output=True)
    key.unlink()
    assert log_in(device.address) == device.user


def test_an_unknown_host_is_refused_with_its_key_and_the_line_that_adds_it(device: ssh_server.Device) -> None:
    key = fingerprint(device.key)
    device.known_hosts.unlink()
    told = refusal(device.address)
    assert told.startswith("is not in known_hosts: its key is ssh-ed25519")
    assert key in told
    assert told.endswith(f"ssh -p {device.port} {device.user}@127.0.0.1 exit")


def test_a_changed_key_is_refused_loudly(device: ssh_server.Device, other_key: Path) -> None:
    device.known_hosts.unlink()
    device.trust(other_key)
    told = refusal(device.address)
    assert told.startswith("HAS ANOTHER KEY THAN BEFORE, and was not connected to")
    assert fingerprint(device.key) in told
    assert fingerprint(other_key) in told
    assert told.endswith(f"ssh-keygen -R '[127.0.0.1]:{device.port}'")


def test_a_revoked_key_is_refused(device: ssh_server.Device) -> None:
    device.known_hosts.write_text("@revoked " + device.known_hosts.read_text())
    assert "revoked" in refusal(device.address)


def test_ssh_config_cannot_switch_the_check_off(device: ssh_server.Device) -> None:
    device.known_hosts.unlink()
    (device.home / ".ssh" / "config").write_text("UserKnownHostsFile none\nStrictHostKeyChecking no\n")
    assert "is not in known_hosts" in refusal(device.address)


def test_known_hosts_of_ssh_config_are_the_ones_looked_into(device: ssh_server.Device) -> None:
    device.known_hosts.rename(device.home / "boards")
    (device.home / ".ssh" / "config").write_text("UserKnownHostsFile ~/missing ~/boards\n")
    assert log_in(device.address) == device.user


@pytest.mark.parametrize(("known", "asked"), [("localhost", "LocalHost"), ("LocalHost", "localhost")])
def test_a_name_in_capitals_is_the_same_name(device: ssh_server.Device, known: str, asked: str) -> None:
    device.known_hosts.write_text(device.known_hosts.read_text().replace("127.0.0.1", known))
    assert log_in(f"{device.user}@{asked}:{device.port}") == device.user
    device.known_hosts.write_text(f"@revoked {device.known_hosts.read_text()}")
    assert "revoked" in refusal(f"{device.user}@{asked}:{device.port}")


def test_a_changed_key_of_a_name_in_capitals_is_forgotten_by_its_small_one(
    device: ssh_server.Device, other_key: Path
) -> None:
    device.known_hosts.unlink()
    device.trust(other_key)
    device.known_hosts.write_text(device.known_hosts.read_text().replace("127.0.0.1", "localhost"))
    told = refusal(f"{device.user}@LocalHost:{device.port}")
    assert told.startswith("HAS ANOTHER KEY THAN BEFORE")
    assert told.endswith(f"ssh-keygen -R '[localhost]:{device.port}'")


@pytest.mark.parametrize("place", ["%d/.ssh/kh2", "~/.ssh/of-%h", "~/.ssh/100%%"])
def test_words_with_a_percent_sign_in_the_place_of_known_hosts_are_understood(
    device: ssh_server.Device, place: str
) -> None:
    name = {"%d/.ssh/kh2": "kh2", "~/.ssh/of-%h": "of-127.0.0.1"}.get(place, "100%")
    device.known_hosts.rename(device.home / ".ssh" / name)
    (device.home / ".ssh" / "config").write_text(f"UserKnownHostsFile {place}\n")
    assert log_in(device.address) == device.user
    (device.home / ".ssh" / "config").write_text("UserKnownHostsFile ~/.ssh/%C\n")
    assert "UserKnownHostsFile ~/.ssh/%C has %C" in refusal(device.address)


def test_a_line_of_known_hosts_that_is_not_understood_is_passed_over(device: ssh_server.Device) -> None:
    garbage = "garbage\n@other a b c\n|1|x|y ssh-ed25519 AAAA\n"
    device.known_hosts.write_text(garbage + device.known_hosts.read_text() + "more\n")
    assert log_in(device.address) == device.user


def test_a_key_of_ssh_config_that_is_not_there_is_passed_over(device: ssh_server.Device) -> None:
    key = device.home / ".ssh" / "id_ed25519"
    key.rename(key.with_name("board_key"))
    config = device.home / ".ssh" / "config"
    config.write_text("IdentityFile ~/.ssh/none\nIdentityFile ~/.ssh/board_key\n")
    assert log_in(device.address) == device.user
    config.write_text("IdentityFile ~/.ssh/none\n")
    assert "refuses the login" in refusal(device.address)


def test_a_proxy_command_that_cannot_be_started_is_named(device: ssh_server.Device) -> None:
    (device.home / ".ssh" / "config").write_text("ProxyCommand no-such-program %h %p\n")
    told = refusal(device.address)
    assert "ProxyCommand of ~/.ssh/config, whose program no-such-program cannot be started" in told


def test_a_device_that_does_not_know_the_key_is_told_apart(device: ssh_server.Device) -> None:
    device.authorized_keys.write_text("")
    assert "ssh-copy-id" in refusal(device.address)


def test_a_config_that_is_not_understood_is_named(device: ssh_server.Device) -> None:
    (device.home / ".ssh" / "config").write_text("Host *\n Port twenty-two\n")
    told = refusal(device.address.partition(":")[0])
    assert "a file in ~/.ssh is not understood" in told
    assert "line 2" in told


@pytest.mark.usefixtures("device")
def test_a_port_where_nobody_listens_refuses() -> None:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))  # bound, so nobody else gets it, and not listening
        assert refusal(f"127.0.0.1:{held.getsockname()[1]}").startswith("refuses connections")


@pytest.mark.usefixtures("device")
def test_a_name_that_no_network_knows_is_said_so() -> None:
    assert refusal("pi@board.invalid").startswith("is a name that nothing on this network knows")


@pytest.mark.usefixtures("device")
def test_a_host_that_accepts_and_says_nothing_is_given_up() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        told = refusal(f"127.0.0.1:{silent.getsockname()[1]}", timeout_s=0.5)
    assert told == "did not let us in within 0.5 s: is it on, and on this network?"
