"""The contract every engine keeps. Nothing heavy is imported here."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar, TypeAlias

import numpy as np
from numpy.typing import NDArray

from edgetl.errors import EdgetlError, ModelError

Images: TypeAlias = NDArray[np.uint8]
Outputs: TypeAlias = tuple[NDArray[np.float32], ...]


class AbstractEngine(ABC):
    """A loaded model in the library that executes it.

    Engines only load and run: no files, no labels, no timing. They are safe to call from several threads;
    whether those calls also run at the same time says :attr:`runs_in_parallel`.
    """

    name: ClassVar[str]
    """The engine's name in ``edgetl.runtime.engines``."""
    runs_in_parallel: ClassVar[bool] = False
    """Whether calls from several threads run side by side; else they take turns."""

    def __init__(self, files: Mapping[str, bytes], *, num_threads: int) -> None:
        """Load a model.

        Args:
            files: the model's bytes by file name (``model.tflite``, or ``model.xml`` and ``model.bin``).
            num_threads: threads the engine may use for one inference, 1 or more.

        Raises:
            ModelError: the bytes are no model that this engine runs.
        """
        self.num_threads = num_threads
        self._closed = False
        self.input_shape: tuple[int, int, int] = (0, 0, 0)
        """(height, width, 3) of one picture."""
        try:
            self._load(files)
        except EdgetlError:
            raise
        except Exception as error:
            raise ModelError(f"{self.name} cannot load {', '.join(files)}: {_why(error)}") from error

    def run(self, images: Images) -> Outputs:
        """Run the model.

        Args:
            images: uint8 (n, height, width, 3), RGB, as the decoder gives them. The models take one
                picture at a time, so a batch takes n times as long as one.

        Returns:
            float32 (n, ...) for each output of the model, in its order. Classifiers give
            probabilities (n, classes), each row summing to 1, first. The arrays are the caller's own.

        Raises:
            ModelError: the images are not of that shape and type, or the engine fails.
        """
        if self._closed:
            raise ModelError(f"the model is closed: load it again to run it in {self.name}")
        if (
            images.dtype != np.uint8
            or images.ndim != 4
            or images.shape[1:] != self.input_shape
            or not len(images)
        ):
            raise ModelError(
                f"the model takes uint8 images of shape (n, {', '.join(map(str, self.input_shape))}), "
                f"not {images.dtype} {images.shape}"
            )
        try:
            rows = [self._run_one(images[index : index + 1]) for index in range(len(images))]
        except Exception as error:
            raise ModelError(f"{self.name} cannot run the model: {_why(error)}") from error
        if not rows[0]:
            raise ModelError(f"{self.name} gets no answer from the model: it has no outputs")
        if len(rows) == 1:
            return rows[0]
        return tuple(np.concatenate(column) for column in zip(*rows, strict=True))

    def warm_up(self, runs: int = 1) -> None:
        """Run a grey picture, since the first inference also packs weights and touches memory.

        Args:
            runs: how many times.

        Raises:
            ModelError: the engine fails.
        """
        try:
            grey = np.full((1, *self.input_shape), 128, np.uint8)
        except (MemoryError, ValueError) as error:
            raise ModelError(
                f"{self.name} cannot run the model: a picture of {self.input_shape} is too large"
            ) from error
        for _ in range(runs):
            self.run(grey)

    @abstractmethod
    def _load(self, files: Mapping[str, bytes]) -> None:
        """Load the model and set ``input_shape``."""

    @abstractmethod
    def _run_one(self, image: Images) -> Outputs:
        """Run one image, uint8 (1, height, width, 3); models have a static batch of 1."""

    @abstractmethod
    def _free(self) -> None:
        """Free the model."""

    def close(self) -> None:
        """Free the model; running it afterwards raises :class:`ModelError`."""
        if not self._closed:
            self._closed = True
            self._free()

    def __enter__(self) -> "AbstractEngine":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def check_input(shape: Any, dtype: Any) -> tuple[int, int, int]:
    """The picture's (height, width, 3) from a model's input, which must be uint8 (1, height, width, 3).

    Raises:
        ModelError: it is another kind of model, such as one that edgetl did not export.
    """
    sizes = tuple(int(size) for size in shape)
    if np.dtype(dtype) != np.uint8 or len(sizes) != 4 or sizes[0] != 1 or sizes[3] != 3:
        raise ModelError(
            f"the model's input is {np.dtype(dtype)} {sizes}, not uint8 (1, height, width, 3): "
            "export it with edgetl export"
        )
    return (sizes[1], sizes[2], sizes[3])


NO_MEMORY = "there is not enough memory for it: close other programs, or take a smaller variant"
"""What every engine's lack of memory is called."""
_NO_MEMORY_SIGNS = (
    *("bad_alloc", "can't alloc", "Failed to allocate memory", "Cannot allocate memory", "MemoryError"),
    *("failed to map segment", "PosixThread", "Resource temporarily unavailable", "bfc_arena"),
)
"""What C++ libraries, the loader of programs and Python say when they get none."""


def lacks_memory(words: str) -> bool:
    """Whether what a library says means that it got no memory."""
    return any(sign in words for sign in (*_NO_MEMORY_SIGNS, NO_MEMORY))


def _why(error: Exception) -> str:
    if isinstance(error, MemoryError) or lacks_memory(str(error)):
        return NO_MEMORY
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    # OpenVINO begins with the places in its source from where it came.
    telling = [line for line in lines if not line.startswith("Exception from ")]
    return (telling or lines or [type(error).__name__])[0]
