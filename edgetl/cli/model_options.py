"""The flags that describe a model which edgetl did not train."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from edgetl.converters.adoption.options import ModelOptions

_FLAGS = (
    ("--size", "height and width it takes, such as 224 or 96x128, if it takes any."),
    ("--normalise", "what its training did to pixels: none, unit, tf, torch, caffe, lite, or values."),
    ("--resize", "crop: the centre of a picture; squash: all of it. [default: crop]"),
    ("--interpolation", "bilinear or bicubic. [default: bicubic]"),
    ("--outputs", "what it answers: auto, probabilities or logits. [default: auto]"),
    ("--channel-order", "order in which it takes colours: RGB or BGR. [default: RGB]"),
    ("--layout", "order of its axes: NHWC or NCHW. [default: from its shape]"),
)


def model_flags(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the flags to a click command, which gets their values under the names that ``from_flags`` takes."""
    for flag, text in reversed(_FLAGS):
        command = click.option(flag, help=f"Own model: {text}")(command)
    command = click.option(
        "--crop-fraction",
        type=float,
        help="Own model: with crop, the share of the centre that is kept. [default: 1.0]",
    )(command)
    command = click.option(
        "--labels",
        type=click.Path(path_type=Path),
        help="Own model: its class names, one a line. [default: the folders of --data, sorted]",
    )(command)
    return click.option(
        "--model-options",
        type=click.Path(path_type=Path),
        help="Own model: a TOML file with the options below; flags win.",
    )(command)


def from_flags(
    *,
    model_options: Path | None,
    labels: Path | None,
    channel_order: str | None,
    crop_fraction: float | None,
    **others: str | None,
) -> "ModelOptions":
    """The flags as one object; what they leave open is taken from the TOML file, if there is one.

    Args:
        model_options: the TOML file.
        labels: the file of class names.
        channel_order: ``RGB`` or ``BGR``.
        crop_fraction: a share.
        others: the remaining flags, by their names.

    Raises:
        UsageError: a value is not one of those offered, or a file cannot be read.
    """
    from edgetl.converters.adoption.options import ModelOptions, read_labels

    values: dict[str, Any] = {
        **others,
        "channels": channel_order,
        "crop_fraction": crop_fraction,
        "labels": None if labels is None else read_labels(labels),
    }
    if model_options is None:
        return ModelOptions.from_values(values)
    return ModelOptions.from_toml(model_options, values)
