"""A signed bundle that somebody has changed, in 20,000 ways and deep in 1,000,000: none gets through.

What gets through would be opened by info, verify, load and install; all of them ask first what is asked here
for each case, and a sample of the cases goes through the commands themselves. A case that failed once is kept
in ``tests/corpus/bundles``: a JSON file of the changed files' bytes, in hexadecimal digits.
"""

import io
import json
import random
import shutil
from pathlib import Path
from typing import Any

import mutating
import pytest
import signed
from click.testing import CliRunner
from deep import CORPUS, SEED, cases

import edgetl
from edgetl import settings
from edgetl.bundle import MANIFEST, Bundle, check_signatures
from edgetl.cli import main
from edgetl.errors import EdgetlError
from edgetl.manifest import SIGNATURES
from edgetl.sealing import sealed
from edgetl.updating.archive import Reader
from edgetl.updating.install import checked
from edgetl.updating.pack import pack

Files = dict[str, bytes]
ZIP = "the zip"
SETTINGS = "the settings"


@pytest.fixture
def room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A bundle signed by alice on a machine that asks for her signature, and the same packed."""
    monkeypatch.setenv(settings.VARIABLE, str(signed.require(tmp_path / "settings.json", "alice")))
    folder = signed.tiny_bundle(tmp_path / "tiny.edgetl", "alice")
    pack(folder, tmp_path / "tiny.zip")
    return tmp_path


def original(room: Path) -> Files:
    folder = room / "tiny.edgetl"
    found = {place.relative_to(folder).as_posix(): place for place in folder.rglob("*") if place.is_file()}
    found |= {ZIP: room / "tiny.zip", SETTINGS: room / "settings.json"}
    return {name: place.read_bytes() for name, place in found.items()}


def place_of(room: Path, name: str) -> Path:
    return {ZIP: room / "tiny.zip", SETTINGS: room / "settings.json"}.get(name, room / "tiny.edgetl" / name)


def changed(draw: random.Random, whole: Files) -> Files:
    """What an attacker or a dying SD card makes of some of the files."""
    kind = draw.randrange(10)
    name = draw.choice(sorted(whole))
    if kind <= 3:
        return {name: mutating.damaged(draw, whole[name], list(whole.values()))}
    if kind == 4:  # two files change places
        other = draw.choice(sorted(whole))
        return {name: whole[other], other: whole[name]}
    if kind == 5:
        return {SIGNATURES: mutating.written(mutating.changed(draw, json.loads(whole[SIGNATURES])))}
    if kind == 6:  # nobody may weaken the settings of the machine; what is left of them must still be theirs
        return {
            SETTINGS: mutating.written(mutating.changed(draw, json.loads(whole[SETTINGS]))),
            SIGNATURES: signed.envelope(whole[MANIFEST], "mallory").encode(),
        }
    value = mutating.changed(draw, json.loads(whole[MANIFEST]))
    if kind == 7 or not isinstance(value, dict):
        return {MANIFEST: mutating.written(value)}
    try:
        manifest = sealed(value).encode()
    except ValueError:  # half a character: no text
        return {MANIFEST: mutating.written(value)}
    # With a new seal only a signature can tell: the old one, that around it, a stranger's, a lie.
    envelopes: list[Files] = [
        {},
        {SIGNATURES: signed.with_payload(whole[SIGNATURES], manifest).encode()},
        {SIGNATURES: signed.envelope(manifest, "mallory").encode()},
        {SIGNATURES: signed.claimed(manifest, "mallory", "alice").encode()},
    ]
    return {MANIFEST: manifest, **draw.choice(envelopes)}


def let_in(room: Path, whole: Files, files: Files) -> list[str]:
    """Which form of the bundle gets through with bytes that alice has not signed."""
    forms = {"zip": unpacked, "folder": opened}
    if set(files) == {ZIP}:
        del forms["folder"]
    elif not {ZIP, SETTINGS} & set(files):
        del forms["zip"]
    right, found = of_alice(whole), []
    for name, form in forms.items():
        try:
            named = form(room)
        except EdgetlError:
            continue
        if named != right:
            found.append(name)
    return found


def opened(room: Path) -> Files:
    """The manifest and all that it names, as load and verify read them."""
    bundle = Bundle.open(room / "tiny.edgetl")
    named = {entry.path: bundle.read(entry) for entry in bundle.manifest.entries}
    return {MANIFEST: bundle.manifest_bytes, **named}


def unpacked(room: Path) -> Files:
    """The same as install reads them."""
    reader = Reader(io.BytesIO((room / "tiny.zip").read_bytes()), ZIP)
    check_signatures(reader.manifest_bytes, reader.signatures, None, ZIP)
    named = {entry.path: b"".join(checked(entry, pieces)) for entry, pieces in reader.contents()}
    return {MANIFEST: reader.manifest_bytes, **named}


def of_alice(whole: Files) -> Files:
    return {name: data for name, data in whole.items() if name not in (ZIP, SETTINGS, SIGNATURES)}


def write(room: Path, files: Files) -> None:
    for name, data in files.items():
        place_of(room, name).write_bytes(data)


def through_the_commands(room: Path, verified: bool) -> None:
    store = room / "store"
    sources = [room / "tiny.edgetl", room / "tiny.zip"]
    calls: list[list[Any]] = [["install", source, "--into", store] for source in sources]
    calls.append(["info", sources[0]])
    if verified:  # not whole ones: an engine would be started, which is not what is tried here
        calls.append(["verify", sources[0]])
        # Load reads the manifest and a model; a damaged picture of the self-test is none of its business.
        if not model_is_whole(sources[0]):
            with pytest.raises(EdgetlError):
                edgetl.load(sources[0])
    for call in calls:
        done = CliRunner().invoke(main, [str(word) for word in call])
        assert done.exit_code in (0, 1, 2, 3), done.output
        assert "Traceback" not in done.output
        assert "edgetl itself failed" not in done.output, done.output
        # info reads no more than the manifest, which alice has signed.
        assert done.exit_code != 0 or call[0] in ("install", "info")
    shutil.rmtree(store, ignore_errors=True)


def test_no_mutation_gets_through(room: Path) -> None:
    whole = original(room)
    draw = random.Random(f"bundles {SEED}")
    around = set(room.rglob("*"))
    for number in range(cases(20_000, 1_000_000)):
        files = changed(draw, whole)
        write(room, files)
        try:
            assert let_in(room, whole, files) == []
            if number % 100 == 0:
                through_the_commands(room, verified=number % 1000 == 0 and not bundle_is_whole(room))
        except BaseException:
            kept = CORPUS / "bundles" / f"mutated-{SEED}-{number}.json"
            kept.write_text(json.dumps({name: data.hex() for name, data in files.items()}, indent=1))
            raise
        write(room, {name: whole[name] for name in files})
        if number % 1000 == 0:
            assert set(room.rglob("*")) == around


def model_is_whole(folder: Path) -> bool:
    try:
        bundle = Bundle.open(folder)
        bundle.model_files(bundle.variant(bundle.manifest.pick))
    except EdgetlError:
        return False
    return True


def bundle_is_whole(room: Path) -> bool:
    try:
        Bundle.open(room / "tiny.edgetl").check_files()
    except EdgetlError:
        return False
    return True


@pytest.mark.parametrize("case", sorted((CORPUS / "bundles").glob("*.json")), ids=lambda place: place.stem)
def test_what_once_got_through_or_failed_is_refused(room: Path, case: Path) -> None:
    whole = original(room)
    files = {name: bytes.fromhex(data) for name, data in json.loads(case.read_text()).items()}
    write(room, files)
    assert let_in(room, whole, files) == []
    through_the_commands(room, verified=not bundle_is_whole(room))
