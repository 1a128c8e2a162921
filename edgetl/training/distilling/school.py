"""What the teacher says of each picture: probabilities, and never about a photo whose label it was given.

A head that was solved on a photo is nearly as sure of it as the label is. So the answers to train photos come
from heads that were solved on the other folds, and so does everything that is judged on held-out photos: the
teacher is then solved without those as well.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import compress

import numpy as np
from numpy.typing import NDArray

from edgetl.training.arrays import Doubles, Floats, Labels
from edgetl.training.dataset import Photo
from edgetl.training.distilling.teachers import Teacher
from edgetl.training.heads import head as heads
from edgetl.training.heads import held_out
from edgetl.training.heads.head import Head

TRUST = 0.5
"""The teacher's share in what a labelled photo is to be answered; the label has the rest."""
SOFTNESS = 1.0
"""The temperature of Hinton et al. (*Distilling the knowledge in a neural network*, 2015), beside the one
that makes the teacher's scores honest. Softer answers (2) taught less on ants and bees, sharper ones (0.7)
the same."""

Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Lesson:
    """What a student is to answer, train photos first, then the unlabelled pictures."""

    targets: Floats
    """float32 (n + m, classes), rows summing to 1; of train photos that are not known, of no use."""
    weights: Doubles
    """float64 (n + m,): how much each counts."""


@dataclass(frozen=True)
class School:
    """A teacher with the pictures that it has seen through its own backbone."""

    teacher: Teacher
    labels: Labels
    """int64 (n,), of the train photos."""
    hashes: Sequence[str]
    """Their SHA-256."""
    rows: Floats
    """float32 (n, teacher's features), of the train photos."""
    pictures: tuple[Photo, ...]
    """The unlabelled ones, m of them."""
    unlabelled: Floats
    """float32 (m, teacher's features)."""
    balanced: bool
    """Whether each class has the same say."""
    smoothing: float
    """Share of a label's certainty that is spread over all classes."""
    seed: int
    """For the folds."""
    trust: float = TRUST
    softness: float = SOFTNESS

    @property
    def classes(self) -> int:
        """Number of answers."""
        return int(self.labels.max()) + 1

    @property
    def identity(self) -> str:
        """A digest of whatever decides what the teacher says, beside the photos and their labels."""
        known = hashlib.sha256(repr((self.trust, self.softness, self.smoothing, self.seed)).encode())
        for part in (
            self.rows,
            self.unlabelled,
            *([] if (head := self.teacher.head) is None else [head.kernel]),
        ):
            known.update(part.tobytes())
        return known.hexdigest()

    @cached_property
    def copies(self) -> Labels:
        """int64 (n,), equal for copies of one photo, which no fold may divide."""
        return np.asarray(np.unique(np.array(self.hashes), return_inverse=True)[1], np.int64)

    @property
    def heard(self) -> Mask:
        """Which train photos the teacher has something honest to say of: bool (n,)."""
        return np.array([sha256 not in self.teacher.learned for sha256 in self.hashes], np.bool_)

    def folds(self, known: Mask) -> list[Mask]:
        """Masks, bool (n,), of the known train photos, each held out once."""
        masks = []
        for mask in held_out.folds(self.labels[known], self.seed, copies_of=self.copies[known]):
            whole = np.zeros(len(known), np.bool_)
            whole[np.flatnonzero(known)[mask]] = True
            masks.append(whole)
        return masks

    def head(self, known: Mask) -> Head:
        """The teacher's head, solved on some of the train photos, bool (n,); a run's own stays as it is."""
        if self.teacher.head is not None:
            return self.teacher.head
        return self._solved(known, (self._strength,))

    def lesson(self, known: Mask) -> Lesson:
        """What to answer, by a teacher that has seen the labels of the known photos alone, bool (n,)."""
        told = np.zeros((len(self.labels), self.classes), np.float32)
        if self.teacher.head is not None:
            told = self.teacher.head.probabilities(self.rows)
        else:
            for mask in self.folds(known):
                told[mask] = self.head(known & ~mask).probabilities(self.rows[mask])
        trust = self.trust * self.heard[:, np.newaxis]
        certain = np.eye(self.classes, dtype=np.float32)[self.labels]
        certain = certain * (1 - self.smoothing) + self.smoothing / self.classes
        targets = np.concatenate(
            [(1 - trust) * certain + trust * self._soft(told), self._of_unlabelled(known)]
        )
        return Lesson(targets.astype(np.float32), self._weights(targets))

    @cached_property
    def _strength(self) -> float:
        """Chosen once: what one number of all photos could betray of a held-out one is next to nothing."""
        return self._solved(np.ones(len(self.labels), np.bool_), heads.STRENGTHS).strength

    def _of_unlabelled(self, known: Mask) -> Floats:
        if not len(self.unlabelled):
            return np.empty((0, self.classes), np.float32)
        return self._soft(self.head(known).probabilities(self.unlabelled))

    def _weights(self, targets: Floats) -> Doubles:
        if not self.balanced:
            return np.ones(len(targets))
        counts = np.bincount(self.labels)
        of_class = len(self.labels) / (len(counts) * counts)
        # By the label, where there is one; else by the classes it may have.
        return np.concatenate([of_class[self.labels], targets[len(self.labels) :] @ of_class])

    def _solved(self, known: Mask, strengths: Sequence[float]) -> Head:
        return heads.fit(
            self.rows[known],
            self.labels[known],
            held_out=None,
            class_weights="balanced" if self.balanced else "none",
            strengths=strengths,
            hashes=list(compress(self.hashes, known)),
            seed=self.seed,
        )

    def _soft(self, probabilities: Floats) -> Floats:
        """Probabilities (n, classes) at the temperature ``softness``."""
        return heads.softmax(np.log(np.maximum(probabilities, np.float32(1e-12))) / self.softness)
