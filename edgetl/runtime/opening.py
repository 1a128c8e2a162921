"""How a model is loaded: from a bundle, or from a store, which says what to do when a version fails."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from edgetl.bundle import Bundle
from edgetl.errors import BundleError, DamagedBundleError, EdgetlError, ModelError, SignatureError
from edgetl.runtime import choosing, threads
from edgetl.runtime.loaded import Loaded
from edgetl.updating import state

if TYPE_CHECKING:
    from edgetl.updating.activate import Start


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
        """Load the bundle, or the active version of a store, or, where that fails, the one before.

        Raises:
            EdgetlError: see ``edgetl.load``.
        """
        if not self.is_store:
            return self._load(self.path)
        from edgetl.updating import activate
        from edgetl.updating.store import place_of

        digest, start = activate.begin(self.path)
        try:
            return self._load(place_of(self.path, digest), start)
        except (BundleError, ModelError) as error:
            other = activate.instead_of(self.path, digest)
            if other is None:
                raise
            try:
                loaded = self._load(place_of(self.path, other))
            except EdgetlError:
                raise error from None
            loaded.instead = (digest, error)
            if self._is_to_blame(error, on_trial=start is not None):
                activate.failed(self.path, digest, str(error))
            return loaded

    def _is_to_blame(self, error: EdgetlError, *, on_trial: bool) -> bool:
        """Whether a version that could not be loaded is given up for everybody.

        Not where it fails what this caller alone asks for, and not where it has answered before and its files
        are whole: then there may be too little memory for a moment.
        """
        if self.variant or self.engine or self.require_signature or isinstance(error, SignatureError):
            return False
        return on_trial or isinstance(error, DamagedBundleError)

    def is_newer(self, loaded: Loaded) -> bool:
        """Whether another version than the loaded one would be opened now.

        Raises:
            BundleError: there is none, or what should say is damaged.
        """
        if self.is_store:
            active = state.read(self.path).active
            passed_over = loaded.instead[0] if loaded.instead is not None else None
            return active not in (loaded.bundle.digest, passed_over)
        return Bundle.open(self.path, require_signature=self.require_signature).digest != loaded.bundle.digest

    def _load(self, path: Path, start: "Start | None" = None) -> Loaded:
        try:
            opened = Bundle.open(path, require_signature=self.require_signature)
            chosen, row = choosing.choose(opened, self.variant, self.engine)
            model = opened.model_files(chosen)
            started = threads.start_fastest(opened, chosen, row, model, self.num_threads)
            return Loaded(opened, chosen, started, start)
        finally:
            if start is not None:
                start.ended(failed=False)
