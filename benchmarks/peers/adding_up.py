"""A network as a list of operators: its work is added up while it is written down from its input on."""

import dataclasses
import math

from edgetl.benchmarks.estimate.work import Work, operator

CLASSES = 1001  # of ImageNet with a background, as these files were published


def rounded(channels: float, divisor: int = 8) -> int:
    """Channels after a width multiplier, as slim and EfficientNet round them: never down by over a tenth."""
    near = max(divisor, int(channels + divisor / 2) // divisor * divisor)
    return near + divisor if near < 0.9 * channels else near


class Network:
    """Adds up the work of a network from its input on."""

    def __init__(self, size: int) -> None:
        self.size, self.channels, self.work = size, 3, Work()

    @property
    def numbers(self) -> int:
        """Of the feature map so far."""
        return self.size**2 * self.channels

    def conv(self, channels: int, kernel: int = 1, stride: int = 1) -> None:
        """A convolution over all channels, with bias and a fused activation."""
        taken, self.channels = self.channels, channels
        self.size = math.ceil(self.size / stride)
        weights = taken * kernel**2
        self.work += operator(
            "conv",
            macs=self.numbers * weights,
            values=self.numbers,
            parameters=(weights + 1) * channels,
        )

    def depthwise(self, kernel: int, stride: int = 1) -> None:
        """A convolution of each channel by itself, with bias and a fused activation."""
        self.size = math.ceil(self.size / stride)
        weights = kernel**2
        self.work += operator(
            "depthwise",
            macs=self.numbers * weights,
            values=self.numbers,
            parameters=(weights + 1) * self.channels,
        )

    def forget_parameters(self, before: int) -> None:
        """What came since then shares its weights with what came before."""
        self.work = dataclasses.replace(self.work, parameters=before)

    def pool(self, stride: int) -> None:
        """A pooling of any kind."""
        self.size = math.ceil(self.size / stride)
        self.elementwise()

    def elementwise(self) -> None:
        """A sum, a product or an activation that stands by itself."""
        self.work += operator("other", values=self.numbers)

    def mean(self) -> None:
        """Over the feature map."""
        self.size = 1
        self.elementwise()

    def squeeze(self, channels: int) -> None:
        """Squeeze-and-excite: mean, two 1 x 1 convolutions, a sigmoid, a product."""
        size, whole = self.size, self.channels
        self.mean()
        self.conv(channels)
        self.conv(whole)
        self.elementwise()
        self.size = size
        self.elementwise()

    def classes(self, count: int = CLASSES) -> Work:
        """Mean, classifier and softmax; the work of all."""
        self.mean()
        self.conv(count)
        self.elementwise()  # softmax
        return self.work


def inverted(
    net: Network,
    out: int,
    hidden: int,
    kernel: int,
    stride: int,
    squeeze: int | None = None,
    activations: int = 0,
) -> None:
    """An inverted residual. ``activations``: operators after each convolution that no engine fuses."""
    taken = net.channels
    if hidden != taken:
        net.conv(hidden)
        for _ in range(activations):
            net.elementwise()
    net.depthwise(kernel, stride)
    for _ in range(activations):
        net.elementwise()
    if squeeze:
        net.squeeze(squeeze)
    net.conv(out)
    if stride == 1 and taken == out:
        net.elementwise()
