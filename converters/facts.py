"""What a model file says about itself; ``metadata.py`` writes it into the files."""

import json
from dataclasses import asdict, dataclass

from edgetl.contract import Contract
from edgetl.tasks import Task

PROBABILITIES, EMBEDDING = "probabilities", "embedding"
"""Names of the outputs, in every format."""


@dataclass(frozen=True)
class ModelFacts:
    """What a model file says about itself."""

    name: str
    description: str
    version: str
    """Of edgetl."""
    contract: Contract
    """Size, resize rule and labels, one for each probability."""
    precision: str
    embedding: bool = False
    """Whether a second output, ``embedding``, gives the features in front of the head."""
    author: str | None = None
    licence: str | None = None
    tasks: tuple[Task, ...] = ()
    """What the labels are cut into; empty where exactly one of them holds."""

    @property
    def labels(self) -> tuple[str, ...]:
        """Class names in the order of the probabilities."""
        return self.contract.labels

    def to_dict(self) -> dict[str, str]:
        """Flat texts under the same keys in every format; what is unknown is left out."""
        contract = self.contract
        texts = {
            "name": self.name,
            "description": self.description,
            "version": self.version,
            "author": self.author,
            "license": self.licence,
            "labels": json.dumps(self.labels, ensure_ascii=False),
            "task": "image-classification",
            "tasks": json.dumps([asdict(task) for task in self.tasks], ensure_ascii=False)
            if self.tasks
            else None,
            "precision": self.precision,
            "outputs": json.dumps([PROBABILITIES, EMBEDDING] if self.embedding else [PROBABILITIES]),
            "height": str(contract.height),
            "width": str(contract.width),
            "channels": contract.channels,
            "pixels": "uint8, 0 to 255: normalisation is inside the model",
            "resize": contract.resize,
            "crop_fraction": f"{contract.crop_fraction:g}",
            "interpolation": contract.interpolation,
        }
        return {key: text for key, text in texts.items() if text is not None}
