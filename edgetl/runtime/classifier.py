"""From a picture to a label, as the bundle's contract says."""

import os
import threading
from collections.abc import Callable, Generator, Iterable, Mapping
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from edgetl import images
from edgetl.bundle import Bundle
from edgetl.contract import Contract
from edgetl.errors import EdgetlError, ImageError, ModelError, UsageError
from edgetl.manifest import Variant
from edgetl.runtime import engines
from edgetl.runtime.base import AbstractEngine
from edgetl.runtime.following import Follower
from edgetl.runtime.loaded import Current, Loaded
from edgetl.runtime.many import in_order
from edgetl.runtime.opening import Opening
from edgetl.runtime.result import Result

if TYPE_CHECKING:
    from edgetl.runtime.sources import Source
    from edgetl.runtime.stream import Seen
    from edgetl.runtime.teaching import Learned
    from edgetl.runtime.watcher import Watcher


class Classifier:
    """A variant of a bundle, loaded and ready. Use it in a ``with`` block, or call :meth:`close`.

    Safe to call from several threads. LiteRT and OpenVINO then take turns, ONNX Runtime runs side by side;
    :meth:`classify_many` keeps all cores busy with any of them.
    """

    def __init__(self, loaded: Loaded, opening: Opening | None = None) -> None:
        """Answer with a version.

        Args:
            loaded: the version.
            opening: how :meth:`reload` finds a newer one; None finds none.
        """
        self._current = Current(loaded)
        self._opening = opening
        self._workers = 0
        self._follower: Follower | None = None

    @property
    def bundle(self) -> Bundle:
        """The bundle that answers now."""
        return self._current.loaded.bundle

    @property
    def passed_over(self) -> tuple[str, EdgetlError] | None:
        """The active version of the store, by its digest, that could not be loaded, and why; None where it
        is the one that answers. Then the one before answers."""
        return self._current.loaded.instead

    @property
    def variant(self) -> Variant:
        """The variant of it that is loaded."""
        return self._current.loaded.variant

    @property
    def engine(self) -> AbstractEngine:
        """The engine in which it is."""
        return self._current.loaded.engine

    @property
    def contract(self) -> Contract:
        """What it expects of a picture."""
        return self._current.loaded.contract

    @property
    def labels(self) -> tuple[str, ...]:
        """The bundle's classes, then those that were taught on this device."""
        return self._current.loaded.labels

    def classify(self, picture: images.Source, *, allow_truncated: bool = False) -> Result:
        """Classify one picture.

        Args:
            picture: a path, the bytes of a file, an open binary file, a Pillow image, or a uint8 array
                (h, w, 3) in RGB order, of any size.
            allow_truncated: whether a JPEG whose end is missing is classified all the same, with grey in its
                place; the result is then marked, see :attr:`Result.truncated`.

        Raises:
            ImageError: it is no picture.
            ModelError: the engine fails, or the classifier is closed.
        """
        return self._classify(picture, allow_truncated, side_by_side=False)

    def classify_many(
        self,
        pictures: Iterable[images.Source],
        *,
        workers: int | None = None,
        allow_truncated: bool = False,
        on_error: Callable[[ImageError], object] | None = None,
    ) -> Generator[Result, None, None]:
        """Classify pictures on all cores, and yield the results in the order of the pictures.

        Each worker decodes, runs and reads one picture at a time, with an engine of one thread, of which as
        many are started as are busy at the same time; at most two pictures a worker are taken from
        ``pictures`` ahead of the result that is waited for.

        Args:
            pictures: each as :meth:`classify` takes it; may be slow, and may be endless.
            workers: how many at a time; None takes one a core.
            allow_truncated: as for :meth:`classify`.
            on_error: told of each picture that is none, which then has no result. None raises instead.

        Raises:
            UsageError: fewer than one worker, or one picture instead of several.
            ImageError: something is no picture, and there is no ``on_error``.
            ModelError: the engine fails, or the classifier is closed.
        """
        answers = self.attempt_many(pictures, workers=workers, allow_truncated=allow_truncated)
        return _results(answers, on_error)

    def attempt_many(
        self,
        pictures: Iterable[images.Source],
        *,
        workers: int | None = None,
        allow_truncated: bool = False,
    ) -> Generator[Result | ImageError, None, None]:
        """:meth:`classify_many` with one answer for each picture: the error where it is none."""
        count = engines.available_cores() if workers is None else workers
        if count < 1:
            raise UsageError(f"{count} workers cannot classify anything: ask for 1 or more")
        if isinstance(pictures, (str, bytes, os.PathLike)):
            raise UsageError("several pictures are expected here, and this is one: give a list of them")
        if count > 1:
            self._workers = max(count, self._workers)
            self._current.loaded.engines.allow(count)

        def attempt(picture: images.Source) -> Result | ImageError:
            try:
                return self._classify(picture, allow_truncated, side_by_side=count > 1)
            except ImageError as error:
                return error

        return in_order(pictures, attempt, count)

    def stream(
        self,
        source: "Source",
        *,
        every: bool | None = None,
        smooth: int = 1,
        allow_truncated: bool = False,
        on_error: Callable[[ImageError], object] | None = None,
        **options: Any,
    ) -> "Generator[Seen, None, None]":
        """Classify what a source shows, until it ends or the iterator is closed.

        Args:
            source: a picture, folder, glob, video, camera or URL, as ``sources.open_source`` takes them.
            every: True keeps every frame, False the newest alone; None drops frames of what is live rather
                than lag behind it.
            smooth: frames over which the probabilities are averaged, 1 or more.
            allow_truncated: as for :meth:`classify`.
            on_error: told of each frame that is no picture; cameras give damaged ones now and then. None
                raises instead.
            options: further ones of ``sources.open_source``.

        Raises:
            UsageError: the source is none, or ``smooth`` is less than 1.
            ImageError: a frame is no picture, and there is no ``on_error``.
            CameraError: it is missing, or busy.
        """
        from edgetl.runtime.sources import open_source
        from edgetl.runtime.stream import stream

        frames = open_source(source, every=every, **options)
        return stream(self, frames, smooth=smooth, allow_truncated=allow_truncated, on_error=on_error)

    def watch(
        self,
        source: "Source",
        *,
        every: bool | None = None,
        smooth: int = 1,
        allow_truncated: bool = False,
        on_result: "Callable[[Seen], object] | None" = None,
        on_change: "Callable[[Seen], object] | None" = None,
        on_label: "Mapping[str, Callable[[Seen], object]] | None" = None,
        on_error: Callable[[ImageError], object] | None = None,
        **options: Any,
    ) -> "Watcher":
        """:meth:`stream` in a thread of its own that calls back, for programs with a loop of their own.

        Args:
            source: as for :meth:`stream`, like ``every``, ``smooth``, ``allow_truncated`` and ``options``.
            on_result: called with every frame's answer.
            on_change: called when the label changes, also to and from unknown.
            on_label: called when the label changes to one of these.
            on_error: called with each frame that is no picture; None ends the watching at the first.

        Raises:
            UsageError: the source is none, ``smooth`` is less than 1, or there is no such label.
            CameraError: it is missing, or busy.
        """
        from edgetl.runtime.sources import open_source
        from edgetl.runtime.stream import stream
        from edgetl.runtime.watcher import Watcher

        if missing := set(on_label or ()) - set(self.labels):
            raise UsageError(
                f"the model has no label {', '.join(sorted(missing))}: choose from {', '.join(self.labels)}"
            )
        opened = open_source(source, every=every, **options)
        seen = stream(self, opened, smooth=smooth, allow_truncated=allow_truncated, on_error=on_error)
        return Watcher(seen, opened, on_result=on_result, on_change=on_change, on_label=on_label)

    def teach(self, label: str, pictures: Iterable[images.Source]) -> "Learned":
        """Learn a class from pictures, on this device; see ``docs/teaching.md``.

        What is learned is kept in a small file beside the bundle, and used by every later ``edgetl.load``.

        Args:
            label: a new class, or one taught before, which then gets these pictures too.
            pictures: each as :meth:`classify` takes it.

        Returns:
            All that was taught, and what it costs the bundle's own classes.

        Raises:
            UsageError: the bundle was exported without ``--embedding``, the label is one of its own, or there
                are no pictures.
            ImageError: something is no picture; nothing is learned then.
        """
        from edgetl.runtime import teaching

        loaded = self._current.loaded
        teaching.check(loaded.bundle, label)
        seen = [result.embedding for result in self.classify_many(pictures)]
        if self._current.loaded is not loaded:
            raise ModelError("the model went over to another version meanwhile: teach it again")
        rows = [row for row in seen if row is not None]
        if not rows:
            raise UsageError(f"there are no pictures to learn {label!r} from: give at least one")
        learned = teaching.teach(loaded.bundle, label, np.stack(rows), variant=loaded.variant.name)
        loaded.learned = learned
        return learned

    def forget(self, label: str) -> None:
        """Forget a class that was taught on this device.

        Raises:
            UsageError: it was not.
        """
        from edgetl.runtime import teaching

        loaded = self._current.loaded
        loaded.learned = teaching.forget(loaded.bundle, label)

    def reload(self) -> bool:
        """Go over to the version that is active now; whether it is another.

        A store's version is the active one, a bundle's the one that stands in its place. What is under way
        ends with the version it began with; every result is wholly of one, :attr:`Result.version`.

        Raises:
            EdgetlError: it cannot be loaded; the model goes on with the version it has.
        """
        now = self._current.loaded
        if self._opening is None or not self._opening.is_newer(now):
            return False
        loaded = self._opening.open()
        if loaded.bundle.digest == now.bundle.digest:
            loaded.close()
            now.instead = loaded.instead  # not tried again at each look
            if loaded.instead is not None:
                raise loaded.instead[1]
            return False
        loaded.engines.allow(self._workers)
        self._current.go_over_to(loaded)
        return True

    def follow(
        self,
        every_s: float = 1.0,
        *,
        on_change: "Callable[[Classifier], object] | None" = None,
        on_error: Callable[[EdgetlError], object] | None = None,
    ) -> None:
        """:meth:`reload` from now on by itself, in a thread, until the model is closed.

        Args:
            every_s: seconds between two looks.
            on_change: called in that thread after each change.
            on_error: called in that thread when a version cannot be loaded, once for each reason. None warns
                (``RuntimeWarning``).

        Raises:
            UsageError: ``every_s`` is no time to wait.
            ModelError: the model is closed.
        """
        if not 0 < every_s <= threading.TIMEOUT_MAX:
            raise UsageError(f"every_s is {every_s}: give seconds above 0")
        with self._current.borrowed():
            pass
        if self._follower is None:
            self._follower = Follower(self, every_s, on_change, on_error)

    def _classify(self, picture: images.Source, allow_truncated: bool, *, side_by_side: bool) -> Result:
        with self._current.borrowed() as loaded:
            return loaded.classify(picture, side_by_side=side_by_side, allow_truncated=allow_truncated)

    def close(self) -> None:
        """Free the engine; classifying afterwards raises :class:`ModelError`."""
        if self._follower is not None:
            self._follower.stop()
        self._current.close()

    def __enter__(self) -> "Classifier":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _results(
    answers: Generator[Result | ImageError, None, None], on_error: Callable[[ImageError], object] | None
) -> Generator[Result, None, None]:
    with closing(answers):
        for answer in answers:
            if isinstance(answer, Result):
                yield answer
            elif on_error is None:
                raise answer
            else:
                on_error(answer)


