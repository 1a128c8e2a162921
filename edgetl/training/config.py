"""What ``edgetl train`` was asked to do: written to ``run.toml``, read back by ``--config``."""

import json
import sys
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from edgetl.errors import UsageError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


@dataclass(frozen=True)
class TrainConfig:
    """Every choice that decides the result of a training."""

    data: str
    """Folder or CSV file of the photos."""
    backbone: str = "efficientnet_lite0"
    size: int | None = None
    """Height and width of the input, pixels; None takes the backbone's own."""
    width: float = 1.0
    """Width multiplier of the backbone."""
    crop: float | None = None
    """Share of a photo's largest centred square that is kept, up to 1; None takes the backbone's own."""
    weights: str | None = None
    """A weights file; None takes the installed package, or Keras' own weights."""
    class_weights: str = "auto"
    """``auto``, ``balanced`` or ``none``."""
    features: str = "auto"
    """Engine that extracts the features: ``auto``, ``openvino``, ``onnxruntime`` or ``keras``."""
    fine_tune: str = "off"
    """Which part of the backbone is trained on after the head: ``off``, ``last``, ``all`` or ``auto``."""
    epochs: int | None = None
    """Of fine-tuning, at most; None takes 12."""
    augment: str = "light"
    """How photos are varied in fine-tuning: ``none``, ``light``, ``flips``, ``turns`` or ``strong``."""
    seed: int = 0
    """For the folds of the cross-validation; the split of the photos depends on their content alone."""

    def to_toml(self) -> str:
        """The text of ``run.toml``; options that were left to edgetl are left out."""
        lines = ["# Train again with: edgetl train --config run.toml --out ANOTHER_FOLDER"]
        # A JSON string or number is also a TOML one.
        lines += [
            f"{name} = {json.dumps(value, ensure_ascii=False)}"
            for name, value in asdict(self).items()
            if value is not None
        ]
        return "\n".join(lines) + "\n"


def read_config(file: str | Path) -> dict[str, Any]:
    """The options in a ``run.toml``.

    Raises:
        UsageError: the file is missing, no TOML, or has a key or type that is not one of the options.
    """
    place = Path(file)
    try:
        values = tomllib.loads(place.read_text("utf-8"))
    except OSError as error:
        raise UsageError(f"{place} cannot be read: {error.strerror}") from error
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise UsageError(f"{place} is no TOML file: {error}") from error
    kinds = {"size": (int,), "width": (int, float), "crop": (int, float), "epochs": (int,), "seed": (int,)}
    names = [field.name for field in fields(TrainConfig)]
    for name, value in values.items():
        if name not in names:
            raise UsageError(f"{place} has the unknown key {name!r}: choose {', '.join(names)}")
        if not isinstance(value, kinds.get(name, (str,))) or isinstance(value, bool):
            raise UsageError(
                f"{place} gives {name} = {value!r}, which is not a {kinds.get(name, (str,))[0].__name__}"
            )
    return values
