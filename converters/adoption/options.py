"""What a user says of a model that edgetl did not train, by flags or in a TOML file. Light to import."""

import sys
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Literal, get_args

from edgetl.contract import Interpolation, Resize
from edgetl.converters.adoption import normalisation
from edgetl.converters.adoption.normalisation import Normalisation, choose
from edgetl.errors import UsageError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

Kind = Literal["keras", "saved_model", "onnx"]
ChannelOrder = Literal["RGB", "BGR"]
Layout = Literal["NHWC", "NCHW"]
Outputs = Literal["auto", "probabilities", "logits"]

_SUFFIXES: Mapping[str, Kind] = {".keras": "keras", ".h5": "keras", ".hdf5": "keras", ".onnx": "onnx"}


@dataclass(frozen=True)
class ModelOptions:
    """What is said of a model; None leaves it to edgetl to find out, or to its default."""

    size: tuple[int, int] | None = None
    """Height and width, pixels; needed only where the model's own are dynamic."""
    resize: Resize | None = None
    crop_fraction: float | None = None
    interpolation: Interpolation | None = None
    labels: tuple[str, ...] | None = None
    """In the order of the model's outputs; None takes the class names of the photos, sorted."""
    normalise: Normalisation | None = None
    """What the model's training did to its pixels outside the model."""
    channels: ChannelOrder | None = None
    layout: Layout | None = None
    outputs: Outputs = "auto"

    @classmethod
    def from_toml(cls, file: str | Path, flags: Mapping[str, Any] | None = None) -> "ModelOptions":
        """Read a file with any of the fields as keys; what ``flags`` says goes before.

        Args:
            file: TOML; its ``labels`` are a list, or the name of a file beside it.
            flags: plain values by field name; None counts as not given.

        Raises:
            UsageError: the file is missing or no TOML, or a key or value is not one of those offered.
        """
        place = Path(file)
        try:
            values = tomllib.loads(_read(place))
        except tomllib.TOMLDecodeError as error:
            raise UsageError(f"{place} is no TOML file: {error}") from error
        names = [field.name for field in fields(cls)]
        for name in values:
            if name not in names:
                raise UsageError(f"{place} has the unknown key {name!r}: {choose(name, names)}")
        if isinstance(values.get("labels"), str):
            values["labels"] = read_labels(place.parent / values["labels"])
        said = {name: value for name, value in (flags or {}).items() if value is not None}
        return cls.from_values({**values, **said})

    @classmethod
    def from_values(cls, values: Mapping[str, Any]) -> "ModelOptions":
        """Check plain values, as TOML or flags give them; None counts as not given.

        Raises:
            UsageError: a value is not one of those offered.
        """
        given = {name: value for name, value in values.items() if value is not None}
        checked: dict[str, Any] = {name: _PARSERS[name](name, value) for name, value in given.items()}
        preset = given.get("normalise")
        if isinstance(preset, str) and preset.strip().lower() == "caffe":
            if checked.get("channels") == "RGB":
                raise UsageError("the preset caffe is for channels in the order BGR: leave channels out")
            checked["channels"] = "BGR"
        return cls(**checked)


def kind_of(model: Path) -> Kind:
    """What sort of model file or folder this is, by its name and place alone.

    Raises:
        UsageError: it is none that can be exported; the message says what to do with it instead.
    """
    if not model.exists():
        raise UsageError(f"{model} does not exist: give a .keras or .onnx file, or a SavedModel folder")
    if model.is_dir():
        if (model / "saved_model.pb").is_file():
            return "saved_model"
        raise UsageError(f"{model} is no SavedModel: a folder of that kind has a saved_model.pb in it")
    suffix = model.suffix.lower()
    if suffix in _SUFFIXES:
        return _SUFFIXES[suffix]
    if suffix == ".pb" and model.name == "saved_model.pb":
        raise UsageError(f"{model} is a part of a SavedModel: give its folder, {model.parent}")
    raise UsageError(f"{model} {_ADVICE.get(suffix, _ANY)}")


_ANY = "is no model that edgetl can export: give a .keras or .onnx file, or a SavedModel folder"
_TORCH_EXPORT = (
    "is a PyTorch file: export it to ONNX first, with torch.onnx.export(model.eval(), "
    "torch.zeros(1, 3, 224, 224), 'model.onnx', opset_version=17, dynamo=False), then give that file"
)
_ADVICE = {
    ".tflite": "is already converted: `edgetl info` tells what is in it",
    ".xml": "is already converted to OpenVINO: to export, give the model it was made from",
    ".pt": _TORCH_EXPORT,
    ".pth": _TORCH_EXPORT,
    ".safetensors": "has weights but no layers: give a .keras or .onnx file, or a SavedModel folder",
}


def read_labels(file: str | Path) -> tuple[str, ...]:
    """Class names from a text file, one a line; blank lines at its end do not count.

    Raises:
        UsageError: the file is missing or no text, or a name is empty or stands there twice.
    """
    place = Path(file)
    return _labels(str(place), [line.strip() for line in _read(place).rstrip().splitlines()])


def _read(place: Path) -> str:
    try:
        return place.read_text("utf-8-sig")
    except OSError as error:
        raise UsageError(f"{place} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{place} is no text in UTF-8") from error


def _labels(name: str, value: Any) -> tuple[str, ...]:
    if not isinstance(value, (list, tuple)) or not value or not all(isinstance(x, str) for x in value):
        raise UsageError(f"{name} is a list of class names, not {value!r}")
    for place, label in enumerate(value, start=1):
        if not label:
            raise UsageError(f"{name} has an empty name at place {place} of {len(value)}")
        if label in value[: place - 1]:
            raise UsageError(f"{name} has {label!r} twice: at {value.index(label) + 1} and {place}")
    return tuple(value)


def _size(name: str, value: Any) -> tuple[int, int]:
    parts = value.lower().split("x") if isinstance(value, str) else value
    parts = [parts, parts] if isinstance(parts, int) else parts
    try:
        numbers = [int(part) for part in parts if not isinstance(part, (bool, float))]
    except (TypeError, ValueError):
        numbers = []
    numbers = numbers * 2 if len(numbers) == 1 and isinstance(value, str) else numbers
    if len(numbers) != 2 or len(numbers) < len(parts) or not all(8 <= number <= 4096 for number in numbers):
        raise UsageError(
            f"{name} {value!r} is not height and width, 8 to 4096 pixels: write 224, 96x128 or [96, 128]"
        )
    return numbers[0], numbers[1]


def _fraction(name: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value <= 1:
        raise UsageError(f"{name} {value!r} is not a share above 0 and at most 1, such as 0.875")
    return float(value)


def _one_of(name: str, value: Any) -> str:
    offered = _CHOICES[name]
    matching = [choice for choice in offered if choice.lower() == str(value).lower()]
    if not matching:
        raise UsageError(f"{name} {value!r} is not offered: {choose(str(value), offered)}")
    return matching[0]


_CHOICES: Mapping[str, tuple[str, ...]] = {
    "resize": get_args(Resize),
    "interpolation": get_args(Interpolation),
    "channels": get_args(ChannelOrder),
    "layout": get_args(Layout),
    "outputs": get_args(Outputs),
}
_PARSERS: Mapping[str, Any] = {
    "size": _size,
    "crop_fraction": _fraction,
    "labels": _labels,
    "normalise": normalisation.parse,
    **dict.fromkeys(_CHOICES, _one_of),
}
