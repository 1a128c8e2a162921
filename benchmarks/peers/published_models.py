"""Models of ``../shared/data/pi_latency.csv`` as lists of operators, so that nothing must be downloaded.

Each is written down from its paper's table and its authors' code: MobileNetV1 (arXiv 1704.04861), V2
(1801.04381) and V3 (1905.02244) as in tensorflow/models, research/slim/nets; EfficientNet-Lite as in
tensorflow/tpu, models/official/efficientnet/lite; ResNet-50 v1.5 as in MLCommons' reference (stride in
the 3 x 3 convolution); EfficientDet-Lite as in google/automl, efficientdet/hparams_config.py.
``tests/benchmarks/estimate`` holds them against ``model_specs.csv``, and one against a file.
"""

import dataclasses
import math
import re
from collections.abc import Callable, Sequence

from adding_up import CLASSES, Network, inverted, rounded

from edgetl.benchmarks.estimate.work import Work


def mobilenet_v1(width: float, size: int) -> Work:
    """MobileNetV1."""
    net = Network(size)
    net.conv(max(8, int(32 * width)), 3, 2)
    plan = [(64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), *[(512, 1)] * 5, (1024, 2), (1024, 1)]
    for channels, stride in plan:
        net.depthwise(3, stride)
        net.conv(max(8, int(channels * width)))
    return net.classes()


def mobilenet_v2(width: float, size: int) -> Work:
    """MobileNetV2."""
    net = Network(size)
    net.conv(rounded(32 * width), 3, 2)
    plan = [
        (1, 16, 1, 1),
        (6, 24, 2, 2),
        (6, 32, 3, 2),
        (6, 64, 4, 2),
        (6, 96, 3, 1),
        (6, 160, 3, 2),
        (6, 320, 1, 1),
    ]
    for expansion, channels, repeats, stride in plan:
        for repeat in range(repeats):
            inverted(
                net,
                rounded(channels * width),
                expansion * net.channels,
                3,
                stride if repeat == 0 else 1,
            )
    net.conv(rounded(1280 * max(1.0, width)))
    return net.classes()


# Kernel, hidden channels, channels, squeeze-and-excite, hard swish, stride.
_V3_LARGE = (
    (3, 16, 16, 0, 0, 1), (3, 64, 24, 0, 0, 2), (3, 72, 24, 0, 0, 1), (5, 72, 40, 1, 0, 2),
    (5, 120, 40, 1, 0, 1), (5, 120, 40, 1, 0, 1), (3, 240, 80, 0, 1, 2), (3, 200, 80, 0, 1, 1),
    (3, 184, 80, 0, 1, 1), (3, 184, 80, 0, 1, 1), (3, 480, 112, 1, 1, 1), (3, 672, 112, 1, 1, 1),
    (5, 672, 160, 1, 1, 2), (5, 960, 160, 1, 1, 1), (5, 960, 160, 1, 1, 1),
)  # fmt: skip
_V3_SMALL = (
    (3, 16, 16, 1, 0, 2), (3, 72, 24, 0, 0, 2), (3, 88, 24, 0, 0, 1), (5, 96, 40, 1, 1, 2),
    (5, 240, 40, 1, 1, 1), (5, 240, 40, 1, 1, 1), (5, 120, 48, 1, 1, 1), (5, 144, 48, 1, 1, 1),
    (5, 288, 96, 1, 1, 2), (5, 576, 96, 1, 1, 1), (5, 576, 96, 1, 1, 1),
)  # fmt: skip


def mobilenet_v3(large: bool, minimalistic: bool, width: float, size: int) -> Work:
    """MobileNetV3. Minimalistic: no squeeze-and-excite, no hard swish, 3 x 3 kernels only."""
    net = Network(size)
    swish = 0 if minimalistic else 1
    net.conv(16, 3, 2)
    for _ in range(swish):
        net.elementwise()
    for kernel, hidden, channels, squeezes, swishes, stride in _V3_LARGE if large else _V3_SMALL:
        inner = rounded(hidden * width)
        inverted(
            net,
            rounded(channels * width),
            inner,
            3 if minimalistic else kernel,
            stride,
            squeeze=rounded(inner / 4) if squeezes and not minimalistic else None,
            activations=swishes * swish,
        )
    net.conv(rounded((960 if large else 576) * width))
    for _ in range(swish):
        net.elementwise()
    net.mean()
    net.conv(1280 if large else 1024)
    for _ in range(swish):
        net.elementwise()
    net.conv(CLASSES)
    net.elementwise()
    return net.work


_LITE_SCALES = ((1.0, 1.0), (1.0, 1.1), (1.1, 1.2), (1.2, 1.4), (1.4, 1.8))  # width and depth, Lite0 to Lite4
_LITE_STAGES = (
    (1, 3, 1, 1, 16), (2, 3, 2, 6, 24), (2, 5, 2, 6, 40), (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112), (4, 5, 2, 6, 192), (1, 3, 1, 6, 320),
)  # fmt: skip


