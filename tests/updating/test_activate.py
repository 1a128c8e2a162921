"""From a version that arrives to one that is used, and back when it fails."""

import dataclasses
import json
import os
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner
from support import encoded, scene
from versions import export

import edgetl
from edgetl import processes
from edgetl.bundle import MANIFEST, Bundle, entry_of
from edgetl.cli import main
from edgetl.errors import (
    BundleError,
    BusyError,
    GateError,
    ImageError,
    ModelError,
    SignatureError,
    UsageError,
)
from edgetl.updating import activate as activation
from edgetl.updating import state as states
from edgetl.updating import store as stores
from edgetl.updating.state import MOST_STARTS

PICTURE = encoded(scene())


@pytest.fixture
def room(tmp_path: Path) -> Path:
    """Where bundles are exported to."""
    return tmp_path / "exported"


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return tmp_path / "store"


def bring(source: Path, store: Path) -> str:
    """Install a bundle and use it."""
    digest = edgetl.install(source, store).digest
    assert edgetl.activate(store).digest == digest
    return digest


def answer(store: Path) -> str:
    """What the next start of a program says of a picture."""
    with edgetl.load(store) as model:
        return model.classify(PICTURE).label


def crash(store: Path) -> str:
    """Start a program that dies as it is asked for the first time; the version it was given."""
    told, tell = os.pipe()
    process = os.fork()
    if process == 0:
        try:
            model = edgetl.load(store)
            os.write(tell, model.bundle.digest.encode())
            model._current.loaded.engine.run = lambda images: os._exit(1)  # type: ignore[method-assign]
            model.classify(PICTURE)
        finally:
            os._exit(2)
    os.close(tell)
    with os.fdopen(told) as words:
        digest = words.read()
    os.waitpid(process, 0)
    return digest


def broken(folder: Path) -> Path:
    """A rightly hashed version whose model no longer answers as recorded."""
    opened = Bundle.open(folder)
    variant = opened.manifest.variants[0]
    place = folder / variant.files[0].path
    model = json.loads(place.read_text())
    model["probabilities"] = model["probabilities"][::-1]
    place.write_text(json.dumps(model))
    changed = dataclasses.replace(variant, files=(entry_of(folder, place),))
    manifest = dataclasses.replace(opened.manifest, variants=(changed,))
    (folder / MANIFEST).write_text(manifest.to_json())
    return folder


def test_a_version_is_installed_then_tried_then_used(store: Path, room: Path) -> None:
    digest = edgetl.install(export(room, 0), store).digest
    assert edgetl.status(store).state.active is None
    with pytest.raises(UsageError, match="has no active version: edgetl activate"):
        edgetl.load(store)
    done = edgetl.activate(store)
    assert done.trial is not None
    assert done.trial.passed
    assert done.digest == edgetl.status(store).state.active == digest
    assert answer(store) == "ant"


def test_the_next_version_takes_over_and_the_one_before_is_kept(store: Path, room: Path) -> None:
    first, second = bring(export(room, 0), store), bring(export(room, 1), store)
    assert answer(store) == "bee"
    assert edgetl.status(store).state.previous == first
    assert edgetl.rollback(store) == first
    assert answer(store) == "ant"
    assert [one.digest for one in edgetl.status(store).state.refused] == [second]


def test_a_store_never_holds_more_than_two_versions(store: Path, room: Path) -> None:
    for number in range(4):
        bring(export(room, number), store)
        assert len(stores.digests(store)) == min(2, number + 1)
    edgetl.install(export(room, 4), store)
    assert len(stores.digests(store)) == 2


def test_a_version_that_answers_otherwise_is_not_used(store: Path, room: Path) -> None:
    first = bring(export(room, 0), store)
    second = edgetl.install(broken(export(room, 3)), store).digest
    with pytest.raises(GateError, match=f"{second[:12]} is not used: fake-float32 .*a probability moved by"):
        edgetl.activate(store)
    state = edgetl.status(store).state
    assert state.active == first
    assert [one.digest for one in state.refused] == [second]
    assert answer(store) == "ant"


