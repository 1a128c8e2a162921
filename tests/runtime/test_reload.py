"""A program goes over to another version while it runs, and every answer is wholly of one."""

import gc
import threading
import time
import warnings
import weakref
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from deep import cases
from support import encoded, scene
from versions import export

import edgetl
from edgetl.bundle import Bundle
from edgetl.errors import BundleError, EdgetlError, ModelError, UsageError
from edgetl.runtime.classifier import Classifier
from edgetl.runtime.result import Result
from edgetl.updating import state as states
from edgetl.updating import store as stores

PICTURE = encoded(scene(48, 48))
THREADS = 8


@pytest.fixture
def room(tmp_path: Path) -> Path:
    """Where bundles are exported to."""
    return tmp_path / "exported"


@pytest.fixture
def two(tmp_path: Path, room: Path) -> tuple[Path, dict[str, Result]]:
    """A store with two versions of different labels, and what each says of the picture."""
    store, said = tmp_path / "store", {}
    for number, labels in enumerate((("ant", "bee", "cat"), ("oak", "ash"))):
        digest = edgetl.install(export(room, number, labels), store).digest
        edgetl.activate(store)
        with edgetl.load(store) as model:
            said[digest] = model.classify(PICTURE)
    return store, said


def use(store: Path, digest: str) -> None:
    """Let the other version be active, without a self-test each time."""
    states.change(store, lambda state: state.with_active(digest, "2026-11-01T12:00:00+00:00"))


def other(store: Path) -> str:
    """The version that is not active."""
    active = states.read(store).active
    return next(digest for digest in stores.digests(store) if digest != active)


def is_whole(result: Result, said: dict[str, Result]) -> bool:
    """Whether all of a result is what one version says."""
    expected = said[result.version]
    return (
        result.labels == expected.labels
        and np.array_equal(result.probabilities, expected.probabilities)
        and (result.label, result.score, result.unknown) == (expected.label, expected.score, expected.unknown)
    )


def test_reload_goes_over_to_the_active_version(two: tuple[Path, dict[str, Result]]) -> None:
    store, said = two
    with edgetl.load(store) as model:
        assert not model.reload()
        digest = other(store)
        use(store, digest)
        assert model.classify(PICTURE).version != digest
        assert model.reload()
        result = model.classify(PICTURE)
        assert result.version == model.bundle.digest == digest
        assert result.labels == model.labels == said[digest].labels


def test_a_bundle_that_is_replaced_is_reloaded_too(tmp_path: Path, room: Path) -> None:
    place = export(room, 0)
    with edgetl.load(place) as model:
        assert not model.reload()
        place.rename(tmp_path / "aside")
        export(room, 1).rename(place)
        assert model.reload()
        assert model.classify(PICTURE).label == "bee"


def test_a_version_that_cannot_be_loaded_changes_nothing(two: tuple[Path, dict[str, Result]]) -> None:
    store, said = two
    with edgetl.load(store) as model:
        before, digest = model.bundle.digest, other(store)
        model_file = stores.place_of(store, digest) / "fake-float32" / "model.fake"
        model_file.write_bytes(b"{}")
        use(store, digest)
        with pytest.raises(BundleError, match="the manifest says"):
            model.reload()
        assert not model.reload()  # and is not tried again
        assert model.bundle.digest == before == states.read(store).active
        assert is_whole(model.classify(PICTURE), said)


def test_what_has_begun_ends_with_the_version_it_began_with(
    two: tuple[Path, dict[str, Result]], monkeypatch: pytest.MonkeyPatch
) -> None:
    store, said = two
    begun, go_on = threading.Event(), threading.Event()
    with edgetl.load(store) as model:
        old = model._current.loaded
        run = old.engine.run

        def held(images: np.ndarray) -> object:
            begun.set()
            assert go_on.wait(10)
            return run(images)

        monkeypatch.setattr(old.engine, "run", held)
        results: list[Result] = []
        thread = threading.Thread(target=lambda: results.append(model.classify(PICTURE)))
        thread.start()
        assert begun.wait(10)
        use(store, other(store))
        assert model.reload()
        assert model.classify(PICTURE).version != old.bundle.digest
        go_on.set()
        thread.join()
        assert results[0].version == old.bundle.digest
        assert is_whole(results[0], said)
        with pytest.raises(EdgetlError, match="closed"):  # and its engine is free
            old.engine.run(np.zeros((1, 32, 32, 3), np.uint8))


