"""Unpacks Debian packages of any architecture, from this machine's own apt sources and without root."""

import os
import platform
import re
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

_SOURCES = (Path("/etc/apt/sources.list.d/debian.sources"), Path("/etc/apt/sources.list"))
_TOOLS = ("apt-get", "dpkg-deb", "tar")
_LIMIT_S = 300
# What apt says when a mirror does not answer, or is being changed while we read it.
_FETCHING = (
    "Failed to fetch",
    "Could not resolve",
    "Could not connect",
    "timed out",
    "sync in progress",
    "does not have a Release file",  # what a proxy's refusal looks like
)


class UnsuitableHostError(RuntimeError):
    """This machine cannot emulate a board."""


class UnreachableError(RuntimeError):
    """The packages' server gave no answer."""


def unpack(into: Path, architecture: str, suite: str, packages: Sequence[str]) -> None:
    """Download packages and all they depend on, and unpack them into an existing folder; installs nothing.

    Args:
        architecture: ``amd64``, ``arm64``, ``armhf``.
        suite: ``bookworm``, ``trixie``.

    Raises:
        UnsuitableHostError: this is no Debian on x86-64, or it has no sources.
        UnreachableError: the sources do not answer.
    """
    sources = _sources(suite)
    for folder in ("bin", "sbin", "lib"):
        (into / "usr" / folder).mkdir(parents=True, exist_ok=True)
        (into / folder).symlink_to(f"usr/{folder}")
    # apt's state is private and soon gone: the machine's own stays as it is.
    with tempfile.TemporaryDirectory(prefix="edgetl-apt-") as name:
        state = Path(name)
        for folder in ("lists/partial", "debs/partial", "sources", "preferences"):
            (state / folder).mkdir(parents=True)
        (state / "status").touch()
        (state / "sources" / sources[0]).write_text(sources[1])
        (state / "apt.conf").write_text(
            f'Dir::Etc::sourcelist "/dev/null"; Dir::Etc::sourceparts "{state}/sources";\n'
            f'Dir::Etc::preferencesparts "{state}/preferences"; Dir::State "{state}";\n'
            f'Dir::State::status "{state}/status"; Dir::Cache "{state}";\n'
            f'Dir::Cache::archives "{state}/debs"; APT::Sandbox::User "";\n'
            f'APT::Architecture "{architecture}"; APT::Architectures {{"{architecture}";}};\n'
            'APT::Install-Recommends "0"; APT::Get::Assume-Yes "1"; Debug::NoLocking "1";\n'
            'APT::Update::Error-Mode "any"; APT::Keep-Downloaded-Packages "1"; Acquire::Languages "none";\n'
            'Acquire::Retries "3"; Acquire::http::Timeout "20"; Acquire::https::Timeout "20";\n'
        )
        _apt_get(state, "update")
        _apt_get(state, "install", "--download-only", *packages)
        for package in sorted((state / "debs").glob("*.deb")):
            _unpack_one(package, into)


def _sources(suite: str) -> tuple[str, str]:
    """Name and content of a file of this machine's sources, for another suite."""
    missing = [tool for tool in _TOOLS if shutil.which(tool) is None]
    if missing or platform.machine() != "x86_64":
        lacking = f"{' and '.join(missing)} on the PATH" if missing else "an x86-64 machine"
        raise UnsuitableHostError(f"an emulated board needs {lacking}; a Debian 12 on x86-64 has all of it")
    release = platform.freedesktop_os_release()
    codename = release.get("VERSION_CODENAME", "")
    for file in _SOURCES:
        if release.get("ID") == "debian" and file.is_file():
            # The release alone: the indices of updates and security cannot be read while they change.
            text = re.sub(rf"\b{codename}-(\w+)", "", file.read_text())
            entries = re.split(r"\n\s*\n" if file.suffix == ".sources" else r"\n", text)
            chosen = [
                entry
                for entry in entries
                if re.search(rf"^(Suites:|deb\b).*\b{codename}\b", entry, re.MULTILINE)
            ]
            if chosen:
                return file.name, "\n\n".join(chosen).replace(codename, suite) + "\n"
    raise UnsuitableHostError(
        "an emulated board is made of Debian's packages: it needs a Debian whose own sources stand in "
        f"{' or '.join(map(str, _SOURCES))}, and this is {release.get('PRETTY_NAME', 'none')}"
    )


def _apt_get(state: Path, *arguments: str) -> None:
    command = ["apt-get", "-qq", *arguments]
    environment = {**os.environ, "APT_CONFIG": str(state / "apt.conf"), "LC_ALL": "C.UTF-8"}
    try:
        ended = subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=_LIMIT_S, check=False
        )
    except subprocess.TimeoutExpired:
        raise UnreachableError(f"apt-get {arguments[0]} did not end within {_LIMIT_S} s") from None
    if ended.returncode:
        words = ended.stderr.strip() or f"apt-get {arguments[0]} ended with {ended.returncode}"
        kind = UnreachableError if any(word in words for word in _FETCHING) else RuntimeError
        raise kind(words.splitlines()[-1] if kind is RuntimeError else words.splitlines()[0])


def _unpack_one(package: Path, into: Path) -> None:
    with subprocess.Popen(["dpkg-deb", "--fsys-tarfile", package], stdout=subprocess.PIPE) as archive:
        command = ["tar", "-x", "-C", str(into), "--keep-directory-symlink", "--no-same-owner"]
        command += [f"--exclude=./usr/share/{unread}" for unread in ("doc", "man", "locale")]
        subprocess.run(command, stdin=archive.stdout, check=True)
    if archive.returncode:
        raise RuntimeError(f"{package.name} cannot be unpacked")