def load(
    bundle: str | Path,
    variant: str | None = None,
    engine: str | None = None,
    num_threads: int | None = None,
    *,
    require_signature: bool | None = None,
) -> Classifier:
    """Open a bundle for classification.

    Args:
        bundle: the folder ``edgetl export`` wrote, or a store of ``edgetl install``. Of a store the active
            version is taken, or, if that cannot be loaded or gave no answer in three starts, the one before.
        variant: its name, ``tflite-int8``; None takes the bundle's pick, or the next best variant that an
            installed engine runs on this machine.
        engine: its name; None takes the first installed one that runs the variant here.
        num_threads: for one inference; None takes what is fastest here, which is tried the first time, like
            whether the engine survives the model, and then remembered (see ``runtime.threads``).
        require_signature: whether a key that this machine trusts must have signed it, also where its settings
            ask for none; False, like None, leaves it to them (``edgetl settings --require``).

    Raises:
        BundleError: there is no bundle, or it is damaged.
        SignatureError: it is not signed as it must be.
        UsageError: no such variant or engine, or one that does not go with the other.
        MissingPackageError: no engine for it is installed; the message names the install line.
        ModelError: the engine refuses the model or dies of it, or this machine cannot run it.
    """
    opening = Opening(Path(bundle), variant, engine, num_threads, require_signature or None)
    return Classifier(opening.open(), opening)
