import json
import shutil
from pathlib import Path

import pytest
import signed

from edgetl import settings
from edgetl.bundle import Bundle
from edgetl.errors import BundleError, BusyError, DamagedBundleError, SignatureError, UsageError, WriteError
from edgetl.manifest import SIGNATURES
from edgetl.updating import install as installing
from edgetl.updating import state as states
from edgetl.updating import store as stores
from edgetl.updating.install import install
from edgetl.updating.state import State


def day(number: int) -> str:
    return f"2026-11-{number:02}T12:00:00+00:00"


@pytest.fixture
def room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Four versions signed by alice, on a machine that asks for her signature."""
    monkeypatch.setenv(
        settings.VARIABLE, str(signed.require(tmp_path / "settings.json", "alice", kind="gate"))
    )
    for number in (1, 2, 3, 4):
        signed.tiny_bundle(tmp_path / f"{number}.edgetl", "alice", created=day(number))
    return tmp_path


def used(store: Path, digest: str, previous: str | None = None) -> None:
    states.write(
        store,
        State(digest, previous, high_water=Bundle.open(stores.place_of(store, digest)).manifest.created),
    )


def held(store: Path) -> set[str]:
    return set(stores.digests(store))


def test_a_version_is_copied_whole_and_not_yet_used(room: Path) -> None:
    done = install(room / "1.edgetl", room / "store")
    assert (done.was_there, states.read(room / "store")) == (False, State())
    place = stores.place_of(room / "store", done.digest)
    copied = {file.relative_to(place) for file in place.rglob("*") if file.is_file()}
    assert copied == {
        file.relative_to(room / "1.edgetl") for file in (room / "1.edgetl").rglob("*") if file.is_file()
    }
    assert install(room / "1.edgetl", room / "store").was_there


def test_files_that_the_manifest_does_not_name_stay_behind(room: Path) -> None:
    (room / "1.edgetl" / "extra.so").write_text("x")
    done = install(room / "1.edgetl", room / "store")
    assert not list(stores.place_of(room / "store", done.digest).rglob("extra.so"))


def test_there_are_never_more_than_two(room: Path) -> None:
    store = room / "store"
    one = install(room / "1.edgetl", store).digest
    used(store, one)
    two = install(room / "2.edgetl", store).digest
    assert held(store) == {one, two}
    used(store, two, one)
    three = install(room / "3.edgetl", store).digest
    assert held(store) == {two, three}
    assert states.read(store).previous is None
    four = install(room / "4.edgetl", store).digest
    assert held(store) == {two, four}


def test_a_bad_source_costs_no_version(room: Path) -> None:
    """Not the one that edgetl rollback goes back to either, although the manifest of the bad one is right."""
    store = room / "store"
    one, two = install(room / "1.edgetl", store).digest, ""
    used(store, one)
    two = install(room / "2.edgetl", store).digest
    used(store, two, one)
    before = states.read(store)
    model = room / "3.edgetl" / "fake-float32" / "model.fake"
    model.write_bytes(model.read_bytes().replace(b"0.25", b"0.35"))
    with pytest.raises(DamagedBundleError, match="is not the file that was exported"):
        install(room / "3.edgetl", store)
    assert held(store) == {one, two}
    assert states.read(store) == before


def test_where_there_is_no_room_for_three_the_one_before_goes_first(
    room: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = room / "store"
    one = install(room / "1.edgetl", store).digest
    used(store, one)
    two = install(room / "2.edgetl", store).digest
    used(store, two, one)
    needed = installing._ROOM_BYTES + sum(
        entry.size_bytes for entry in Bundle.open(room / "3.edgetl").manifest.entries
    )
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(0, 0, needed - 1))  # type: ignore[attr-defined]
    three = install(room / "3.edgetl", store).digest
    assert held(store) == {two, three}
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(0, 0, 10))  # type: ignore[attr-defined]
    with pytest.raises(WriteError, match=r"cannot install into .*: the disk is full .*free or would be"):
        install(room / "4.edgetl", store)
    assert held(store) == {two, three}


def test_a_damaged_version_comes_anew_and_stays_the_active_one(room: Path) -> None:
    store = room / "store"
    one = install(room / "1.edgetl", store).digest
    used(store, one)
    (stores.place_of(store, one) / "labels.txt").write_text("bee\nant\n")
    assert not install(room / "1.edgetl", store).was_there
    Bundle.open(stores.place_of(store, one)).check_files()
    assert states.read(store).active == one


def test_a_link_in_the_place_of_a_version_is_replaced_and_not_followed(room: Path) -> None:
    store = room / "store"
    one = install(room / "1.edgetl", store).digest
    place = stores.place_of(store, one)
    place.rename(room / "elsewhere")
    place.symlink_to(room / "elsewhere")
    assert not install(room / "1.edgetl", store).was_there
    assert not place.is_symlink()
    assert (room / "elsewhere" / "manifest.json").is_file()


def test_versions_only_go_forward(room: Path) -> None:
    store = room / "store"
    used(store, install(room / "3.edgetl", store).digest)
    with pytest.raises(BundleError, match=r"was exported 2026-11-02.*and one of 2026-11-03.*only go forward"):
        install(room / "2.edgetl", store)
    assert not install(room / "2.edgetl", store, allow_older=True).was_there


@pytest.mark.parametrize(
    ("created", "passes"),
    [
        ("2026-11-03T11:59:59+00:00", False),
        ("2026-11-03T13:00:00+02:00", False),
        ("2026-11-03T12:00:00", True),
        ("2026-11-03T11:30:00-01:00", True),
        ("0001-01-01T00:00:00+23:59", False),
        ("9999-12-31T23:59:59-23:59", True),
    ],
)
def test_times_are_compared_and_not_their_letters(room: Path, created: str, passes: bool) -> None:
    store = room / "store"
    used(store, install(room / "3.edgetl", store).digest)
    signed.tiny_bundle(room / "x.edgetl", "alice", created=created)
    if passes:
        install(room / "x.edgetl", store)
    else:
        with pytest.raises(BundleError, match="only go forward"):
            install(room / "x.edgetl", store)


@pytest.mark.parametrize("created", ["", "yesterday", "2026-13-01", "9" * 50])
def test_a_version_of_no_date_is_refused(room: Path, created: str) -> None:
    signed.tiny_bundle(room / "x.edgetl", "alice", created=created)
    with pytest.raises(BundleError, match=r"which is no date \(ISO 8601\)"):
        install(room / "x.edgetl", room / "store")


def test_what_is_refused_leaves_nothing_and_does_not_stand_in_the_way(room: Path) -> None:
    (room / "1.edgetl" / SIGNATURES).unlink()
    with pytest.raises(SignatureError, match="is not signed"):
        install(room / "1.edgetl", room / "store")
    assert not (room / "store").exists()
    install(room / "2.edgetl", room / "store")


def test_the_lock_of_a_first_try_does_not_stand_in_the_way(room: Path) -> None:
    (room / "store").mkdir()
    (room / "store" / ".update.lock").touch()
    install(room / "1.edgetl", room / "store")


def test_signatures_that_came_later_are_taken(room: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store, text = room / "store", (room / "1.edgetl" / SIGNATURES).read_text()
    (room / "1.edgetl" / SIGNATURES).unlink()
    strict = settings.place()
    monkeypatch.setenv(settings.VARIABLE, str(signed.require(room / "lax.json", required=0)))
    digest = install(room / "1.edgetl", store).digest
    monkeypatch.setenv(settings.VARIABLE, str(strict))
    with pytest.raises(SignatureError):
        Bundle.open(stores.place_of(store, digest))
    (room / "1.edgetl" / SIGNATURES).write_text(text)
    assert install(room / "1.edgetl", store).was_there
    assert Bundle.open(stores.place_of(store, digest)).signed.by == ("alice",)


def test_what_is_signed_is_what_is_copied(room: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The source's manifest is changed as its signatures have been checked."""
    other = (room / "2.edgetl" / "manifest.json").read_bytes()
    before = installing.check_signatures

    def change(*arguments: object) -> object:
        answer = before(*arguments)  # type: ignore[arg-type]
        (room / "1.edgetl" / "manifest.json").write_bytes(other)
        return answer

    monkeypatch.setattr(installing, "check_signatures", change)
    digest = install(room / "1.edgetl", room / "store").digest
    assert Bundle.open(stores.place_of(room / "store", digest)).manifest.created == day(1)


