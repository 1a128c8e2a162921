"""How a model is loaded: from a bundle, or from a store, which says what to do when a version fails."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from edgetl.bundle import Bundle
from edgetl.errors import BundleError, ModelError
from edgetl.runtime import choosing, threads
from edgetl.runtime.loaded import Loaded
from edgetl.updating import state


@dataclass(frozen=True)
class Opening:
    """What ``edgetl.load`` was asked for, which :meth:`open` can do again when there is a newer version."""

    path: Path
    variant: str | None = None
    engine: str | None = None
    num_threads: int | None = None
    require_signature: bool | None = None

    @property
    def is_store(self) -> bool:
        """Whether it is a folder of versions and not a bundle."""
        return state.is_store(self.path)

    def open(self) -> Loaded:
        """Load the bundle, or the active version of a store.

        A version of a store that cannot be loaded, or gave no answer in three starts, is given up for the
        one before.

        Raises:
            EdgetlError: see ``edgetl.load``.
        """
        if not self.is_store:
            return self._load(self.path)
        from functools import partial

        from edgetl.updating import activate
        from edgetl.updating.store import place_of

        digest, on_trial = activate.begin(self.path)
        tried = set()
        while True:
            tried.add(digest)
            answered = partial(activate.answered, self.path, digest) if on_trial else None
            try:
                return self._load(place_of(self.path, digest), answered)
            except (BundleError, ModelError) as error:
                other = activate.failed(self.path, digest, str(error))
                if other is None or other in tried:
                    raise
                digest, on_trial = other, False

    def is_newer(self, loaded: Loaded) -> bool:
        """Whether another version than the loaded one would be opened now.

        Raises:
            BundleError: there is none, or what should say is damaged.
        """
        if self.is_store:
            return state.read(self.path).active != loaded.bundle.digest
        return Bundle.open(self.path, require_signature=self.require_signature).digest != loaded.bundle.digest

    def _load(self, path: Path, answered: Callable[[], object] | None = None) -> Loaded:
        opened = Bundle.open(path, require_signature=self.require_signature)
        chosen, row = choosing.choose(opened, self.variant, self.engine)
        model = opened.model_files(chosen)
        started = threads.start_fastest(opened, chosen, row, model, self.num_threads)
        return Loaded(opened, chosen, started, answered)
