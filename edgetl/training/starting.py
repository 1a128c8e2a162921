"""``--from RUN``: start where an earlier training ended, with its backbone and perhaps its head.

Only values are read out of the run's Keras file; the architecture is built anew by its name.
"""

import hashlib
import io
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from edgetl import cache, extras, files
from edgetl.errors import RunError, UsageError
from edgetl.progress import Progress
from edgetl.training.config import TrainConfig
from edgetl.training.dataset import Dataset, Photo
from edgetl.training.hashing import hash_file
from edgetl.training.heads import head
from edgetl.training.prepare import BackboneChoice
from edgetl.training.run import SPLITS, Run
from edgetl.training.weights import WeightsSource
from edgetl.wording import counted

_WEIGHTS = "model.weights.h5"
_LARGEST = 2_000_000_000
"""Bytes of weights: no backbone here has a tenth of it, and a damaged zip may claim anything."""


@dataclass(frozen=True)
class Start:
    """An earlier run, as a place to start from."""

    run: Run
    choice: BackboneChoice
    """Its backbone, with the weights it ended with."""

    def settled(self, wanted: TrainConfig) -> TrainConfig:
        """The options with the run's backbone, size and width in place of the defaults."""
        choice = self.choice
        return replace(wanted, backbone=choice.name, size=choice.size, width=choice.width, crop=choice.crop)

    def advise(self, photos: Dataset, wanted: TrainConfig, progress: Progress) -> bool:
        """Say what the run has learned of these photos.

        Returns:
            Whether no head of folds can rate this training: the backbone would know its photos, or such a
            head would be another one than the head that is kept.

        Raises:
            UsageError: a fine-tuning would be judged by photos that the backbone has learned.
        """
        others = [photo for photo in photos.photos if photo.split != "train"]
        seen = self._knows(others, head=bool(wanted.keep_head))
        known = self._knows(photos.split("train"), head=False)
        if seen:
            progress.warn(
                f"{self.run.path} has learned {counted(seen, 'photo')} of val and test, so they score too "
                f"well: give the splits of that run ({self.run.path / SPLITS}), or leave --from out"
            )
        if known and not (photos.split("val") and photos.split("test")):
            if wanted.fine_tune != "off":
                raise UsageError(
                    f"{self.run.path} was fine-tuned on {counted(known, 'photo')} of train, by which this "
                    "fine-tuning would be judged: give the photos a val split beside test, or leave --from "
                    "or --fine-tune out"
                )
            if not wanted.keep_head:
                progress.warn(
                    f"{self.run.path} was fine-tuned on {counted(known, 'photo')} of train, by which "
                    "temperature and reject threshold are chosen, so the scores will be surer than they "
                    "should be: give the photos a val split beside test"
                )
        alone = bool(known or seen or wanted.keep_head)
        if alone and wanted.folds not in ("auto", "none"):
            progress.warn(
                "no cross-validation: its heads would be rated by photos that the backbone has learned, or "
                "in place of the head that is kept"
            )
        return alone

    def _knows(self, photos: Sequence[Photo], *, head: bool) -> int:
        """How many of these photos the backbone has learned, which it has where it was fine-tuned, or the
        head has."""
        if not head and not self.run.description.get("fine_tuning", {}).get("adopted"):
            return 0
        learned = {photo.sha256 for photo in self.run.dataset.split("train")}
        return sum(photo.sha256 in learned for photo in photos)

    def head(self, labels: Sequence[str]) -> head.Head:
        """The run's head for these labels: of its classes, the ones that are asked for.

        Args:
            labels: class names; each must be one of the run's.

        Raises:
            UsageError: the run does not know a label.
            RunError: its file has no such head.
        """
        known = self.run.contract.labels
        check_labels(self.run, labels)
        kernel, bias = self._dense(len(known))
        chosen = [known.index(label) for label in labels]
        told = self.run.description["head"]
        return head.Head(
            kernel[:, chosen],
            bias[chosen],
            strength=told["strength"],
            chosen_on=f"kept from {self.run.name}, {told['chosen_on']}",
            class_weights=told["class_weights"],
            temperature=told["temperature"],
            reject_threshold=told["reject_threshold"],
            layers=told.get("layers", "last"),
        )

    def _dense(self, classes: int) -> tuple[Any, Any]:
        """Kernel (features, classes) and bias (classes,) of the one dense layer with so many answers."""
        h5py = extras.load("h5py", extra="train", purpose="training")
        found = []

        def visit(name: str, item: Any) -> None:
            if name.endswith("/vars") and set(item) == {"0", "1"}:
                kernel, bias = item["0"], item["1"]
                if kernel.ndim == 2 and kernel.shape[1] == classes and bias.shape == (classes,):
                    found.append((np.array(kernel, np.float32), np.array(bias, np.float32)))

        with h5py.File(io.BytesIO(_weights(self.run))) as weights:
            weights.visititems(visit)
        if len(found) != 1:
            raise RunError(
                f"{self.run.model} has {len(found)} heads of {classes} classes, not one: "
                "leave --keep-head out"
            )
        return found[0]