def test_swaps_under_eight_threads_lose_and_mix_nothing(two: tuple[Path, dict[str, Result]]) -> None:
    """The table's row: swaps while threads classify one picture after the other, alone and in batches."""
    store, said = two
    swaps = cases(200, 5000)
    wrong: list[object] = []
    counts = [0] * THREADS
    ended = threading.Event()

    def ask(number: int, model: Classifier) -> None:
        try:
            while not ended.is_set():
                if number % 2:
                    results = [model.classify(PICTURE)]
                else:
                    results = list(model.classify_many([PICTURE] * 5, workers=2))
                    assert len(results) == 5
                counts[number] += len(results)
                wrong.extend(result for result in results if not is_whole(result, said))
        except Exception as error:  # noqa: BLE001 - any is one too many
            wrong.append(error)

    with edgetl.load(store) as model:
        threads = [threading.Thread(target=ask, args=(number, model)) for number in range(THREADS)]
        for thread in threads:
            thread.start()
        for _ in range(swaps):
            use(store, other(store))
            assert model.reload()
        ended.set()
        for thread in threads:
            thread.join()
    print(swaps, "swaps,", sum(counts), "answers")  # noqa: T201 - the figures, with -s
    assert wrong == []
    assert min(counts) > 0


def wait_for(happened: Callable[[], bool]) -> None:
    """Until it has, at most ten seconds."""
    deadline = time.monotonic() + 10
    while not happened():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_follower_goes_over_by_itself(two: tuple[Path, dict[str, Result]]) -> None:
    store, _ = two
    seen: list[str] = []
    with edgetl.load(store) as model:
        model.follow(0.01, on_change=lambda changed: seen.append(changed.bundle.digest))
        digest = other(store)
        use(store, digest)
        wait_for(lambda: bool(seen))
        assert seen == [digest]
        assert model.classify(PICTURE).version == digest


def test_a_follower_outlives_what_it_tells_others(
    two: tuple[Path, dict[str, Result]], monkeypatch: pytest.MonkeyPatch
) -> None:
    store, _ = two
    raised: list[object] = []
    monkeypatch.setattr(threading, "excepthook", lambda told: raised.append(told.exc_value))

    def breaks(_: Classifier) -> None:
        raise ValueError("a fault of the program")

    with edgetl.load(store) as model:
        model.follow(0.01, on_change=breaks)
        for times in (1, 2):
            use(store, other(store))
            wait_for(lambda times=times: len(raised) == times)  # type: ignore[misc]


def test_a_version_that_cannot_be_loaded_is_told_once_where_the_store_cannot_be_written(
    two: tuple[Path, dict[str, Result]], monkeypatch: pytest.MonkeyPatch
) -> None:
    store, said = two
    with edgetl.load(store) as model:
        digest = other(store)
        (stores.place_of(store, digest) / "fake-float32" / "model.fake").write_bytes(b"{}")
        use(store, digest)

        def refused(*_: object) -> None:
            raise PermissionError(13, "Permission denied")

        monkeypatch.setattr("edgetl.disk.create", refused)
        monkeypatch.setattr("edgetl.disk.open_lock", refused)
        told: list[EdgetlError] = []
        model.follow(0.01, on_error=told.append)
        wait_for(lambda: bool(told))
        time.sleep(0.2)
        assert len(told) == 1
        assert is_whole(model.classify(PICTURE), said)


@pytest.mark.parametrize("every_s", [0, -1, float("nan"), 1e12])
def test_a_time_that_nobody_can_wait_is_refused(two: tuple[Path, dict[str, Result]], every_s: float) -> None:
    with edgetl.load(two[0]) as model, pytest.raises(UsageError, match="give seconds above 0"):
        model.follow(every_s)
    with pytest.raises(ModelError, match="closed"):
        model.follow()


def test_pictures_side_by_side_are_answered_though_two_updates_have_removed_the_version(
    two: tuple[Path, dict[str, Result]], room: Path
) -> None:
    store, _ = two
    with edgetl.load(store) as model:
        label = model.classify(PICTURE).label
        for number in (2, 3):
            edgetl.install(export(room, number), store)
            edgetl.activate(store)
        assert not model.bundle.path.exists()
        assert {result.label for result in model.classify_many([PICTURE] * 8, workers=4)} == {label}


def test_a_follower_ends_with_its_model(two: tuple[Path, dict[str, Result]]) -> None:
    def followers() -> int:
        return sum(thread.name == "edgetl-follow" for thread in threading.enumerate())

    model = edgetl.load(two[0])
    model.follow(0.01)
    assert followers() == 1
    model.close()
    assert followers() == 0
    forgotten = edgetl.load(two[0])
    forgotten.follow(0.01)
    gone = weakref.ref(forgotten)
    del forgotten
    gc.collect()
    wait_for(lambda: gone() is None and followers() == 0)


def test_a_version_that_cannot_be_read_is_warned_of_once(two: tuple[Path, dict[str, Result]]) -> None:
    store, _ = two
    with edgetl.load(store) as model:
        (store / states.FILE).write_bytes(b"{}")
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            model.follow(0.01)
            wait_for(lambda: bool(told))
            time.sleep(0.1)
        assert ["the model stays as it is" in str(one.message) for one in told] == [True]
        assert (
            Bundle.open(stores.place_of(store, model.bundle.digest)).digest == model.classify(PICTURE).version
        )