def efficientnet_lite(number: int, size: int) -> Work:
    """EfficientNet-Lite 0 to 4."""
    net = Network(size)
    _lite_body(net, number)
    net.conv(1280)
    return net.classes(1000)


def _lite_body(net: Network, number: int) -> list[tuple[int, int]]:
    """Without its last convolution; size and channels of the last feature map of each stride."""
    width, depth = _LITE_SCALES[number]
    net.conv(32, 3, 2)
    maps: dict[int, int] = {}
    for place, (repeats, kernel, stride, expansion, channels) in enumerate(_LITE_STAGES):
        ends = place in (0, len(_LITE_STAGES) - 1)
        for repeat in range(repeats if ends else math.ceil(repeats * depth)):
            hidden = expansion * net.channels
            inverted(net, rounded(channels * width), hidden, kernel, stride if repeat == 0 else 1)
        maps[net.size] = net.channels
    return list(maps.items())


# Input size, channels and repeats of the feature pyramid, repeats of the heads, which EfficientNet-Lite.
_DETECTORS = {
    "0": (320, 64, 3, 3, 0), "1": (384, 88, 4, 3, 1), "2": (448, 112, 5, 3, 2),
    "3": (512, 160, 6, 4, 3), "3x": (640, 200, 6, 4, 3), "4": (640, 224, 7, 4, 4),
}  # fmt: skip
_ANCHORS, _OBJECTS = 9, 90


def efficientdet_lite(number: str, size: int) -> Work:
    """EfficientDet-Lite 0 to 4, without the suppression of overlapping boxes."""
    _, channels, cells, repeats, backbone = _DETECTORS[number]
    net = Network(size)
    levels = _lite_body(net, backbone)[2:]  # strides 8, 16 and 32
    deepest = levels[-1][0]
    sizes = [place for place, _ in levels] + [math.ceil(deepest / 2), math.ceil(deepest / 4)]

    def separable(place: int, out: int, *, shared: bool = False) -> None:
        before = net.work.parameters
        net.size, net.channels = place, channels
        net.depthwise(3)
        net.conv(out)
        if shared:
            net.forget_parameters(before)

    for (place, taken), times in zip(levels, (1, 2, 3), strict=True):  # into the pyramid: P6 is made of P5
        for _ in range(times):
            net.size, net.channels = place, taken
            net.conv(channels)
    for _ in range(cells):
        for place in (*sizes[3::-1], *sizes[1:]):  # down to stride 8, and up again
            net.size, net.channels = place, channels
            net.elementwise()  # the other level, resized
            net.elementwise()  # the sum
            separable(place, channels)
    for last in (_ANCHORS * _OBJECTS, _ANCHORS * 4):
        for level, place in enumerate(sizes):  # the levels share their weights
            for _ in range(repeats):
                separable(place, channels, shared=level > 0)
            separable(place, last, shared=level > 0)
    return dataclasses.replace(net.work, boxes=(size / 640) ** 2)


def resnet50(size: int) -> Work:
    """ResNet-50 v1.5."""
    net = Network(size)
    net.conv(64, 7, 2)
    net.pool(2)
    for stage, repeats in enumerate((3, 4, 6, 3)):
        inner = 64 * 2**stage
        for repeat in range(repeats):
            stride = 2 if repeat == 0 and stage else 1
            taken, size_before = net.channels, net.size
            net.conv(inner)
            net.conv(inner, 3, stride)
            net.conv(4 * inner)
            if repeat == 0:  # the shortcut's own convolution
                net.channels, net.size = taken, size_before
                net.conv(4 * inner, 1, stride)
            net.elementwise()
    return net.classes()


_NAMES: Sequence[tuple[str, Callable[..., Work]]] = (
    (r"mobilenet_v1_([\d.]+)_(\d+)", lambda width, size: mobilenet_v1(float(width), int(size))),
    (r"mobilenet_v2_([\d.]+)_(\d+)", lambda width, size: mobilenet_v2(float(width), int(size))),
    (
        r"mobilenet_v3_(large|small)_(minimalistic_)?([\d.]+)_(\d+)",
        lambda kind, plain, width, size: mobilenet_v3(kind == "large", bool(plain), float(width), int(size)),
    ),
    (r"efficientnet_lite(\d)_(\d+)", lambda number, size: efficientnet_lite(int(number), int(size))),
    (r"efficientdet_lite(\d+x?)_(\d+)", lambda number, size: efficientdet_lite(number, int(size))),
    (r"resnet50_v1\.5_(\d+)", lambda size: resnet50(int(size))),
)


def work_of(model: str) -> Work | None:
    """What one inference of a published model costs; None for one that is not written down here."""
    for pattern, build in _NAMES:
        match = re.fullmatch(pattern, model)
        if match:
            return build(*match.groups())
    return None
