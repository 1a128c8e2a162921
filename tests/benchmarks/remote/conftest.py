"""A device on the loopback, and the home of the one who logs in."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import ssh_server
import support


@pytest.fixture
def device(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ssh_server.Device]:
    """A device that is on, trusted, and lets us in."""
    pytest.importorskip("asyncssh", reason="needs asyncssh: pip install 'edgetl[ssh]'")
    if ssh_server.SSHD is None:
        pytest.skip("needs an OpenSSH server: apt install openssh-server")
    with ssh_server.running(tmp_path / "board") as running:
        monkeypatch.setenv("HOME", str(running.home))
        monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
        yield running


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    """A bundle for the engine that is always there; an inference takes a millisecond."""
    return support.write_fake_bundle(tmp_path / "insects.edgetl", delay_s=0.001)