def test_another_kind_of_device_is_refused(room: Path) -> None:
    folder = room / "1.edgetl"
    value = json.loads((folder / "manifest.json").read_text())
    from edgetl.sealing import sealed

    (folder / "manifest.json").write_text(sealed({**value, "compatible": ["door", "lift"]}))
    signed.sign(folder, "alice")
    with pytest.raises(BundleError, match="is for door and lift, and this one is gate"):
        install(folder, room / "store")


@pytest.mark.parametrize("what", ["file", "folder with photos"])
def test_what_is_no_store_is_not_made_one(room: Path, what: str) -> None:
    place = room / "place"
    if what == "file":
        place.write_text("x")
    else:
        place.mkdir()
        (place / "photo.jpg").write_text("x")
    with pytest.raises(UsageError, match="is not empty and no store of versions: choose another --into"):
        install(room / "1.edgetl", place)


def test_two_updates_at_once_are_refused(room: Path) -> None:
    install(room / "1.edgetl", room / "store")
    with stores.updating(room / "store"), pytest.raises(BusyError):
        install(room / "2.edgetl", room / "store")


def test_strange_entries_among_the_versions_are_left_alone(room: Path) -> None:
    store = room / "store"
    one = install(room / "1.edgetl", store).digest
    used(store, one)
    strange = store / "versions" / "lost+found"
    strange.mkdir()
    (store / "versions" / "notes.txt").write_text("mine")
    install(room / "2.edgetl", store)
    stores.gc(store)
    assert strange.is_dir()
    assert (store / "versions" / "notes.txt").read_text() == "mine"
    assert [version.digest for version in stores.status(store).versions] == [one]


@pytest.mark.parametrize("digest", ["../../x", "x", "", "A" * 64, "a" * 63])
def test_a_state_that_names_no_version_is_damaged(room: Path, digest: str) -> None:
    from edgetl.sealing import sealed

    store = room / "store"
    one = install(room / "1.edgetl", store).digest
    (store / "state.json").write_text(sealed({"schema": 1, "active": digest}))
    with pytest.raises(BundleError, match=r"state\.json is damaged .*is no version"):
        states.read(store)
    # Made anew from what is there, and on trial: nobody knows whether that one was ever used.
    assert stores.recovered(store) == State(one, starts=0, high_water=day(1))
