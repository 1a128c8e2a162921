"""A device that is somebody else's program: bounded memory, bounded time, and a sentence.

Every peer is met by ``bench_devices`` in one child process, one after the other, so that what each costs in
memory and time is known. The child says nothing on stderr: no traceback and no task that nobody waited for.
"""

import json
import random
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import ssh_server
import support
from deep import CORPUS, SEED, cases

asyncssh = pytest.importorskip("asyncssh", reason="needs asyncssh: pip install 'edgetl[ssh]'")
import hostile_peer  # noqa: E402 - it needs asyncssh
from hostile_peer import EVIL, HELLO, STARTED, Peer, Talk, ended, found, line  # noqa: E402
from hostile_texts import obeyed  # noqa: E402

SILENCE_S = 0.5
MOST_S = 1.5
FAREWELL_S = 0.3
# Silence counts anew at each of five stages; then comes the farewell, and Python is slow on a busy machine.
BOUND_S = 5 * SILENCE_S + MOST_S + 4 * FAREWELL_S + 5
BOUND_KB = 200_000
"""More than a report of 100 MB may take: the largest that is let in, parsed."""

CHILD = """
import json, resource, sys, time
from edgetl.benchmarks import devices
from edgetl.progress import Progress
from edgetl.remote import session, shipping

devices._MOST_S, session._FAREWELL_S = {most_s}, {farewell_s}
asked = json.load(sys.stdin)

class Notes(Progress):
    def __init__(self):
        self.lines = []
    def note(self, text):
        self.lines = [*self.lines[-99:], text]

shipping.runtime_files = lambda: {{"edgetl/__init__.py": b""}}
for name in asked["devices"]:
    notes, start = Notes(), time.monotonic()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    (result,) = devices.bench_devices(
        asked["bundle"], [name], progress=notes, silence_s={silence_s}, connect_s={silence_s}
    )
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    kind = type(result.error).__name__
    told = dict(seconds=time.monotonic() - start, grown_kb=after - before, notes=notes.lines)
    told.update(problem=result.problem, kind=kind, report=result.report is not None)
    print(json.dumps(told), flush=True)
"""


def simple() -> dict[str, Peer]:
    """Peers that can be written down, by name."""
    values: list[Any] = [None, True, 1, -1, 1.5, 1e308, "", EVIL, [], {}, [[]], {"a": {}}, 10**30]
    peers = {}
    for stage in hostile_peer.STAGES:
        peers[f"{stage}-closes"] = Peer(stage)
        peers[f"{stage}-cuts"] = Peer(stage, then="cut")
        peers[f"{stage}-is-killed"] = Peer(stage, then="killed")
        peers[f"{stage}-fails"] = Peer(stage, code=1, errors=EVIL.encode())
        peers[f"{stage}-unknown-code"] = Peer(stage, code=200, errors=b"\xff\xfe" * 5000)
        peers[f"{stage}-silent"] = Peer(stage, then="silent")
        peers[f"{stage}-garbage"] = Peer(stage, bytes(range(256)) * 40)
        peers[f"{stage}-not-json"] = Peer(stage, line(b"{"), then="silent")
        peers[f"{stage}-not-utf-8"] = Peer(stage, line(b'{"line": "\xff"}'), then="silent")
        peers[f"{stage}-nan"] = Peer(stage, line(b'{"ended": NaN, "bytes": Infinity, "left": null}'))
        peers[f"{stage}-deep"] = Peer(stage, line(b"[" * 30_000), then="silent")
        peers[f"{stage}-long-line"] = Peer(stage, line(b'"' + b"a" * 10_000_000 + b'"'), then="silent")
        peers[f"{stage}-no-end-of-line"] = Peer(stage, b"a" * (1 << 16), times=-1)
        peers[f"{stage}-digits"] = Peer(
            stage, line(b'{"ended": %s, "bytes": 1, "left": null}' % (b"9" * 5000))
        )
        peers[f"{stage}-endless-lines"] = Peer(stage, b"Welcome!\n" * 1000, times=-1)
        peers[f"{stage}-slow"] = Peer(stage, b"a", times=-1, pause_s=0.2)
        peers[f"{stage}-slow-lines"] = Peer(stage, b"a\n", times=-1, pause_s=0.2)
        peers[f"{stage}-alive"] = Peer(stage, line({"alive": True}) * 1000, times=-1)
        peers[f"{stage}-alive-slowly"] = Peer(stage, line({"alive": True}), times=-1, pause_s=0.2)
        peers[f"{stage}-endless-errors"] = Peer(stage, errors=b"e" * 8_000_000, then="silent")
        for number, value in enumerate(values):
            peers[f"{stage}-value-{number}"] = Peer(stage, line(value))
    for number, value in enumerate(values):
        peers[f"found-pythons-{number}"] = Peer("found", found(4, pythons=value))
        peers[f"found-python-{number}"] = Peer("found", found(4, pythons=[value] * 4))
        peers[f"found-place-{number}"] = Peer("found", found(4, place=value, free=1))
        peers[f"found-free-{number}"] = Peer("found", found(4, free=value))
        for part in ("path", "version", "modules", "bits"):
            odd = {**hostile_peer.PYTHON, "modules": [], part: value}
            peers[f"found-{part}-{number}"] = Peer("found", found(4, pythons=[odd] * 4))
        peers[f"end-line-{number}"] = Peer("end", line({"line": value}) + ended(0))
        peers[f"end-failed-{number}"] = Peer("end", line({"failed": value, "left": value}))
        peers[f"end-left-{number}"] = Peer("end", ended(0, left=value))
        peers[f"end-code-{number}"] = Peer("end", ended(0, ended=value))
        peers[f"end-bytes-{number}"] = Peer("end", ended(value))
    peers["end-lines"] = Peer("end", line({"line": EVIL * 50}) * 1000, times=-1)
    peers["end-says-and-fails"] = Peer("end", line({"line": EVIL}) + ended(0, ended=1))
    peers["end-huge"] = Peer("end", ended(1 << 62), then="silent")
    peers["end-too-few-bytes"] = Peer("end", ended(1000, b"{}"), then="silent")
    peers["end-too-few-bytes-and-closed"] = Peer("end", ended(1000, b"{}"))
    for name, output in {
        "deep": b"[" * 1_000_000,
        "not-json": b"\x1b[2J",
        "not-utf-8": b"\xff" * 1000,
        "empty-object": b"{}",
        "schema": json.dumps({"schema": EVIL}).encode(),
        "old": b'{"schema": 1}',
        "new": b'{"schema": 99}',
        "keys": json.dumps({"schema": 2, EVIL: EVIL}).encode(),
        "many-lists": b"[" + b"[]," * 5_000_000 + b"[]]",
    }.items():
        peers[f"end-report-{name}"] = Peer("end", ended(len(output), output))
    return peers


