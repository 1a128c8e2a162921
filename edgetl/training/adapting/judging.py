"""Whether a method helps: labelled photos of the target, which it was not made with, judge it."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from edgetl.training.arrays import Doubles, Floats, Labels
from edgetl.training.checking import shift
from edgetl.training.dataset import Dataset, Photo
from edgetl.training.features import FeatureTable
from edgetl.training.heads.head import Head, softmax
from edgetl.training.scoring import calibration, rejection
from edgetl.training.tuning.decide import Decision, decide

FEWEST = 10
"""Labelled photos of the target under which no gain could be told from noise."""
_LEVEL = 0.05
_APART = 0.65
"""Area under the curve from which two sets of photos look different, as ``edgetl check`` has it."""


@dataclass(frozen=True)
class Judges:
    """Labelled photos that were not learned from, and that look like the target."""

    photos: tuple[Photo, ...]
    source: str
    """What they are, in words that follow "judged on"."""

    @property
    def truth(self) -> Labels:
        """int64 (n,)."""
        return np.array([photo.label for photo in self.photos], np.int64)


@dataclass(frozen=True)
class Verdict:
    """What came of a method on the judges, beside doing nothing."""

    name: str
    decision: Decision
    head: Head
    """With the temperature and threshold that are honest on the judges."""

    def describe(self) -> dict[str, Any]:
        """Plain JSON values."""
        told = asdict(self.decision)
        return {
            "name": self.name,
            "accuracy": told["tuned_accuracy"],
            "loss": told["tuned_loss"],
            **{name: told[name] for name in ("p_accuracy", "p_loss", "adopted", "why")},
        }


def likeness(one: Floats, target: Floats, seed: int) -> float | None:
    """How well photos are told from the target: the area under the curve, 0.5 is chance; None of too few."""
    rows = np.concatenate([one, target])
    of_target = np.repeat([False, True], [len(one), len(target)])
    found = shift.separate(rows, of_target, np.zeros(len(rows), np.int64), seed)
    return None if found is None else found.area.value


def find(
    labelled: tuple[Photo, ...], photos: Dataset, table: FeatureTable, target: Floats, seed: int
) -> tuple[Judges | None, str]:
    """Who judges, and why nobody where nobody can.

    Labelled photos of the target first. Else val, where test scores and val looks like the target: val that
    looks like train would say how well the old place is answered. Estimates of the accuracy without labels
    were tried and are not used: none ranked the methods reliably (``benchmarks/peers/adaptation.py``).

    Args:
        labelled: photos of the target with a label.
        photos: the dataset.
        table: features of its photos.
        target: float32 (m, features), of the unlabelled pictures.
        seed: for the folds that likeness is measured with.
    """
    way_out = f"put {FEWEST} or more labelled pictures of there into subfolders called as the classes are"
    if len(labelled) >= FEWEST:
        return Judges(labelled, f"{len(labelled)} labelled pictures of the target"), ""
    few = f"{len(labelled)} labelled pictures of the target are too few to judge" if labelled else ""
    val = photos.split("val") if photos.scored_split == "test" else ()
    if len(val) < FEWEST:
        none = few or "no labelled pictures of the target are there to judge"
        return None, f"{none}, and no val split beside test: {way_out}"
    area = likeness(table.rows([photo.sha256 for photo in val]), target, seed)
    if area is None or area >= _APART:
        apart = (
            "cannot be compared" if area is None else f"is told apart from it in {100 * area:.0f} % of pairs"
        )
        return None, f"{few or 'val alone could judge'}, and val is not of the target: it {apart}; {way_out}"
    return Judges(val, f"{len(val)} val photos, which look like the target"), ""


def judge(
    name: str, head: Head, rows: Floats, plain: Doubles, judges: Judges, methods: int, seed: int
) -> Verdict:
    """Hold a method against doing nothing; both get the temperature that suits them best on the judges.

    Args:
        name: of the method.
        head: that it made.
        rows: float32 (n, features), of the judges, as the method has them computed.
        plain: float64 (n, classes), logits of doing nothing, from :func:`honest`.
        judges: who judges.
        methods: how many are tried: the more, the surer each has to be (Bonferroni).
        seed: for the bootstrap.
    """
    logits, calibrated = honest(head, rows, judges.truth)
    decision = decide(plain, logits, judges.truth, seed=seed)
    if decision.adopted and decision.p_loss >= _LEVEL / methods:
        why = decision.why.replace("better beyond noise", f"no gain beyond noise of {methods} methods", 1)
        decision = replace(decision, adopted=False, why=why)
    return Verdict(name, decision, calibrated)


def honest(head: Head, rows: Floats, truth: Labels) -> tuple[Doubles, Head]:
    """Logits of photos, float64 (n, classes), and the head, both with the temperature that suits them."""
    logits = np.asarray(rows @ head.kernel + head.bias, np.float64)
    divisor = calibration.temperature(logits, truth)
    scores = softmax(logits / divisor)
    return logits / divisor, replace(
        head,
        kernel=np.asarray(head.kernel / divisor, np.float32),
        bias=np.asarray(head.bias / divisor, np.float32),
        temperature=head.temperature * divisor,
        reject_threshold=rejection.keeping(scores.max(axis=1), scores.argmax(axis=1) == truth),
    )


def best(verdicts: Sequence[Verdict]) -> Verdict | None:
    """The adopted one with the least loss; None where none is."""
    adopted = [verdict for verdict in verdicts if verdict.decision.adopted]
    return min(adopted, key=lambda verdict: verdict.decision.tuned_loss, default=None)