def start_of(wanted: TrainConfig) -> Start | None:
    """The run that the options start from, with the weights that its backbone ended with; None: with none.

    Raises:
        RunError: there is no run, or not a whole one.
        UsageError: the options ask for another input size, width, backbone or weights, or to keep the
            head of no run.
    """
    place = wanted.from_run
    if place is None:
        if wanted.keep_head:
            raise UsageError("--keep-head keeps the head of an earlier run: name it with --from RUN")
        return None
    run = Run.open(place)
    if wanted.keep_head and run.tasks:
        raise UsageError(
            f"{place} answers several questions, and --keep-head keeps a head of one: leave --keep-head out"
        )
    if wanted.keep_head and run.description["head"].get("hidden"):
        raise UsageError(
            f"the head of {place} has a hidden layer, and --keep-head keeps a linear one: leave --keep-head "
            "out"
        )
    told = run.description["backbone"]
    defaults = TrainConfig(data="")
    if wanted.weights is not None:
        raise UsageError("--from has the weights already: leave --weights out")
    if wanted.size not in (None, told["size"]):
        raise UsageError(
            f"{place} was trained at {told['size']} pixels, and --from keeps to that, not {wanted.size}: "
            f"leave --size out, or train that run again with --size {wanted.size}"
        )
    if wanted.backbone not in (defaults.backbone, told["name"]):
        raise UsageError(
            f"{place} has the backbone {told['name']}, not {wanted.backbone}: leave --backbone or --from out"
        )
    if wanted.width not in (defaults.width, told["width"]):
        raise UsageError(f"{place} has width {told['width']:g}, not {wanted.width:g}: leave --width out")
    content = _weights(run)
    digest = hashlib.sha256(content).hexdigest()
    kept = cache.folder() / "runs" / f"{digest[:32]}.weights.h5"
    if not kept.is_file() or hash_file(kept) != digest:
        files.write_bytes(kept, content)
    before = run.description["weights"]
    source = WeightsSource("run", kept, f"run {run.name}, from {before['source']}", before["licence"], digest)
    crop = run.contract.crop_fraction if wanted.crop is None else wanted.crop
    return Start(run, BackboneChoice(told["name"], told["size"], told["width"], source, crop))


def check_labels(run: Run, labels: Sequence[str]) -> None:
    """Refuse labels that a run's head has no answer for.

    Raises:
        UsageError: names those it does not know.
    """
    strange = [label for label in labels if label not in run.contract.labels]
    if strange:
        raise UsageError(
            f"--keep-head cannot answer {', '.join(strange)}: {run.path} knows "
            f"{', '.join(run.contract.labels)}; leave --keep-head out to solve a new head"
        )


def _weights(run: Run) -> bytes:
    """The HDF5 file of the weights inside the run's Keras file, whose hash ``Run.open`` has checked."""
    try:
        with zipfile.ZipFile(run.model) as archive:
            member = archive.getinfo(_WEIGHTS)
            if member.file_size > _LARGEST:
                raise RunError(f"{run.model} claims {member.file_size} bytes of weights: train it again")
            return archive.read(member)
    except (zipfile.BadZipFile, KeyError, OSError) as error:
        raise RunError(f"{run.model} is no Keras file with weights ({error}): train it again") from error
