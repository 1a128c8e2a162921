"""Round weights so that what a layer says changes least, not so that each weight changes least.

Rounding each weight to the nearest step is best only for inputs without correlation. Neighbouring pixels and
channels are correlated, and inputs have a mean: so one weight's error is made good by those that are
still to be rounded. This is GPTQ (Frantar, Ashkboos, Hoefler and Alistarh, ICLR 2023; for convolutions in
Frantar and Alistarh, Optimal Brain Compression, NeurIPS 2022), one scale for each output channel. What mean
error is left goes into the bias (Nagel et al., ICCV 2019). The graph stays float: its weights now lie on
the steps that every quantizer then finds, so this costs nothing on the board.
"""

from collections.abc import Callable, Iterable, Mapping, Set
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import onnx
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from edgetl.converters import channel_ranges, onnx_edit
from edgetl.converters.results import Layer, Steps
from edgetl.errors import ConversionError
from edgetl.files import write_arrays
from edgetl.runtime.onnxruntime import OnnxRuntimeEngine

Floats = NDArray[np.float64]
T = TypeVar("T")

PICTURES = 32
_POSITIONS = 128
"""Places of a feature map that are looked at in each picture, evenly spread."""
_MOST_INPUTS = 8192
"""Of a kernel; the products of each two of more than these take a gigabyte."""
_BLOCK = 64
_LARGEST = 127
_DAMPING = 0.01
"""Share of the mean input power that is added to each input, as GPTQ's authors do."""


