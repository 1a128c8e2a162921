"""A backbone and its twin that computes channels first, both run by OpenVINO; in a child process."""

from pathlib import Path

import keras
import numpy as np
import openvino

from edgetl.training import architectures, backbones
from edgetl.training.architectures import pooling


def difference(name: str, folder: Path) -> tuple[float, int]:
    """How far the twin's features are from the backbone's, and how often its graph turns a map round.

    Args:
        name: of a backbone, which gets random weights.
        folder: to write into.

    Returns:
        The largest difference as a share of the largest feature, and the number of transpositions that run.
    """
    row = backbones.get(name)
    width, size = row.widths[0], max(row.min_size, 64)
    model = architectures.bare(row, size=size, width=width)
    random = np.random.default_rng(0)
    # Statistics that are not all alike, so that a mix-up of the channels shows.
    model.set_weights(
        [
            (value + random.uniform(-0.05, 0.05, value.shape) * (value != 1)).astype(np.float32)
            if value.ndim == 1
            else value
            for value in model.get_weights()
        ]
    )
    pixels = random.integers(0, 256, (1, size, size, 3), np.uint8)
    twin = architectures.channels_first(model, row, size=size, width=width)
    blocks = pooling.block_names(model)
    twin = pooling.with_blocks(twin, pooling.names_in_twin(model, twin, blocks))
    model = pooling.with_blocks(model, blocks)
    theirs, transpositions = _run(twin, folder / "twin.xml", pixels)
    keras.config.set_image_data_format("channels_last")
    ours, _ = _run(model, folder / "model.xml", pixels)
    return float(np.abs(ours - theirs).max() / np.abs(ours).max()), transpositions


def _run(model: keras.Model, place: Path, pixels: np.ndarray) -> tuple[np.ndarray, int]:
    model.export(str(place), format="openvino", verbose=False)
    graph = openvino.Core().read_model(place)
    graph.reshape(list(pixels.shape))
    compiled = openvino.Core().compile_model(graph, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    kinds = [str(op.get_rt_info()["layerType"].value) for op in compiled.get_runtime_model().get_ops()]
    return np.asarray(compiled([pixels])[0]), kinds.count("Transpose")
