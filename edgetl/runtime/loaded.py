"""One version of a model, loaded: it stays what it is, while a classifier may go over to another."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING

import numpy as np

from edgetl import images
from edgetl.bundle import Bundle
from edgetl.errors import EdgetlError, ModelError
from edgetl.manifest import Variant
from edgetl.runtime import engines
from edgetl.runtime.base import AbstractEngine
from edgetl.runtime.lending import Engines
from edgetl.runtime.result import Result, Timings, read

if TYPE_CHECKING:
    from edgetl.updating.activate import Start


class Loaded:
    """A variant of a bundle in an engine, with the classes that were taught of it."""

    def __init__(
        self,
        bundle: Bundle,
        variant: Variant,
        engine: AbstractEngine,
        start: "Start | None" = None,
    ) -> None:
        """Take an engine over.

        Args:
            bundle: whose model it is.
            variant: that is loaded.
            engine: in which it is.
            start: that the version's first answer makes good; None where it has proved itself.
        """
        self.bundle = bundle
        self.variant = variant
        self.engine = engine
        self.contract = bundle.manifest.contract
        self.learned = None
        if bundle.manifest.embedding:
            from edgetl.runtime.teaching import load_learned

            self.learned = load_learned(bundle)
        self.engines = Engines(self._start_another, engine)
        self.instead: tuple[str, EdgetlError] | None = None
        """The version of a store in whose place this one was loaded, and why; None where it is the active."""
        self._trial = _Trial(start) if start is not None else None

    @property
    def labels(self) -> tuple[str, ...]:
        """The bundle's classes, then those that were taught on this device."""
        return self.contract.labels + (self.learned.labels if self.learned is not None else ())

    def classify(self, picture: images.Source, *, side_by_side: bool, allow_truncated: bool) -> Result:
        """Classify one picture.

        Args:
            picture: see ``Classifier.classify``.
            allow_truncated: likewise.
            side_by_side: whether others do so at the same time, each in an engine of one thread.
        """
        run = self.engines.run if side_by_side else self.engine.run
        start = time.perf_counter()
        decoded = images.load(picture, self.contract, allow_truncated=allow_truncated)
        opened = time.perf_counter()
        pixels = images.fit(decoded, self.contract)
        fitted = time.perf_counter()
        with self._trial.asked() if self._trial is not None else nullcontext():
            probabilities, *features = run(pixels[np.newaxis])
            inferred = time.perf_counter()
            labels, learned = self.contract.labels, self.learned
            if learned is not None:
                probabilities = learned.extend(probabilities, features[0])
                labels += learned.labels
            row = probabilities[0]
            said = read(row, labels, self.bundle.manifest)
        self._trial = None
        ended = time.perf_counter()
        timings = Timings(opened - start, fitted - opened, inferred - fitted, ended - inferred)
        embedding = features[0].ravel() if features else None
        return Result(
            *(said.label, said.score, said.unknown, row, labels, timings, embedding),
            answers=said.answers,
            found=said.found,
            version=self.bundle.digest,
            truncated=decoded.truncated,
        )

    def _start_another(self) -> AbstractEngine:
        """An engine of one thread for the same variant."""
        row = engines.get(self.engine.name)
        return engines.start(row, self.bundle.model_files(self.variant), num_threads=1)

    def close(self) -> None:
        """Free the engines."""
        self.engines.close()
        self.engine.close()


class _Trial:
    """A version that has yet to answer."""

    def __init__(self, start: "Start") -> None:
        self._start: Start | None = start
        self._changing = threading.Lock()
        self._was_asked = False

    @contextmanager
    def asked(self) -> Iterator[None]:
        """A picture is being answered: the first time it is watched whether that ends, and how."""
        with self._changing:
            first, self._was_asked = not self._was_asked, True
            start = self._start
        if start is None:
            yield
            return
        if first:
            start.asked()
        try:
            yield
        except BaseException as error:
            if first:
                start.ended(failed=isinstance(error, Exception))
            raise
        with self._changing:
            start, self._start = self._start, None
        if start is not None:
            start.answered()


class Current:
    """The version that answers now. One that is replaced ends what it has begun, then is closed."""

    def __init__(self, loaded: Loaded) -> None:
        """Begin with a version."""
        self.loaded = loaded
        self._users: dict[Loaded, int] = {loaded: 0}
        self._changing = threading.Lock()
        self._closed = False

    @contextmanager
    def borrowed(self) -> Iterator[Loaded]:
        """The version that answers now, which stays open while the block runs.

        Raises:
            ModelError: all is closed.
        """
        with self._changing:
            if self._closed:
                raise ModelError("the model is closed: load it again to run it")
            loaded = self.loaded
            self._users[loaded] += 1
        try:
            yield loaded
        finally:
            self._given_back(loaded)

    def _given_back(self, loaded: Loaded) -> None:
        with self._changing:
            self._users[loaded] -= 1
            unused = self._users[loaded] == 0 and loaded is not self.loaded
            if unused:
                del self._users[loaded]
        if unused:
            loaded.close()

    def go_over_to(self, loaded: Loaded) -> None:
        """Let another version answer from now on."""
        with self._changing:
            if self._closed:
                old = loaded
            else:
                old, self.loaded = self.loaded, loaded
                self._users[loaded] = 0
            unused = not self._users.get(old)
            if unused:
                self._users.pop(old, None)
        if unused:
            old.close()

    def close(self) -> None:
        """Free the engines; what asks for an answer afterwards gets an error."""
        with self._changing:
            self._closed = True
            versions = list(self._users)
        for loaded in versions:
            loaded.close()