def kept() -> dict[str, Peer]:
    """Peers of the corpus: each was a failure once."""
    found = {}
    for place in sorted((CORPUS / "ssh").glob("peer-*.json")):
        value = json.loads(place.read_text())
        made = {**value["peer"]}
        for name in ("send", "errors"):
            made[name] = made.get(name, "").encode("latin-1")
        found[place.stem] = Peer(**made)
    return found


def mutated(count: int) -> dict[str, Peer]:
    """Honest messages with bytes changed, doubled and left out; drawn from the seed."""
    draw = random.Random(SEED)
    honest = {
        "hello": HELLO,
        "found": found(4),
        "started": STARTED,
        "end": line({"line": "measuring"}) + ended(2, b"{}"),
    }
    peers = {}
    for number in range(count):
        stage = draw.choice(list(honest))
        data = bytearray(honest[stage])
        for _ in range(draw.randint(1, 4)):
            place = draw.randrange(len(data))
            match draw.randrange(4):
                case 0:
                    data[place] = draw.randrange(256)
                case 1:
                    del data[place : place + draw.randint(1, 8)]
                case 2:
                    data[place:place] = data[place : place + draw.randint(1, 40)]
                case _:
                    data[place:place] = draw.choice([b"\x1b[2J", b"\n", b"[" * 500, b"9" * 500, b'"', b"{}"])
            data = data or bytearray(b"\n")
        peers[f"mutated-{number}"] = Peer(stage, bytes(data), then=draw.choice(["close", "cut"]))
    return peers


def before_the_login() -> dict[str, Talk]:
    """Those that never get so far."""
    version = b"SSH-2.0-OpenSSH_9.2\r\n"
    return {
        "closes": Talk(b""),
        "silent": Talk(stay=True),
        "http": Talk(b"HTTP/1.1 400 Bad Request\r\n\r\n\x1b[2J"),
        "garbage": Talk(bytes(range(256)) * 100),
        "endless-garbage": Talk(ever=b"\x00" * (1 << 16)),
        "endless-banner": Talk(ever=b"\x1b[2Jwelcome\r\n" * 100),
        "endless-line": Talk(ever=b"a" * (1 << 16)),
        "old-version": Talk(b"SSH-1.5-\x1b[2J\r\n", stay=True),
        "evil-version": Talk(b"SSH-9.9-\x1b]0;owned\x07\r\n", stay=True),
        "version-and-silence": Talk(version, stay=True),
        "version-and-close": Talk(version),
        "version-and-garbage": Talk(version, ever=b"\x80" * (1 << 16)),
        "huge-packet": Talk(version + b"\xff\xff\xff\xff\x04", ever=b"\x00" * (1 << 16)),
        "packet-of-2-gb": Talk(version + b"\x7f\xff\xff\xf8\x04", ever=b"\x00" * (1 << 16)),
        "packet-of-0-bytes": Talk(version + b"\x00\x00\x00\x00" * 100, stay=True),
        "kexinit-garbage": Talk(version + b"\x00\x00\x00\x1c\x0a\x14" + b"\xff" * 100, stay=True),
        "disconnect": Talk(
            version + _packet(b"\x01\x00\x00\x00\x0b" + _string(EVIL.encode()) + _string(b""))
        ),
        "disconnect-host-key": Talk(
            version + _packet(b"\x01\x00\x00\x00\x09" + _string(EVIL.encode()) + _string(b""))
        ),
        "endless-ignore": Talk(version, ever=_packet(b"\x02" + _string(b"a" * 1000)) * 20),
        "endless-debug": Talk(
            version, ever=_packet(b"\x04\x01" + _string(EVIL.encode()) + _string(b"")) * 20
        ),
    }


