"""What ``edgetl train`` was asked to do: written to ``run.toml``, read back by ``--config``."""

import json
import sys
import typing
from dataclasses import asdict, dataclass
from pathlib import Path
from types import NoneType
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
    label_smoothing: float = 0.0
    """Share of the certainty that is spread over all classes, 0 to below 1."""
    hidden: int = 0
    """Units of a hidden layer to try in front of the head, adopted where it helps; 0 for none."""
    layers: str = "auto"
    """What the head reads of the backbone: ``last``, ``blocks``, ``both``, or ``auto`` for the best."""
    suspects: str = "keep"
    """What to do with photos whose label is probably wrong: ``keep`` them, or ``downweight`` them."""
    features: str = "auto"
    """Engine that extracts the features: ``auto``, ``openvino``, ``onnxruntime`` or ``keras``."""
    unknown: str | None = None
    """A folder of pictures of none of the classes."""
    false_accept: float | None = None
    """Share of unknown pictures that may be taken for a class, 0 to 1; None keeps 95 % of the right answers,
    or takes 5 % where ``unknown`` is given."""
    unlabelled: str | None = None
    """A folder of pictures of where the model will be used, most or all of them without a label."""
    folds: str = "auto"
    """Folds of a cross-validation over all photos: ``auto``, ``none`` or 2 to 20."""
    fine_tune: str = "off"
    """Which part of the backbone is trained on after the head: ``off``, ``last``, ``all`` or ``auto``."""
    epochs: int | None = None
    """Of fine-tuning, at most; None takes 12."""
    augment: str = "light"
    """How photos are varied in fine-tuning: ``none``, ``light``, ``flips``, ``turns`` or ``strong``."""
    seed: int = 0
    """For the folds of the cross-validation; the split of the photos depends on their content alone."""
    max_latency_s: float | None = None
    """With the backbone ``auto``: seconds that one picture may take on ``board``."""
    board: str | None = None
    """With ``auto``: the board that latencies are estimated for; None measures on this machine."""
    max_size_bytes: int | None = None
    """With ``auto``: bytes that the int8 file may have."""
    candidates: int | None = None
    """With ``auto``: how many of the best candidates are trained; None takes 3."""
    tasks: str | None = None
    """Columns of the CSV file that label the photos, with commas: a task each, ``NAME:many`` for one of
    several labels; None takes ``label``."""
    multi_label: bool = False
    """Whether a photo may have any number of labels, in one cell with ; or | between them."""
    min_precision: float | None = None
    """Of the photos that are said to have a label of several, the share that should, 0 to 1; None chooses
    thresholds of the best F1."""
    from_run: str | None = None
    """An earlier run, whose backbone to start from."""
    keep_head: bool | None = None
    """Whether to keep that run's head as well, instead of solving one."""
    teacher: str | None = None
    """A larger network that teaches this one: a backbone (``efficientnet_lite2@320``), a run, or ``auto``."""
    precision: str = "auto"
    """Of fine-tuning: ``float32``, ``mixed`` with 16 bits, or ``auto``, which is mixed on a GPU."""

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
    kinds = typing.get_type_hints(TrainConfig)
    for name, value in values.items():
        if name not in kinds:
            raise UsageError(f"{place} has the unknown key {name!r}: choose {', '.join(kinds)}")
        kind = next(kind for kind in (*typing.get_args(kinds[name]), kinds[name]) if kind is not NoneType)
        taken = (int, float) if kind is float else (kind,)
        # True is an int to Python.
        if not isinstance(value, taken) or (isinstance(value, bool) and kind is not bool):
            raise UsageError(f"{place} gives {name} = {value!r}, which is not a {kind.__name__}")
    return values