def test_a_version_that_failed_is_used_again_only_if_it_is_named(store: Path, room: Path) -> None:
    first, second = bring(export(room, 0), store), bring(export(room, 1), store)
    edgetl.rollback(store)
    assert edgetl.activate(store).digest == first
    assert edgetl.activate(store, second[:8]).digest == second


def test_a_slow_version_is_not_used(store: Path, room: Path) -> None:
    edgetl.install(export(room, 0), store)
    with pytest.raises(GateError, match=r"takes .* ms a picture, and 1e-05 ms are allowed"):
        edgetl.activate(store, budget_s=1e-8)
    assert edgetl.activate(store, stores.versions(store)[0].digest, budget_s=10.0).digest


def test_a_version_that_never_answers_is_given_up_after_three_starts(store: Path, room: Path) -> None:
    first, second = bring(export(room, 0), store), bring(export(room, 1), store)
    assert [crash(store) for _ in range(MOST_STARTS)] == [second] * MOST_STARTS
    assert crash(store) == first
    state = edgetl.status(store).state
    assert state.active == first
    assert [(one.digest, one.reason) for one in state.refused] == [(second, "gave no answer in 3 starts")]


def test_the_first_answer_makes_a_version_good(store: Path, room: Path) -> None:
    bring(export(room, 0), store)
    second = bring(export(room, 1), store)
    crash(store)
    assert edgetl.status(store).state.failed_starts == 1
    assert answer(store) == "bee"
    assert edgetl.status(store).state.starts is None
    assert [crash(store) for _ in range(2 * MOST_STARTS)] == [second] * 2 * MOST_STARTS


def test_who_was_never_asked_or_told_to_stop_proves_nothing_against_a_version(
    store: Path, room: Path
) -> None:
    bring(export(room, 0), store)
    second = bring(export(room, 1), store)
    for _ in range(2 * MOST_STARTS):
        with edgetl.load(store) as model:  # no camera, no photo
            assert model.bundle.digest == second
        with edgetl.load(store) as model, pytest.raises(ImageError):
            model.classify(b"no picture")
    models = [edgetl.load(store) for _ in range(2 * MOST_STARTS)]  # at once, as workers are started
    assert {model.bundle.digest for model in models} == {second}
    assert edgetl.status(store).state.failed_starts == 0
    assert {model.classify(PICTURE).version for model in models} == {second}
    assert edgetl.status(store).state.starts is None


