"""What every model must be before it is exported, whatever library it came from. Light."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from edgetl.converters.adoption.normalisation import PRESETS, Normalisation, presets
from edgetl.converters.adoption.options import Layout, ModelOptions
from edgetl.errors import ConversionError, UsageError


@dataclass(frozen=True)
class ModelInput:
    """The picture a model takes."""

    height: int
    width: int
    channels: int
    """3, or 1 for grey."""
    layout: Layout
    dtype: str
    """``float32``, ``uint8`` and so on."""

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """Of a batch of one picture, in the model's own layout."""
        if self.layout == "NHWC":
            return (1, self.height, self.width, self.channels)
        return (1, self.channels, self.height, self.width)

    @property
    def text(self) -> str:
        """For the user: ``float32 (1, 224, 224, 3), NHWC``."""
        return f"{self.dtype} {self.shape}, {self.layout}"


@dataclass(frozen=True)
class Rewritten:
    """A convention model that was written, and what was found on the way."""

    file: str
    """Its name below the folder."""
    source: ModelInput
    classes: int
    notes: tuple[str, ...]
    embedding_available: bool


def find_input(shape: Sequence[int | None], dtype: str, options: ModelOptions, model: Path) -> ModelInput:
    """Read height, width and channels out of a shape with a batch axis; None is a dynamic axis.

    Raises:
        ConversionError: it is not the shape of a picture.
        UsageError: it leaves open what the options do not say, or they say something else.
    """
    text = f"({', '.join('?' if axis is None else str(axis) for axis in shape)})"
    if len(shape) != 4:
        raise ConversionError(
            f"{model} takes an input of shape {text}, and a picture has four axes: it is no image classifier"
        )
    layout = options.layout or _layout(shape, text, model)
    height, width, channels = (
        (shape[1], shape[2], shape[3]) if layout == "NHWC" else (shape[2], shape[3], shape[1])
    )
    if channels not in (1, 3):
        found = "an unknown number of" if channels is None else channels
        raise ConversionError(
            f"{model} takes {found} channels (its input is {text}, read as {layout}): edgetl exports models "
            "of 3 channels, or of 1 for grey; if the axes are in another order, say --layout"
        )
    if options.size is not None:
        for name, own, given in (("height", height, options.size[0]), ("width", width, options.size[1])):
            if own is not None and own != given:
                raise UsageError(f"{model} has the {name} {own}, and --size says {given}: leave --size out")
        height, width = options.size
    if height is None or width is None:
        raise UsageError(
            f"{model} takes pictures of any size (its input is {text}), and a board's model has one: "
            "say which with --size, such as --size 224 or --size 96x128 (height x width)"
        )
    if not (8 <= height <= 4096 and 8 <= width <= 4096):
        raise ConversionError(f"{model} takes pictures of {height} x {width}: edgetl's are 8 to 4096 pixels")
    return ModelInput(height, width, channels, layout, dtype)


def _layout(shape: Sequence[int | None], text: str, model: Path) -> Layout:
    last, first = shape[3] in (1, 3), shape[1] in (1, 3)
    if last and first:
        raise UsageError(
            f"{model} takes {text}, which may be NHWC or NCHW: say --layout NHWC or --layout NCHW"
        )
    return "NCHW" if first else "NHWC"


def normalisation_of(
    options: ModelOptions, source: ModelInput, *, inside: bool, model: Path
) -> Normalisation:
    """What to do to the pixels before the model.

    Args:
        options: the user's.
        source: what the model takes.
        inside: the model's own first layers scale pixels from 0 to 255.
        model: for the message.

    Raises:
        UsageError: nobody says what the model was trained with; a guess would be wrong in silence.
    """
    chosen = options.normalise
    if source.dtype == "uint8" and chosen is not None and chosen != PRESETS["none"][0]:
        raise UsageError(f"{model} takes whole pixels (uint8) and scales them itself: leave --normalise out")
    if chosen is None and (inside or source.dtype == "uint8"):
        chosen = PRESETS["none"][0]
    if chosen is None:
        raise UsageError(
            f"{model} does not scale its pixels itself: say what its training did to them with "
            f"--normalise ({presets()}), or with values, such as --normalise 'mean=0.5 std=0.25 range=1'"
        )
    if source.channels == 1 and len(chosen.scale) == 3:
        raise UsageError(
            f"{model} takes grey pictures, so --normalise has one value, not one for each channel"
        )
    return chosen


def refuse_labels(labels: Sequence[str], classes: int, model: Path) -> None:
    """Compare the labels with the model's outputs.

    Raises:
        UsageError: there are more or fewer.
    """
    if len(labels) != classes:
        raise UsageError(
            f"{model} tells {classes} classes apart, and there are {len(labels)} labels: give a file with "
            f"{classes} names, one a line, in the order of the model's outputs, with --labels FILE"
        )


def count_classes(shape: Sequence[int | None], model: Path) -> tuple[int, bool]:
    """The number of classes in the shape of an output, and whether it is one sigmoid for two classes.

    Raises:
        ConversionError: it is not the shape of a classifier's output.
    """
    text = f"({', '.join('?' if axis is None else str(axis) for axis in shape)})"
    axes = [axis for axis in shape[1:] if axis != 1]
    if len(axes) > 1 or None in axes:
        raise ConversionError(
            f"{model} gives an output of shape {text}, and a classifier's is (n, classes): "
            "it is a feature map, a detector or a segmentation; add a pooling and a head first"
        )
    if len(shape) < 2:
        raise ConversionError(
            f"{model} gives an output of shape {text}: a classifier gives a value for each class"
        )
    return (int(axes[0] or 0), False) if axes else (2, True)


def dtype_refusal(dtype: str, model: Path) -> None:
    """Refuse inputs that are no numbers of a picture.

    Raises:
        ConversionError: such as ``string``, for models that decode pictures themselves.
    """
    if dtype not in ("float32", "float16", "uint8"):
        raise ConversionError(
            f"{model} takes an input of type {dtype}, and pixels are float32, float16 or uint8: "
            "export the part of it that takes pixels"
        )


def refuse_batch(shape: Sequence[int | None], model: Path) -> None:
    """Refuse models for several pictures at a time.

    Raises:
        ConversionError: the first axis is neither 1 nor dynamic.
    """
    if shape and shape[0] not in (None, 1):
        raise ConversionError(
            f"{model} takes {shape[0]} pictures at a time: export it for one, or for any number"
        )
