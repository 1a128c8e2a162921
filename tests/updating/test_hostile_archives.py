"""What tries to get out of the store, to fill memory or to last for ever is refused, and changes nothing."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import signed
from hostile_archives import KINDS

from edgetl import settings
from edgetl.updating.install import install
from edgetl.updating.pack import pack

MOST_MORE = 32 * 1024 * 1024
"""Bytes of memory beyond what installing a whole bundle takes."""

# In a child, which says afterwards how much memory it ever had.
INSTALL = """
import json, resource, sys
from edgetl.errors import EdgetlError
from edgetl.updating.install import install
told = None
for source in json.load(sys.stdin):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    try:
        install(source, sys.argv[1])
        told = "installed"
    except EdgetlError as error:
        told = f"{type(error).__name__}: {error}"
    print(json.dumps([told, before * 1024, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024]))
"""


def state(room: Path) -> dict[str, object]:
    """Everything below a folder: what it is, and of files what is in them."""
    found: dict[str, object] = {}
    for place in sorted(room.rglob("*")):
        kept = place.lstat()
        small = place.is_file() and not place.is_symlink() and kept.st_size < 10**6
        found[str(place)] = (kept.st_mode, kept.st_size, place.read_bytes() if small else None)
    return found


def test_there_are_sixty_kinds() -> None:
    assert len(KINDS) >= 60


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory, root: Path) -> dict[str, tuple[str, int, int, bool]]:
    """Each kind: what install said of it, memory before and at its peak, and whether anything changed."""
    room = tmp_path_factory.mktemp("hostile")
    whole = pack(signed.tiny_bundle(room / "tiny.edgetl"), room / "tiny.zip").read_bytes()
    newer = signed.tiny_bundle(room / "newer.edgetl", created="2026-11-23T12:00:00+00:00")
    store = room / "store"
    install(newer, store)
    answers: dict[str, tuple[str, int, int, bool]] = {}
    sources = {}
    for number, (name, maker) in enumerate(KINDS.items()):
        (room / str(number)).mkdir()
        try:
            sources[name] = str(maker(room / str(number), whole))
        except pytest.skip.Exception as reason:
            answers[name] = (f"skipped: {reason}", 0, 0, False)
    before = state(room)
    with subprocess.Popen(
        [sys.executable, "-c", INSTALL, str(store)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=root,
    ) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        # A whole one first: what edgetl itself takes is there by then.
        child.stdin.write(json.dumps([str(newer), *sources.values()]))
        child.stdin.close()
        child.stdout.readline()
        for name in sources:
            said, first, peak = json.loads(child.stdout.readline())
            answers[name] = (said, first, peak, False)
    after = state(room)
    changed = sorted(place for place in before.keys() | after.keys() if before.get(place) != after.get(place))
    return {name: (said, first, peak, bool(changed)) for name, (said, first, peak, _) in answers.items()}


@pytest.mark.parametrize("kind", KINDS)
def test_it_is_refused_with_little_memory_and_changes_nothing(
    told: dict[str, tuple[str, int, int, bool]], kind: str
) -> None:
    said, first, peak, changed = told[kind]
    if said.startswith("skipped"):
        pytest.skip(said)
    assert said.partition(":")[0] in ("BundleError", "DamagedBundleError", "SignatureError", "UsageError"), (
        said
    )
    assert peak - first <= MOST_MORE, f"{peak - first} bytes more"
    assert not changed


def test_the_signed_one_of_which_a_file_is_hostile_is_refused_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where a signature is required, what is only sealed anew is not even looked at."""
    monkeypatch.setenv(settings.VARIABLE, str(signed.require(tmp_path / "settings.json", "alice")))
    whole = pack(signed.tiny_bundle(tmp_path / "tiny.edgetl", "alice"), tmp_path / "tiny.zip").read_bytes()
    for number, maker in enumerate(KINDS.values()):
        (tmp_path / str(number)).mkdir()
        try:
            source = maker(tmp_path / str(number), whole)
        except pytest.skip.Exception:
            continue
        with pytest.raises(Exception, match=r".") as refused:
            install(source, tmp_path / "store")
        assert refused.type.__name__ in ("BundleError", "DamagedBundleError", "SignatureError", "UsageError")
    assert not (tmp_path / "store" / "versions").exists() or not any(
        (tmp_path / "store" / "versions").iterdir()
    )