def test_a_version_whose_engine_fails_at_the_first_picture_is_given_up(
    store: Path, room: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = bring(export(room, 0), store), bring(export(room, 1), store)

    def fails(*_: object) -> None:
        raise ModelError("it does not run")

    for number in range(MOST_STARTS):
        with edgetl.load(store) as model:
            assert model.bundle.digest == second
            monkeypatch.setattr(model.engine, "run", fails)
            for _ in range(5):  # one start is one failure
                with pytest.raises(ModelError):
                    model.classify(PICTURE)
        assert edgetl.status(store).state.failed_starts == number + 1
    assert answer(store) == "ant"
    assert edgetl.status(store).state.active == first


def test_going_back_to_a_version_that_never_answered_puts_that_one_on_trial(store: Path, room: Path) -> None:
    bring(export(room, 0), store)
    assert answer(store) == "ant"
    second = bring(export(room, 1), store)
    third = bring(export(room, 2), store)
    assert [crash(store) for _ in range(MOST_STARTS)] == [third] * MOST_STARTS
    assert answer(store) == "bee"
    assert edgetl.status(store).state.active == second


def test_what_one_program_asks_for_costs_the_others_no_version(store: Path, room: Path) -> None:
    bring(export(room, 0), store)
    assert answer(store) == "ant"
    second = bring(export(room, 1), store)
    assert answer(store) == "bee"
    before = (store / states.FILE).read_bytes()
    with pytest.raises(SignatureError):
        edgetl.load(store, require_signature=True)
    with pytest.raises(UsageError):
        edgetl.load(store, "tflite-int8")
    assert (store / states.FILE).read_bytes() == before
    assert edgetl.status(store).state.active == second


def test_the_active_version_is_tried_again_until_it_has_answered(store: Path, room: Path) -> None:
    digest = bring(export(room, 0), store)
    assert edgetl.activate(store).trial is not None
    assert answer(store) == "ant"
    assert edgetl.activate(store).trial is None
    with pytest.raises(
        GateError, match=r"is in use and stays, but fake-float32 takes .* 1e-05 ms are allowed"
    ):
        edgetl.activate(store, budget_s=1e-8)
    assert edgetl.status(store).state.active == digest


def test_install_and_activate_in_one_take_no_version_again_that_was_given_up(store: Path, room: Path) -> None:
    bring(export(room, 0), store)
    source = export(room, 1)
    second = bring(source, store)
    edgetl.rollback(store)
    words = ["install", str(source), "--into", str(store), "--activate"]
    done = CliRunner().invoke(main, words)
    assert done.exit_code == 3
    assert f"given up here: rolled back by hand; edgetl activate {store} {second[:12]} tries" in done.output
    assert edgetl.activate(store, second).digest == second


def test_the_only_version_is_never_given_up(store: Path, room: Path) -> None:
    digest = bring(export(room, 0), store)
    assert [crash(store) for _ in range(2 * MOST_STARTS)] == [digest] * 2 * MOST_STARTS


def test_a_version_that_breaks_on_the_disk_gives_way_to_the_one_before(store: Path, room: Path) -> None:
    bring(export(room, 0), store)
    second = bring(export(room, 1), store)
    assert answer(store) == "bee"
    (stores.place_of(store, second) / "fake-float32" / "model.fake").write_bytes(b"{}")
    with edgetl.load(store) as model:
        assert model.passed_over is not None
        assert model.passed_over[0] == second
        assert "the manifest says" in str(model.passed_over[1])
    assert answer(store) == "ant"
    (given_up,) = edgetl.status(store).state.refused
    assert given_up.digest == second
    assert "the manifest says" in given_up.reason


def test_a_broken_version_can_be_installed_anew(store: Path, room: Path) -> None:
    source = export(room, 0)
    digest = bring(source, store)
    (stores.place_of(store, digest) / "labels.txt").write_text("other")
    assert not edgetl.install(source, store).was_there
    assert edgetl.activate(store, digest).digest == digest
    assert edgetl.install(source, store).was_there


def test_a_damaged_state_uses_the_older_version_and_activate_tries_the_newest(
    store: Path, room: Path
) -> None:
    first = bring(export(room, 0), store)
    second = edgetl.install(broken(export(room, 3)), store).digest
    place = store / states.FILE
    place.write_bytes(place.read_bytes().replace(b"2026", b"2027"))
    assert answer(store) == "ant"
    assert edgetl.status(store).state.active == first
    with pytest.raises(GateError, match="a probability moved"):
        edgetl.activate(store)
    assert edgetl.status(store).state.refusal(second) is not None
    assert answer(store) == "ant"


def test_a_damaged_active_version_that_comes_anew_does_not_cost_the_one_before(
    store: Path, room: Path
) -> None:
    first, source = bring(export(room, 0), store), export(room, 1)
    second = bring(source, store)
    (stores.place_of(store, second) / "fake-float32" / "model.fake").write_bytes(b"{}")
    assert not edgetl.install(source, store).was_there
    assert set(stores.digests(store)) == {first, second}
    assert edgetl.status(store).state.previous == first


def test_a_wrong_clock_does_not_stop_updates_for_ever(store: Path, room: Path) -> None:
    bring(export(room, 5), store)
    older = edgetl.install(export(room, 0), store, allow_older=True).digest
    edgetl.activate(store, older, allow_older=True)
    assert bring(export(room, 1), store) == edgetl.status(store).state.active


def test_versions_only_go_forward(store: Path, room: Path) -> None:
    old, new = export(room, 0), export(room, 1)
    bring(new, store)
    with pytest.raises(BundleError, match="versions only go forward unless you add --allow-older"):
        edgetl.install(old, store)
    digest = edgetl.install(old, store, allow_older=True).digest
    with pytest.raises(BundleError, match="versions only go forward"):
        edgetl.activate(store, digest)
    assert edgetl.activate(store, digest, allow_older=True).digest == digest
    assert answer(store) == "ant"


def test_a_rollback_does_not_let_older_ones_in(store: Path, room: Path) -> None:
    for number in (1, 3):
        bring(export(room, number), store)
    edgetl.rollback(store)
    with pytest.raises(BundleError, match="versions only go forward"):
        edgetl.install(export(room, 2), store)


def test_two_updaters_at_once_are_one_too_many(store: Path, room: Path) -> None:
    bring(export(room, 0), store)
    source = export(room, 1)
    with stores.updating(store), pytest.raises(BusyError, match="another edgetl is at work"):
        edgetl.install(source, store)
    with stores.updating(store), pytest.raises(BusyError):
        edgetl.activate(store)
    with stores.updating(store):
        assert answer(store) == "ant"  # whoever runs the model is not held up


def test_a_store_that_cannot_be_written_still_answers(
    store: Path, room: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = bring(export(room, 0), store), bring(export(room, 1), store)

    def refused(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("edgetl.disk.create", refused)
    monkeypatch.setattr("edgetl.disk.open_lock", refused)
    assert answer(store) == "bee"
    (stores.place_of(store, second) / "fake-float32" / "model.fake").write_bytes(b"{}")
    assert answer(store) == "ant"
    (stores.place_of(store, first) / "fake-float32" / "model.fake").write_bytes(b"{}")
    with pytest.raises(BundleError):
        edgetl.load(store)


def test_every_command_takes_a_store_for_its_active_version(store: Path, room: Path) -> None:
    digest = bring(export(room, 1), store)
    assert Bundle.open(store).digest == digest
    assert edgetl.verify(store).passed


def test_what_is_no_store_says_so(tmp_path: Path, room: Path) -> None:
    with pytest.raises(UsageError, match="is no store of versions: make one with edgetl install"):
        edgetl.status(tmp_path / "nowhere")
    with pytest.raises(UsageError, match="is not empty and no store of versions"):
        edgetl.install(export(room, 0), Path(__file__).parent)


def test_threads_that_start_at_once_lose_none(store: Path, room: Path) -> None:
    import threading

    bring(export(room, 0), store)
    begun = [threading.Thread(target=activation.begin, args=(store,)) for _ in range(8)]
    for thread in begun:
        thread.start()
    for thread in begun:
        thread.join()
    assert states.read(store).starting == (processes.mark(),) * 8


def test_a_first_install_that_ended_early_can_be_repeated_though_a_program_has_looked(
    store: Path, room: Path
) -> None:
    for name in (states.UPDATE_LOCK, states._LOCK, "lost+found"):
        store.mkdir(exist_ok=True)
        (store / name).touch()
    with pytest.raises(UsageError, match="has no active version"):
        edgetl.load(store)
    assert bring(export(room, 0), store)


def test_a_store_that_is_removed_meanwhile_is_not_made_again(store: Path, room: Path) -> None:
    bring(export(room, 0), store)
    with edgetl.load(store) as model:
        shutil.rmtree(store)
        assert model.classify(PICTURE).label == "ant"
    assert not store.exists()


def test_a_bundle_with_a_store_put_into_it_is_that_bundle(store: Path, room: Path) -> None:
    bring(export(room, 0), store)
    place = export(room, 1)
    for name in (states.FILE, states.VERSIONS):
        (store / name).rename(place / name)
    assert answer(place) == "bee"
    assert Bundle.open(place).path == place
