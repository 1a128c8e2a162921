"""Where the channels of a Keras model can be scaled without a trace, and how.

Where nothing between two layers bends (no activation, or ReLU), a channel may be multiplied by any positive
number in the layer that writes it and divided by it in the layer that reads it. Tensors that an addition
joins share their scales, so they are found as one group.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import keras
import numpy as np
from keras import layers
from numpy.typing import NDArray

KEPT = ("embedding",)
"""Layers whose output is left as it is, since a bundle may offer it to the user."""

_WEIGHTED = (layers.Conv2D, layers.DepthwiseConv2D, layers.Dense)
_POOLS = (
    layers.AveragePooling2D,
    layers.MaxPooling2D,
    layers.GlobalAveragePooling2D,
    layers.GlobalMaxPooling2D,
)
_PASSING = (
    *_POOLS,
    layers.Add,
    layers.LeakyReLU,
    layers.PReLU,
    layers.Dropout,
    layers.SpatialDropout2D,
    layers.ZeroPadding2D,
    layers.Cropping2D,
    layers.Flatten,
)
"""Layers f with f(s x) = s f(x) for every s > 0, channel by channel, whatever their settings."""
_HOMOGENEOUS = (keras.activations.linear, keras.activations.relu, keras.activations.leaky_relu)


@dataclass(frozen=True)
class Group:
    """Tensors that must share one scale a channel, and the layers that can take it up."""

    writers: tuple[Any, ...]
    """Keras layers whose output channels can be multiplied."""
    readers: tuple[Any, ...]
    """Keras layers whose input channels can be divided."""
    joints: tuple[Any, ...]
    """Additions inside the group: what they read is stored, so its range counts too."""
    channels: int


def groups(model: keras.Model) -> tuple[Group, ...]:
    """The tensors of a model, also of models inside it, whose channels can be scaled without a trace.

    Layers that are called more than once, and whatever is not known to be safe, keep what they touch
    as it is. A model that is neither functional nor sequential has no groups.
    """
    graph = _Graph()
    graph.keep(graph.walk(model, "", ()))
    return tuple(graph.groups())


def scale(group: Group, factors: NDArray[np.float64]) -> None:
    """Multiply the channels of a group by ``factors``, all positive, (channels,), in place."""
    for layer in group.writers:
        _multiply_output(layer, np.tile(factors, _outputs(layer) // group.channels))
    for layer in group.readers:
        _divide_input(layer, np.tile(factors, _inputs(layer) // group.channels))


def input_weights(group: Group) -> NDArray[np.float64]:
    """The largest absolute weight each channel meets where a kernel mixes channels, (channels,); else 0."""
    peaks = np.zeros(group.channels)
    for layer in group.readers:
        if type(layer) in (layers.Conv2D, layers.Dense):
            kernel = np.abs(np.asarray(layer.kernel, np.float64))
            inputs, outputs = kernel.shape[-2:]
            parts = kernel.reshape(-1, inputs, _inputs(layer) // inputs, outputs * inputs // _inputs(layer))
            by_input = parts.max(axis=(0, 3)).T.reshape(-1, group.channels)
            np.maximum(peaks, by_input.max(axis=0), out=peaks)
    return peaks


@dataclass
class _Graph:
    """Every use of a layer: which tensors it reads and writes. Names of tensors are paths of layers."""

    uses: list[tuple[Any, tuple[str, ...], str]] = field(default_factory=list)
    parents: dict[str, str] = field(default_factory=dict)
    kept: set[str] = field(default_factory=set)

    def keep(self, tensors: tuple[str, ...]) -> None:
        self.kept.update(tensors)

    def root(self, tensor: str) -> str:
        while tensor in self.parents:
            tensor = self.parents[tensor]
        return tensor

    def join(self, *tensors: str) -> None:
        first, *others = dict.fromkeys(map(self.root, tensors))
        self.parents.update(dict.fromkeys(others, first))

    def walk(self, model: keras.Model, path: str, inputs: tuple[str, ...]) -> tuple[str, ...]:
        """Take in the layers of a model that reads ``inputs``; gives the tensors it writes."""
        config = model.get_config()
        if "layers" not in config:
            self.keep((*inputs, path))
            return (path,)
        if isinstance(model, keras.Sequential):
            return self._walk_chain(model, path, inputs)
        operations = {operation.name: operation for operation in model.operations}
        entrances = [f"{path}/{name}" for name in _histories(config["input_layers"])]
        if inputs and len(inputs) == len(entrances):
            for outer, inner in zip(inputs, entrances, strict=True):
                self.join(outer, inner)
        else:
            self.keep((*inputs, *entrances))
        for entry in config["layers"]:
            name, calls = entry["config"]["name"], entry["inbound_nodes"]
            if not isinstance(operations[name], layers.InputLayer):
                sources = [tuple(f"{path}/{source}" for source in _histories(call)) for call in calls]
                self._use(operations[name], sources, f"{path}/{name}")
        return tuple(f"{path}/{name}" for name in _histories(config["output_layers"]))

    def _walk_chain(self, model: keras.Sequential, path: str, inputs: tuple[str, ...]) -> tuple[str, ...]:
        if len(inputs) != 1:
            inputs = (f"{path}/input",)
            self.keep(inputs)
        for layer in model.layers:
            self._use(layer, [inputs], f"{path}/{layer.name}")
            inputs = (f"{path}/{layer.name}",)
        return inputs

    def _use(self, operation: Any, calls: list[tuple[str, ...]], output: str) -> None:
        if not isinstance(operation, keras.Model) or len(calls) != 1:
            self.uses += [(operation, sources, output) for sources in calls]
            return
        written = self.walk(operation, output, calls[0])
        if len(written) == 1:
            self.join(output, *written)
        else:
            self.keep((output, *written))

    def groups(self) -> Iterator[Group]:
        times = Counter(id(operation) for operation, _, _ in self.uses)
        single = [use for use in self.uses if times[id(use[0])] == 1]
        for operation, sources, output in self.uses:
            if times[id(operation)] > 1:
                self.keep((*sources, output))
            elif _passes(operation):
                self.join(output, *sources)
        writers: dict[str, list[Any]] = defaultdict(list)
        readers: dict[str, list[Any]] = defaultdict(list)
        joints: dict[str, list[Any]] = defaultdict(list)
        for operation, sources, output in single:
            if operation.name in KEPT:
                self.keep((output,))
            if _passes(operation):
                if isinstance(operation, layers.Add):
                    joints[self.root(output)].append(operation)
                continue
            if _reads(operation):
                readers[self.root(sources[0])].append(operation)
            else:
                self.keep(sources)
            if _writes(operation):
                writers[self.root(output)].append(operation)
            else:
                self.keep((output,))
        kept = {self.root(tensor) for tensor in self.kept}
        for root in (root for root in writers if root in readers and root not in kept):
            sizes = [*map(_outputs, writers[root]), *map(_inputs, readers[root])]
            # A flattened tensor has each channel many times over, in turns.
            group = Group(tuple(writers[root]), tuple(readers[root]), tuple(joints[root]), min(sizes))
            if all(size % group.channels == 0 for size in sizes) and not _folded(group):
                yield group


def _histories(value: Any) -> Iterator[str]:
    """Names of the layers whose tensors stand in a piece of a Keras configuration."""
    if isinstance(value, dict):
        for part in value.values():
            yield from _histories(part)
    elif isinstance(value, (list, tuple)):
        if len(value) == 3 and isinstance(value[0], str) and all(isinstance(part, int) for part in value[1:]):
            yield value[0]
        else:
            for part in value:
                yield from _histories(part)


def _passes(operation: Any) -> bool:
    if type(operation) is layers.ReLU:
        return bool(operation.max_value is None and operation.threshold == 0)
    if type(operation) is layers.Activation:
        return operation.activation in _HOMOGENEOUS
    return type(operation) in _PASSING and _channels_last(operation)


def _reads(operation: Any) -> bool:
    return _is_batch_norm(operation) or (type(operation) in _WEIGHTED and _channels_last(operation))


def _writes(operation: Any) -> bool:
    return _reads(operation) and (_is_batch_norm(operation) or operation.activation in _HOMOGENEOUS)


def _folded(group: Group) -> bool:
    """What lies between a convolution and the normalisation that every converter folds into it."""
    return not group.joints and len(group.readers) == 1 and _is_batch_norm(group.readers[0])


def _channels_last(operation: Any) -> bool:
    return bool(operation.get_config().get("data_format", "channels_last") == "channels_last")


def _is_batch_norm(operation: Any) -> bool:
    """One that has a factor of its own for each channel of the last axis."""
    if type(operation) is not layers.BatchNormalization or not operation.scale:
        return False
    return operation.axis in (-1, len(operation.input.shape) - 1)


def _outputs(layer: Any) -> int:
    if _is_batch_norm(layer):
        return int(layer.gamma.shape[0])
    kernel = layer.kernel.shape
    return int(kernel[-1] * kernel[-2] if type(layer) is layers.DepthwiseConv2D else kernel[-1])


def _inputs(layer: Any) -> int:
    if _is_batch_norm(layer):
        return int(layer.gamma.shape[0])
    return int(layer.kernel.shape[-2]) * (layer.groups if type(layer) is layers.Conv2D else 1)


def _multiply_output(layer: Any, factors: NDArray[np.float64]) -> None:
    if _is_batch_norm(layer):
        _replace(layer.gamma, lambda gamma: gamma * factors)
        if layer.center:
            _replace(layer.beta, lambda beta: beta * factors)
        return
    # A depthwise kernel is (h, w, inputs, multiplier), and its outputs come in that order.
    shape = tuple(layer.kernel.shape[-2:]) if type(layer) is layers.DepthwiseConv2D else (-1,)
    _replace(layer.kernel, lambda kernel: kernel * factors.reshape(shape))
    if layer.use_bias:
        _replace(layer.bias, lambda bias: bias * factors)


def _divide_input(layer: Any, factors: NDArray[np.float64]) -> None:
    if _is_batch_norm(layer):
        # gamma (s x - s m) / s, with the variance as it was: epsilon is added to that.
        _replace(layer.moving_mean, lambda mean: mean * factors)
        _replace(layer.gamma, lambda gamma: gamma / factors)
    elif type(layer) is layers.Conv2D and layer.groups > 1:
        # The kernel of a grouped convolution is (h, w, inputs of a group, outputs of all groups).
        by_group = factors.reshape(layer.groups, -1).T
        spread = np.repeat(by_group, layer.kernel.shape[-1] // layer.groups, axis=1)
        _replace(layer.kernel, lambda kernel: kernel / spread)
    else:
        _replace(layer.kernel, lambda kernel: kernel / factors[:, np.newaxis])


def _replace(variable: Any, change: Callable[[Any], Any]) -> None:
    variable.assign(change(np.asarray(variable, np.float64)).astype(np.float32))
