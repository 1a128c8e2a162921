"""A Keras model as a flat list of calls, without what does nothing once training is over."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import keras

# What these do is for training only; at inference they hand on what they get. Not RandomCrop, which then
# takes the centre. ConvertToTensor is what Keras puts in front of every nested model.
_INERT = (
    *("Dropout", "SpatialDropout1D", "SpatialDropout2D", "GaussianDropout", "GaussianNoise", "AlphaDropout"),
    *("ActivityRegularization", "Identity", "RandomFlip", "RandomRotation", "RandomTranslation"),
    *("RandomZoom", "RandomContrast", "RandomBrightness", "RandomShear", "RandomHue", "RandomSaturation"),
    *("RandomSharpness", "RandomColorJitter", "RandomErasing", "RandomGaussianBlur", "RandomGrayscale"),
    *("RandomInvert", "RandomPerspective", "RandomElasticTransform", "ConvertToTensor"),
)


@dataclass(frozen=True)
class Step:
    """One call of a layer, or of an operation of ``keras.ops``."""

    layer: Any
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    output: Any

    @property
    def kind(self) -> str:
        """The class of the layer: ``Conv2D``."""
        return type(self.layer).__name__

    @property
    def source(self) -> Any:
        """What it is called on, or the first of these."""
        return keras.tree.flatten((self.args, self.kwargs))[0]

    @property
    def activation(self) -> str | None:
        """``softmax``, ``sigmoid``, ``linear`` and so on, if the layer or operation has one."""
        if self.kind in ("Softmax", "Sigmoid"):
            axis = getattr(self.layer, "axis", -1)
            return self.kind.lower() if axis in (-1, len(self.output.shape) - 1) else "another"
        function = getattr(self.layer, "activation", None)
        return getattr(function, "__name__", "another") if function is not None else None

    @property
    def inert(self) -> bool:
        """It hands on what it gets."""
        return self.kind in _INERT or (self.kind == "Activation" and self.activation == "linear")

    def call(self, layer: Any, known: dict[int, Any]) -> Any:
        """Call ``layer`` as this step does, on what now stands for the tensors of old."""
        args, kwargs = keras.tree.map_structure(
            lambda value: known.get(id(value), value), (self.args, self.kwargs)
        )
        return layer(*args, **{k: v for k, v in kwargs.items() if k not in ("training", "mask")})


@dataclass(frozen=True)
class Graph:
    """A flat model with one input and one output."""

    start: Any
    """Its input, a KerasTensor."""
    steps: tuple[Step, ...]
    """Each after those that it needs."""
    end: Any
    """Its output, a KerasTensor."""

    def users(self, tensor: Any) -> list[Step]:
        """The steps that read a tensor."""
        return [
            step
            for step in self.steps
            if any(value is tensor for value in keras.tree.flatten((step.args, step.kwargs)))
        ]

    def maker(self, tensor: Any) -> Step | None:
        """The step that a tensor comes from, or None for the input."""
        for step in self.steps:
            if any(value is tensor for value in keras.tree.flatten(step.output)):
                return step
        return None

    def back(self, tensor: Any, passing: Callable[[Step], bool]) -> Any:
        """The tensor before all the steps that may be passed over, one after the other."""
        step = self.maker(tensor)
        while step is not None and passing(step):
            tensor = step.source
            step = self.maker(tensor)
        return tensor


def read(network: keras.Model, shape: Sequence[int]) -> Graph:
    """Take a functional or sequential model apart; models inside it are unpacked, weights stay shared.

    Args:
        network: with one input and one output.
        shape: of one picture, without the batch, in the model's own layout.
    """
    _make_names_unique(network)
    start = keras.Input(tuple(shape), dtype="float32", name="pixels_in")
    flat = keras.Model(start, _only(network.call(start)))
    while any(isinstance(layer, keras.Model) for layer in flat.layers):
        flat = keras.models.clone_model(flat, clone_function=lambda layer: layer, call_function=_unpack)
    steps: list[Step] = []

    def record(layer: Any, *args: Any, **kwargs: Any) -> Any:
        output = layer(*args, **kwargs)
        steps.append(Step(layer, args, kwargs, output))
        return output

    copy = keras.models.clone_model(flat, clone_function=lambda layer: layer, call_function=record)
    return Graph(copy.inputs[0], tuple(steps), copy.outputs[0])


def renewed(layer: Any, source: Any, weights: Sequence[Any] | None = None, **changes: Any) -> Any:
    """The output of a float32 copy of a layer, called on ``source``, with some of its settings changed."""
    copy = type(layer).from_config(layer.get_config() | {"dtype": "float32"} | changes)
    output = copy(source)
    copy.set_weights(layer.get_weights() if weights is None else weights)
    return output


def rename(layers: Sequence[Any], reserved: Sequence[str]) -> None:
    """Free the reserved names, and those with a first letter that a SavedModel does not take."""
    taken = {layer.name for layer in layers} | set(reserved)
    for layer in layers:
        if layer.name in reserved or layer.name.startswith("_"):
            layer.name = _free(layer.name.lstrip("_") or "layer", taken)
            taken.add(layer.name)


def _unpack(layer: Any, *args: Any, **kwargs: Any) -> Any:
    return _only(layer.call(args[0])) if isinstance(layer, keras.Model) else layer(*args, **kwargs)


def _only(value: Any) -> Any:
    flat = keras.tree.flatten(value)
    return flat[0] if len(flat) == 1 else value


def _make_names_unique(network: keras.Model) -> None:
    """A model inside another may use its names anew, which one flat model cannot."""
    seen: set[int] = set()
    taken: set[str] = set()

    def visit(owner: keras.Model) -> None:
        for item in getattr(owner, "operations", owner.layers):
            if id(item) in seen:
                continue
            seen.add(id(item))
            if item.name in taken:
                item.name = _free(item.name, taken)
            taken.add(item.name)
            if isinstance(item, keras.Model):
                visit(item)

    visit(network)


def _free(name: str, taken: set[str]) -> str:
    return next(f"{name}_{number}" for number in range(1, len(taken) + 2) if f"{name}_{number}" not in taken)
