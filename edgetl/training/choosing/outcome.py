"""What a search found: each candidate with its scores, and the one that was picked and why."""

from dataclasses import asdict, dataclass
from typing import Any

from edgetl.manifest import Interval
from edgetl.training.choosing.candidates import Candidate
from edgetl.training.choosing.limits import Limits
from edgetl.training.prepare import BackboneChoice


@dataclass(frozen=True)
class Scores:
    """How well the features of a sample promise to transfer; of all but the loss, more is better."""

    log_loss: float
    """Of heads on pictures they were not solved on: what candidates are ranked by."""
    accuracy: Interval
    """Share of right answers in the same cross-validation, 0 to 1; Wilson interval."""
    logme: float
    h_score: float


@dataclass(frozen=True)
class Judged:
    """One candidate and what became of it."""

    candidate: Candidate
    scores: Scores | None = None
    """On the sample; None: dropped before."""
    trained: Interval | None = None
    """Accuracy, cross-validated on all pictures that may be learned from; None: not one of the best."""
    why: str = ""
    """Why it was dropped, or picked."""
    picked: bool = False

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for ``run.json``."""
        choice, latency = self.candidate.choice, self.candidate.latency
        return {
            "name": self.candidate.name,
            "backbone": choice.name,
            "size": choice.size,
            "width": choice.width,
            "weights": choice.weights.source,
            "size_bytes": self.candidate.size_bytes,
            "latency": None if latency is None else asdict(latency),
            "scores": None if self.scores is None else asdict(self.scores),
            "trained_accuracy": None if self.trained is None else asdict(self.trained),
            "picked": self.picked,
            "why": self.why,
        }


@dataclass(frozen=True)
class Outcome:
    """All candidates, and what they were judged on."""

    judged: tuple[Judged, ...]
    """The picked one first, then those that were trained, scored and dropped; each group best first."""
    limits: Limits
    sample: int
    """Pictures that every candidate was scored on."""
    pictures: int
    """Pictures that the best were trained on; none of them is one that the run's accuracy is measured on."""
    seconds: float

    @property
    def picked(self) -> Judged:
        """The one to train on."""
        return next(one for one in self.judged if one.picked)

    @property
    def choice(self) -> BackboneChoice:
        """The same, as training takes it."""
        return self.picked.candidate.choice

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for ``run.json``."""
        return {
            "limits": asdict(self.limits),
            "ranked_by": "cross-validated log loss of the head",
            "sample": self.sample,
            "pictures": self.pictures,
            "reason": self.picked.why,
            "seconds": round(self.seconds, 3),
            "candidates": [one.to_dict() for one in self.judged],
        }