def write(graph: Path, pictures: Path, out: Mapping[Steps, Path]) -> None:
    """Round every convolution of a float graph; called in a child process.

    For int8 the channels between them are widened first (``channel_ranges.py``).

    Args:
        graph: float ``.onnx`` graph that takes ``pixels``.
        pictures: ``.npy``, uint8 (n, height, width, 3), train pictures.
        out: for each kind of steps the ``.npz`` to write, read back by ``request.read_layers``.
    """
    model = onnx.load(graph)
    pixels = np.load(pictures, mmap_mode="r")
    layers = onnx_edit.weighted(model)
    kernels = {place: onnx_edit.constant(model, node.input[1]) for place, node in enumerate(layers)}
    # A convolution over a line or a volume, or with a huge kernel, is left as it is.
    before = {
        place: kernel
        for place, kernel in kernels.items()
        if kernel.ndim == 4 and kernel[0].size <= _MOST_INPUTS
    }
    convolutions = {place: layers[place] for place in before}
    seen = _statistics(model, convolutions, pixels[:PICTURES])
    for steps, place_of_file in out.items():
        widened = channel_ranges.widen(model, pixels) if steps == "int8" else {}
        arrays: dict[str, NDArray[Any]] = {"tied": np.array(sorted(widened), np.int64)}
        for place, node in convolutions.items():
            kernel = before[place].astype(np.float64)
            mean, power = seen[place]
            factor = np.ones(len(kernel))
            if place in widened:
                kernel = onnx_edit.constant(model, node.input[1]).astype(np.float64)
                factor = widened[place].outputs
                mean, power = _scaled(mean, power, widened[place].inputs)
            rounded = round_kernel(kernel, power, steps)
            groups = len(mean)
            change = (rounded - kernel).reshape(groups, len(kernel) // groups, -1)
            shift = -(change @ mean[..., np.newaxis]).reshape(-1)
            arrays |= {f"before_{place}": before[place], f"kernel_{place}": rounded.astype(np.float32)}
            arrays |= {
                f"factor_{place}": factor.astype(np.float32),
                f"shift_{place}": shift.astype(np.float32),
            }
        write_arrays(place_of_file, **arrays)


def _scaled(mean: Floats, power: Floats, inputs: Floats) -> tuple[Floats, Floats]:
    """The statistics of inputs whose channels were multiplied; float64 (groups, k) and (groups, k, k)."""
    groups, count = mean.shape
    factor = np.repeat(inputs.reshape(groups, -1), groups * count // len(inputs), axis=1)
    return mean * factor, power * factor[:, :, np.newaxis] * factor[:, np.newaxis, :]


def apply(
    kernels: Iterable[tuple[T, NDArray[np.float32]]],
    layers: Mapping[int, Layer],
    put: Callable[[T, Layer], None],
) -> bool:
    """Give the convolutions of a graph of any format their rounded weights.

    Layers whose channels were widened belong together: in a graph that does not have all of them, none of
    the weights is changed.

    Args:
        kernels: what ``put`` knows a convolution by and its kernel, float32 (out, in / groups, height,
            width), for each that has a bias.
        layers: as ``request.read_layers`` gives them.
        put: changes one.

    Returns:
        Whether the weights were changed.
    """
    found = [(place_of(kernel, layers), key) for key, kernel in kernels]
    if not {place for place, layer in layers.items() if layer.tied} <= {place for place, _ in found}:
        return False
    for place, key in found:
        if place is not None:
            put(key, layers[place])
    return True


def place_of(kernel: NDArray[np.float32], layers: Mapping[int, Layer]) -> int | None:
    """Which layer a kernel of another format is, by its values; None when it is none of them.

    Args:
        kernel: float32 (out, in / groups, height, width).
        layers: as ``request.read_layers`` gives them.
    """
    for place, layer in layers.items():
        if onnx_edit.same_kernel(layer.before, kernel):
            return place
    return None


def check_found(wanted: Set[int], found: Set[int | None], format_: str) -> None:
    """See that layers that are to stay in float are there.

    Raises:
        ConversionError: one is not.
    """
    missing = sorted(wanted - found)
    if missing:
        raise ConversionError(
            f"the {format_} graph does not have the layers {', '.join(map(str, missing))} of the ONNX graph, "
            "which were to stay in float: choose another rung or format"
        )


def round_kernel(kernel: Floats, power: Floats, to: Steps = "int8") -> Floats:
    """Round a kernel to steps of int8 or to half precision.

    Args:
        kernel: float64 (out, in / groups, height, width).
        power: float64 (groups, k, k) with k = in / groups * height * width: the mean product of each two
            inputs of the kernel.
        to: ``int8`` or ``float16``.

    Returns:
        float64 of the kernel's shape. For int8 each value is a whole number, -127 to 127, of steps, and the
        largest of each output channel stays at 127 steps; for float16 each is one that half precision has.
    """
    groups, count, _ = power.shape
    rows = kernel.reshape(groups, len(kernel) // groups, count)
    largest = np.abs(rows).max(axis=2, keepdims=True)
    # What half precision cannot hold stays as it is, and the converters leave such a kernel in float32.
    if to == "float16" and largest.max() > np.finfo(np.float16).max:
        return kernel
    snap = _half if to == "float16" else _steps(largest[..., 0])
    # The largest weight sets the steps of int8: if it moved, a quantizer would choose others.
    pinned = (np.abs(rows) == largest) & (to == "int8")
    mean = np.einsum("gii->g", power)[:, np.newaxis, np.newaxis] / count
    damped = power + (_DAMPING * mean + 1e-9) * np.eye(count)
    factor = np.linalg.cholesky(np.linalg.inv(damped)).transpose(0, 2, 1)
    rest, result = rows.copy(), np.empty_like(rows)
    for start in range(0, count, _BLOCK):
        end = min(start + _BLOCK, count)
        errors = np.empty((*rows.shape[:2], end - start))
        for place in range(start, end):
            rounded = snap(np.where(pinned[..., place], rows[..., place], rest[..., place]))
            result[..., place] = rounded
            error = (rest[..., place] - rounded) / factor[:, np.newaxis, place, place]
            rest[..., place:end] -= error[..., np.newaxis] * factor[:, np.newaxis, place, place:end]
            errors[..., place - start] = error
        # What lies behind the block hears of all its errors at once, in one matrix product.
        rest[..., end:] -= errors @ factor[:, start:end, end:]
    return result.reshape(kernel.shape)


def _half(values: Floats) -> Floats:
    most = float(np.finfo(np.float16).max)
    return np.clip(values, -most, most).astype(np.float16).astype(np.float64)


def _steps(largest: Floats) -> Callable[[Floats], Floats]:
    """Rounds to 127 steps on either side; ``largest`` and what is rounded are (groups, out / groups)."""
    step = largest / _LARGEST
    step[step == 0] = 1.0
    return lambda values: np.clip(np.round(values / step), -_LARGEST, _LARGEST) * step


def _statistics(
    model: onnx.ModelProto, nodes: Mapping[int, onnx.NodeProto], pixels: NDArray[np.uint8]
) -> dict[int, tuple[Floats, Floats]]:
    """For each convolution the mean of its inputs, (groups, k), and of their products, (groups, k, k)."""
    extended = onnx.ModelProto()
    extended.CopyFrom(model)
    names = list(dict.fromkeys(node.input[0] for node in nodes.values()))
    del extended.graph.output[1:]
    extended.graph.output.extend(
        onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None) for name in names
    )
    shapes = {tensor.name: tuple(tensor.dims) for tensor in model.graph.initializer}
    sums: dict[int, tuple[Any, Any]] = {}
    counts = dict.fromkeys(nodes, 0)
    with OnnxRuntimeEngine({"model.onnx": extended.SerializeToString()}, num_threads=1) as engine:
        for picture in pixels:
            values = dict(zip(names, engine.run(np.array(picture[np.newaxis]))[1:], strict=True))
            for place, node in nodes.items():
                patches = _patches(values[node.input[0]][0], node, shapes[node.input[1]])
                mean, power = sums.get(place, (0.0, 0.0))
                # Batched matrix products run in BLAS; the same sum by einsum takes ten times as long.
                sums[place] = (mean + patches.sum(axis=1), power + patches.transpose(0, 2, 1) @ patches)
                counts[place] += patches.shape[1]
    return {
        place: (
            np.asarray(mean, np.float64) / counts[place],
            np.asarray(power, np.float64) / counts[place],
        )
        for place, (mean, power) in sums.items()
    }


def _patches(
    image: NDArray[np.float32], node: onnx.NodeProto, kernel: tuple[int, ...]
) -> NDArray[np.float32]:
    """What a kernel reads of one feature map (channels, h, w): (groups, n, in / groups * kh * kw)."""
    options = {item.name: onnx.helper.get_attribute_value(item) for item in node.attribute}
    height, width = kernel[2:]
    top, left, bottom, right = options.get("pads") or _same(options, image.shape, (height, width))
    padded = np.pad(image, ((0, 0), (top, bottom), (left, right)))
    down, across = options.get("dilations", (1, 1))
    reach = ((height - 1) * down + 1, (width - 1) * across + 1)
    windows = sliding_window_view(padded, reach, axis=(1, 2))[..., ::down, ::across]
    stride = options.get("strides", (1, 1))
    windows = windows[:, :: stride[0], :: stride[1]]
    channels, rows, columns = windows.shape[:3]
    chosen = np.linspace(0, rows * columns - 1, min(_POSITIONS, rows * columns)).astype(int)
    groups = channel_ranges.groups_of(node)
    picked = windows[:, chosen // columns, chosen % columns]
    picked = picked.reshape(groups, channels // groups, len(chosen), height * width)
    return picked.transpose(0, 2, 1, 3).reshape(groups, len(chosen), -1)


def _same(options: dict[str, Any], shape: tuple[int, ...], kernel: tuple[int, int]) -> list[int]:
    """The padding behind ``auto_pad``."""
    rule = options.get("auto_pad", b"NOTSET")
    if rule not in (b"SAME_UPPER", b"SAME_LOWER"):
        return [0, 0, 0, 0]
    before, after = [], []
    for size, reach, stride in zip(shape[1:], kernel, options.get("strides", (1, 1)), strict=True):
        total = max((-(-size // stride) - 1) * stride + reach - size, 0)
        small, large = total // 2, total - total // 2
        before.append(small if rule == b"SAME_UPPER" else large)
        after.append(large if rule == b"SAME_UPPER" else small)
    return [*before, *after]