def _string(data: bytes) -> bytes:
    return len(data).to_bytes(4, "big") + data


def _packet(payload: bytes) -> bytes:
    """A packet before any encryption (RFC 4253, 6)."""
    padding = 8 - (len(payload) + 5) % 8
    padding += 8 if padding < 4 else 0
    size = len(payload) + 1 + padding
    return size.to_bytes(4, "big") + bytes([padding]) + payload + bytes(padding)


@pytest.fixture(scope="module")
def met(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, dict[str, Any]]]:
    """What became of each peer, by name."""
    folder = tmp_path_factory.mktemp("peers")
    home = folder / "home"
    (home / ".ssh").mkdir(parents=True)
    bundle = support.write_fake_bundle(folder / "insects.edgetl", delay_s=0.001)
    key = folder / "key"
    ssh_server._new_key(key)
    everyone = simple()
    if cases(1, 0):  # every stage is tried in the short form, but not every value at every stage
        draw = random.Random(SEED)
        names = [name for name in everyone if "-value-" in name or name.rpartition("-")[2].isdigit()]
        for name in draw.sample(names, len(names) * 3 // 4):
            del everyone[name]
    everyone |= kept() | mutated(cases(40, 2000))
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("HOME", str(home))
        patched.delenv("SSH_AUTH_SOCK", raising=False)
        talks = before_the_login()
        with hostile_peer.serving(key, everyone, list(talks.values())) as (port, *others):
            ports = dict(zip(talks, others, strict=True))
            kind, data, *_ = key.with_suffix(".pub").read_text().split()
            known = [f"[127.0.0.1]:{each} {kind} {data}\n" for each in (port, *ports.values())]
            (home / ".ssh" / "known_hosts").write_text("".join(known))
            named = {f"{name}@127.0.0.1:{port}": name for name in everyone}
            named |= {f"pi@127.0.0.1:{number}": f"before-{name}" for name, number in ports.items()}
            yield dict(zip(named.values(), _meet(list(named), bundle), strict=True))


def _meet(devices: list[str], bundle: Path) -> list[dict[str, Any]]:
    """Measure on each, one after the other."""
    numbers = {"most_s": MOST_S, "farewell_s": FAREWELL_S, "silence_s": SILENCE_S}
    ended = subprocess.run(
        [sys.executable, "-c", CHILD.format(**numbers)],
        input=json.dumps({"devices": devices, "bundle": str(bundle)}),
        capture_output=True,
        text=True,
        timeout=len(devices) * BOUND_S,
        check=False,
    )
    assert (ended.returncode, ended.stderr) == (0, "")
    return [json.loads(told) for told in ended.stdout.splitlines()]


def test_every_peer_ends_in_one_plain_sentence(met: dict[str, dict[str, Any]]) -> None:
    for name, told in met.items():
        assert told["problem"], name
        assert told["problem"].isprintable(), name
        assert len(told["problem"]) < 1000, name
        assert "unknown way" not in told["problem"], (name, told["problem"])
        # It may claim to have refused our key, and gains nothing that a wrong key would not have given it.
        kind = "HostKeyError" if name == "before-disconnect-host-key" else "DeviceError"
        assert told["kind"] == kind, (name, told)
        assert not told["report"], name


def test_nothing_that_a_peer_says_on_the_way_could_move_the_cursor(met: dict[str, dict[str, Any]]) -> None:
    notes = [(name, note) for name, told in met.items() for note in told["notes"]]
    assert any("evil" in note for _, note in notes)
    assert [pair for pair in notes if obeyed(pair[1]) or "\n" in pair[1]] == []


def test_every_peer_is_given_up_in_time(met: dict[str, dict[str, Any]]) -> None:
    assert {name: told["seconds"] for name, told in met.items() if told["seconds"] > BOUND_S} == {}


def test_no_peer_takes_memory_without_end(met: dict[str, dict[str, Any]]) -> None:
    assert {name: told["grown_kb"] for name, told in met.items() if told["grown_kb"] > BOUND_KB} == {}


def test_the_peers_were_met_at_every_stage(met: dict[str, dict[str, Any]]) -> None:
    """Else all of the above could hold because nobody was let in."""
    words = [told["problem"] for told in met.values()]
    for said in (
        "was lost",
        "has said nothing",
        "prints too much",
        "does not answer as edgetl",
        "was not done",
    ):
        assert any(said in sentence for sentence in words), said
    assert sum("does not answer as edgetl" in sentence for sentence in words) > len(words) / 8
