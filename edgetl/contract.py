"""The contract: what a model expects of a picture, and the labels it answers with. numpy only."""

import unicodedata
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, Literal, get_args

from edgetl.errors import BundleError

Resize = Literal["crop", "squash"]
Interpolation = Literal["bilinear", "bicubic"]


@dataclass(frozen=True)
class Contract:
    """What a model expects and answers. Stored in run and bundle; obeyed by ``edgetl.images``.

    Normalisation is not part of it: that is inside the graph, which takes the raw pixels.
    """

    height: int
    """Rows of the picture the model takes, pixels."""
    width: int
    """Columns of the picture the model takes, pixels."""
    resize: Resize = "crop"
    """``crop``: the centre of the picture, in the model's aspect, resized. ``squash``: all of it."""
    crop_fraction: float = 1.0
    """With ``crop``: the share of the largest centred window that is kept, 0 < share <= 1."""
    interpolation: Interpolation = "bicubic"
    """Kernel of the antialiased resize."""
    channels: Literal["RGB"] = "RGB"
    """Order of the three channels."""
    labels: tuple[str, ...] = ()
    """Class names in the order of the model's outputs; empty for a backbone without a head."""

    def __post_init__(self) -> None:
        rules = (
            (_is_size(self.height) and _is_size(self.width), "height and width are 8 to 4096 pixels"),
            (self.resize in get_args(Resize), "resize is crop or squash"),
            (
                isinstance(self.crop_fraction, (int, float))
                and not isinstance(self.crop_fraction, bool)
                and 0 < self.crop_fraction <= 1,
                "crop_fraction is above 0 and at most 1",
            ),
            (self.interpolation in get_args(Interpolation), "interpolation is bilinear or bicubic"),
            (self.channels == "RGB", "channels is RGB"),
            (all(map(_is_label, self.labels)), "labels are names on one line, without control characters"),
            (len(set(map(str, self.labels))) == len(self.labels), "labels are all different"),
        )
        for holds, rule in rules:
            if not holds:
                raise BundleError(f"the contract breaks a rule: {rule}; it says {asdict(self)}")

    @property
    def shape(self) -> tuple[int, int, int]:
        """(height, width, 3), the shape of one decoded picture."""
        return (self.height, self.width, 3)

    @property
    def pixels_key(self) -> str:
        """Everything that decides how bytes become pixels, as text: two equal keys, equal pixels."""
        rule = f"{self.resize}-{self.crop_fraction:.6f}-{self.interpolation}"
        return f"{self.height}x{self.width}-{rule}-{self.channels}"

    def with_labels(self, labels: tuple[str, ...]) -> "Contract":
        """The same pixels with other labels."""
        return replace(self, labels=labels)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values, the inverse of :meth:`from_dict`."""
        return {**asdict(self), "labels": list(self.labels)}

    @classmethod
    def from_dict(cls, value: Any) -> "Contract":
        """Read a contract written by :meth:`to_dict`.

        Raises:
            BundleError: a key is unknown or missing, or a value breaks a rule.
        """
        names = {field.name for field in fields(cls)}
        if not isinstance(value, dict) or set(value) != names:
            raise BundleError(f"a contract has exactly the keys {', '.join(sorted(names))}")
        labels = value["labels"]
        if not isinstance(labels, list):
            raise BundleError("the contract's labels are not a list")
        return cls(**{**value, "labels": tuple(labels)})


def _is_label(label: object) -> bool:
    # Cc: control characters, which a terminal would obey. Cs: halves of characters, which UTF-8 cannot write.
    return (
        isinstance(label, str)
        and bool(label.strip())
        and not any(unicodedata.category(character) in ("Cc", "Cs") for character in label)
    )


def _is_size(pixels: object) -> bool:
    return isinstance(pixels, int) and not isinstance(pixels, bool) and 8 <= pixels <= 4096
