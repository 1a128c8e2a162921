"""What an int8 ``.tflite`` file computes, as a Keras network that can be trained.

Every int8 tensor is held as whole numbers, code less zero point, beside the size of its step. Float32 adds
and multiplies whole numbers without an error up to 2 ** 24, so a convolution's sums are those of the file's
integers, and rounding happens where the file rounds. A gradient passes a rounding as if it were not there
and stops at a clipped value (Jacob et al., CVPR 2018, after Bengio et al. 2013, arXiv 1308.3432). The ranges
of activations learn too, on a logarithm (Jain et al., Trained Quantization Thresholds, MLSys 2020).

It runs under any back end of Keras, in a process of its own.
"""

from typing import Any

import keras
import numpy as np
from keras import ops
from numpy.typing import NDArray

from edgetl.converters.aware.operators import RULES, Place
from edgetl.converters.aware.reading import KINDS, SAME_STEPS, Graph, Step
from edgetl.converters.aware.steps import LARGEST, Codes, Grid, Kernel, real
from edgetl.converters.flatbuffer import WEIGHTED, Op
from edgetl.errors import ConversionError

_LEARNING = (
    Op.CONV_2D,
    Op.DEPTHWISE_CONV_2D,
    Op.FULLY_CONNECTED,
    Op.ADD,
    Op.SUB,
    Op.MUL,
    Op.MEAN,
    Op.HARD_SWISH,
)
"""Operators whose output's range may be any. A logistic function's is laid down by TFLite."""


class Simulation(keras.Model):  # type: ignore[misc]
    """uint8 pixels (n, height, width, 3) to logits, float32 (n, classes)."""

    def __init__(self, graph: Graph) -> None:
        """Take weights and ranges from the file.

        Raises:
            ConversionError: there is an operator that is not known here.
        """
        super().__init__(name="simulation")
        unknown = sorted({KINDS[step.kind] for step in graph.steps if step.kind not in RULES})
        if unknown:
            raise ConversionError(
                f"int8 cannot be trained through the operator {', '.join(unknown)} of this model: "
                "leave --quantize-aware out"
            )
        self.graph = graph
        self.kernels = {step.output: _kernel(graph, step) for step in graph.steps if step.kind in WEIGHTED}
        fixed = {index for step in graph.steps if step.kind == Op.CONCATENATION for index in step.inputs}
        self.grids = {
            step.output: Grid(graph.tensors[step.output], step.output)
            for step in graph.steps
            if step.kind in _LEARNING and graph.is_int8(step.output) and step.output not in fixed
        }
        # Keras finds layers in lists, and not in what is keyed by numbers.
        self.parts: list[Any] = [*self.kernels.values(), *self.grids.values()]
        self.built = True

    def call(self, pixels: Any) -> Any:
        """Logits."""
        return real(self.everything(pixels)[self.graph.logits])

    def scale_read(self, output: int) -> NDArray[np.float32] | None:
        """The size of the steps that the operator of this output reads; None where it reads float numbers."""
        (step,) = [step for step in self.graph.steps if step.output == output]
        place = step.inputs[0]
        if not self.graph.is_int8(place):
            return None
        makers = {step.output: step for step in self.graph.steps}
        while makers[place].kind in SAME_STEPS:
            place = makers[place].inputs[0]
        grid = self.grids.get(place)
        scale = self.graph.tensors[place].scale if grid is None else grid.steps()[0]
        return np.asarray(ops.convert_to_numpy(scale), np.float32)

    def everything(self, pixels: Any) -> dict[int, Any]:
        """Each tensor that is computed, by its place: :class:`Codes` or float numbers."""
        graph = self.graph
        start = graph.tensors[graph.pixels]
        whole = ops.cast(pixels, "float32")
        found: dict[int, Any] = {
            graph.pixels: whole if start.scale is None else Codes(whole - start.zero, start.scale)
        }
        for step in graph.steps:
            found[step.output] = RULES[step.kind](Place(self.kernels, self.grids, graph, step, found))
        return found


def _kernel(graph: Graph, step: Step) -> Kernel:
    kernel = graph.tensors[step.inputs[1]].values
    if kernel is None:
        raise ConversionError(
            "int8 cannot be trained through a product of two feature maps: leave --quantize-aware out"
        )
    along = 3 if step.kind == Op.DEPTHWISE_CONV_2D else 0
    bias = graph.tensors[step.inputs[2]].values if len(step.inputs) > 2 and step.inputs[2] >= 0 else None
    bias = np.zeros(kernel.shape[along], np.float32) if bias is None else bias
    scale = graph.tensors[step.output].scale
    reach = 1.0 if scale is None else scale * LARGEST
    quantized = graph.is_int8(step.inputs[0])
    return Kernel(kernel, bias, along=along, reach=reach, quantized=quantized, number=step.output)
