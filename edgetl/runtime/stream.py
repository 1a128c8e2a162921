"""Classify what a source shows, frame by frame."""

from collections import deque
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from edgetl import images
from edgetl.bundle import Bundle
from edgetl.errors import ImageError, UsageError
from edgetl.runtime.result import Result, read

if TYPE_CHECKING:
    from edgetl.runtime.classifier import Classifier
    from edgetl.runtime.sources import AbstractSource, Frame


@dataclass(frozen=True, eq=False)
class Seen:
    """What a model says of one frame of a source."""

    frame: "Frame"
    result: Result
    """Over the frame, or over the last frames where they are smoothed."""
    changed: bool
    """Whether other labels hold than in the frame before."""
    dropped: int
    """Frames given up so far, so as not to lag behind a live source."""
    appeared: tuple[str, ...] = ()
    """Labels that hold and did not in the frame before, the surest first."""

    @property
    def label(self) -> str | None:
        """The label; None when it is under the bundle's reject threshold."""
        return None if self.result.unknown else self.result.label


def stream(
    model: "Classifier",
    source: "AbstractSource",
    *,
    smooth: int = 1,
    allow_truncated: bool = False,
    on_error: Callable[[ImageError], object] | None = None,
) -> Generator[Seen, None, None]:
    """Classify each frame of a source, and close the source in the end, also where no frame is asked for.

    Frames of a live source are taken one at a time, as new as they are; those of files on all cores.

    Args:
        model: answers.
        source: gives the frames.
        smooth: frames over which the probabilities are averaged, 1 or more.
        allow_truncated: whether JPEG frames whose end is missing are classified, and marked.
        on_error: told of each frame that is no picture. None raises instead.

    Raises:
        UsageError: ``smooth`` is less than 1.
        ImageError: a frame is no picture, and there is no ``on_error``.
        CameraError: a camera went away and did not come back.
    """
    if smooth < 1:
        source.close()
        raise UsageError(f"{smooth} frames cannot be averaged: smooth over 1 or more")
    seen = _seen(model, source, smooth, allow_truncated, on_error)
    next(seen)  # into its `with`: one that was never begun would leave the source open
    return seen


def _seen(
    model: "Classifier",
    source: "AbstractSource",
    smooth: int,
    allow_truncated: bool,
    on_error: Callable[[ImageError], object] | None,
) -> Generator[Seen, None, None]:
    frames: deque[Frame] = deque()

    def pictures() -> Iterator[images.Source]:
        for frame in source:
            frames.append(frame)
            yield frame.picture

    last: deque[Result] = deque(maxlen=smooth)
    before: tuple[str, ...] | None = None
    # Side by side, a frame would be taken before the answer to the one before it: live frames would age.
    alone = source.live or source.length == 1
    answers = (_one_by_one if alone else _side_by_side)(model, pictures(), allow_truncated)
    with source, closing(answers):
        yield  # type: ignore[misc]  # to `stream` alone
        for answer in answers:
            frame = frames.popleft()
            if isinstance(answer, ImageError):
                if on_error is None:
                    raise answer
                on_error(answer)
                continue
            last.append(answer)
            result = answer if smooth == 1 else _averaged(model.bundle, last)
            appeared = tuple(label for label in result.found if label not in (before or ()))
            changed = before is None or set(result.found) != set(before)
            yield Seen(frame, result, changed, source.dropped, appeared)
            before = result.found


def _one_by_one(
    model: "Classifier", pictures: Iterator[images.Source], allow_truncated: bool
) -> Generator[Result | ImageError, None, None]:
    for picture in pictures:
        try:
            yield model.classify(picture, allow_truncated=allow_truncated)
        except ImageError as error:
            yield error


def _side_by_side(
    model: "Classifier", pictures: Iterator[images.Source], allow_truncated: bool
) -> Generator[Result | ImageError, None, None]:
    return model.attempt_many(pictures, allow_truncated=allow_truncated)


def _averaged(bundle: Bundle, last: deque[Result]) -> Result:
    newest = last[-1]
    if bundle.digest != newest.version:  # the model has just gone over to another: it begins anew
        return newest
    kind = (newest.labels, newest.version)  # a class may have been taught
    same = [result.probabilities for result in last if (result.labels, result.version) == kind]
    row = np.stack(same).mean(axis=0, dtype=np.float32)
    said = read(row, newest.labels, bundle.manifest)
    truncated = any(result.truncated for result in last if result.version == newest.version)
    return replace(newest, **vars(said), probabilities=row, truncated=truncated)
