"""From a picture to a label, as the bundle's contract says."""

import os
import time
from collections.abc import Callable, Generator, Iterable, Mapping
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from edgetl import images
from edgetl.bundle import Bundle
from edgetl.errors import ImageError, UsageError
from edgetl.manifest import Variant
from edgetl.runtime import choosing, engines, threads
from edgetl.runtime.base import AbstractEngine, Images, Outputs
from edgetl.runtime.lending import Engines
from edgetl.runtime.many import in_order
from edgetl.runtime.result import Result, Timings, read

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

    def __init__(self, bundle: Bundle, variant: Variant, engine: AbstractEngine) -> None:
        self.bundle = bundle
        self.variant = variant
        self.engine = engine
        self.contract = bundle.manifest.contract
        self._learned = _learned(bundle)
        self._engines = Engines(self._start_another)

    @property
    def labels(self) -> tuple[str, ...]:
        """The bundle's classes, then those that were taught on this device."""
        taught = self._learned.labels if self._learned is not None else ()
        return self.contract.labels + taught

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
        return self._classify(picture, self.engine.run, allow_truncated)

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
        run = self.engine.run
        if count > 1:
            self._engines.allow(count)
            run = self._engines.run

        def attempt(picture: images.Source) -> Result | ImageError:
            try:
                return self._classify(picture, run, allow_truncated)
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

        teaching.check(self.bundle, label)
        seen = [result.embedding for result in self.classify_many(pictures)]
        rows = [row for row in seen if row is not None]
        if not rows:
            raise UsageError(f"there are no pictures to learn {label!r} from: give at least one")
        self._learned = teaching.teach(self.bundle, label, np.stack(rows), variant=self.variant.name)
        return self._learned

    def forget(self, label: str) -> None:
        """Forget a class that was taught on this device.

        Raises:
            UsageError: it was not.
        """
        from edgetl.runtime import teaching

        self._learned = teaching.forget(self.bundle, label)

    def _classify(
        self, picture: images.Source, run: Callable[[Images], Outputs], allow_truncated: bool
    ) -> Result:
        start = time.perf_counter()
        decoded = images.load(picture, self.contract, allow_truncated=allow_truncated)
        opened = time.perf_counter()
        pixels = images.fit(decoded, self.contract)
        fitted = time.perf_counter()
        probabilities, *features = run(pixels[np.newaxis])
        inferred = time.perf_counter()
        labels, learned = self.contract.labels, self._learned
        if learned is not None:
            probabilities = learned.extend(probabilities, features[0])
            labels += learned.labels
        row = probabilities[0]
        said = read(row, labels, self.bundle.manifest)
        ended = time.perf_counter()
        timings = Timings(opened - start, fitted - opened, inferred - fitted, ended - inferred)
        embedding = features[0].ravel() if features else None
        return Result(
            *(said.label, said.score, said.unknown, row, labels, timings, embedding),
            answers=said.answers,
            found=said.found,
            truncated=decoded.truncated,
        )

    def _start_another(self) -> AbstractEngine:
        """An engine of one thread for the same variant."""
        row = engines.get(self.engine.name)
        return engines.start(row, self.bundle.model_files(self.variant), num_threads=1)

    def close(self) -> None:
        """Free the engine; classifying afterwards raises :class:`ModelError`."""
        self._engines.close()
        self.engine.close()

    def __enter__(self) -> "Classifier":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _learned(bundle: Bundle) -> "Learned | None":
    if not bundle.manifest.embedding:
        return None
    from edgetl.runtime.teaching import load_learned

    return load_learned(bundle)


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
    bundle: str | Path, variant: str | None = None, engine: str | None = None, num_threads: int | None = None
) -> Classifier:
    """Open a bundle for classification.

    Args:
        bundle: the folder ``edgetl export`` wrote.
        variant: its name, ``tflite-int8``; None takes the bundle's pick, or the next best variant that an
            installed engine runs on this machine.
        engine: its name; None takes the first installed one that runs the variant here.
        num_threads: for one inference; None takes what is fastest here, which is tried the first time and
            then remembered (see ``runtime.threads``).

    Raises:
        BundleError: there is no bundle, or it is damaged.
        UsageError: no such variant or engine, or one that does not go with the other.
        MissingPackageError: no engine for it is installed; the message names the install line.
        ModelError: the engine refuses the model, or this machine cannot run it.
    """
    opened = Bundle.open(bundle)
    chosen, row = choosing.choose(opened, variant, engine)
    model = opened.model_files(chosen)
    if num_threads is None:
        return Classifier(opened, chosen, threads.start_fastest(opened, chosen, row, model))
    return Classifier(opened, chosen, engines.start(row, model, num_threads=num_threads))
