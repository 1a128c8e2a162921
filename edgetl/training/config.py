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
    weights: str | None = None
    """A weights file; None takes the installed package, or Keras' own weights."""
    class_weights: str = "auto"
    """``auto``, ``balanced`` or ``none``."""
    label_smoothing: float = 0.0
    """Share of the certainty that is spread over all classes, 0 to below 1."""
    hidden: int = 0
    """Units of a hidden layer to try in front of the head, adopted where it helps; 0 for none."""
    suspects: str = "keep"
    """What to do with photos whose label is probably wrong: ``keep`` them, or ``downweight`` them."""
    features: str = "auto"
    """Engine that extracts the features: ``auto``, ``openvino``, ``onnxruntime`` or ``keras``."""
    unknown: str | None = None
    """A folder of pictures of none of the classes."""
    false_accept: float | None = None
    """Share of unknown pictures that may be taken for a class, 0 to 1; None keeps 95 % of the right answers,
    or takes 5 % where ``unknown`` is given."""
    folds: str = "auto"
    """Folds of a cross-validation over all photos: ``auto``, ``none`` or 2 to 20."""
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
    number = (int, float)
    kinds = {"size": (int,), "width": number, "seed": (int,), "hidden": (int,)}
    kinds |= {"label_smoothing": number, "false_accept": number}
    names = [field.name for field in fields(TrainConfig)]
    for name, value in values.items():
        if name not in names:
            raise UsageError(f"{place} has the unknown key {name!r}: choose {', '.join(names)}")
        if not isinstance(value, kinds.get(name, (str,))) or isinstance(value, bool):
            raise UsageError(
                f"{place} gives {name} = {value!r}, which is not a {kinds.get(name, (str,))[0].__name__}"
            )
    return values
