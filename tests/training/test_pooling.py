"""What a head can read of a backbone: which layers end a block, and that their averages are the features."""

import keras
import numpy as np
import pytest

from edgetl.training import architectures, backbones
from edgetl.training.architectures import pooling

# TensorFlow's own tensors under NumPy 2; nothing here can help it.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept:DeprecationWarning")


def bare(name: str, size: int) -> keras.Model:
    row = backbones.get(name)
    return architectures.bare(row, size=size, width=row.widths[0])


def test_the_blocks_of_efficientnet_lite_are_what_each_repeat_gives() -> None:
    assert pooling.block_names(bare("efficientnet_lite0", 224)) == [
        "stage3_block0_project_bn",
        "stage3_block1_add",
        "stage3_block2_add",
        "stage4_block0_project_bn",
        "stage4_block1_add",
        "stage4_block2_add",
        "stage5_block0_project_bn",
        "stage5_block1_add",
        "stage5_block2_add",
        "stage5_block3_add",
        "stage6_block0_project_bn",
    ]


@pytest.mark.parametrize(
    "name", ["mobilenet", "mobilenet_v2", "mobilenet_v3_small", "efficientnet_b0", "resnet50"]
)
def test_blocks_widen_and_shrink_towards_the_end_and_come_before_the_last_map(name: str) -> None:
    if name not in backbones.TABLE:
        pytest.skip(f"the table has no {name}")
    size = max(64, backbones.get(name).min_size)
    model = bare(name, size)
    names = pooling.block_names(model)
    shapes = [model.get_layer(each).output.shape[1:] for each in names]
    assert len(names) == len(set(names)) > 2
    assert shapes == sorted(shapes, key=lambda shape: (-shape[0], shape[2]))
    assert all(height <= size / 16 for height, _, _ in shapes)


def test_a_row_is_the_last_map_and_then_the_average_of_each_block() -> None:
    model = bare("efficientnet_lite0", 64)
    names = pooling.block_names(model)
    pixels = np.random.default_rng(1).integers(0, 256, (2, 64, 64, 3), dtype=np.uint8)
    maps = keras.Model(model.input, [model.get_layer(name).output for name in names])(pixels)
    averages = [keras.ops.convert_to_numpy(each).mean(axis=(1, 2)) for each in maps]
    expected = np.concatenate([keras.ops.convert_to_numpy(model(pixels)), *averages], axis=1)
    found = keras.ops.convert_to_numpy(pooling.with_blocks(model, names)(pixels))
    np.testing.assert_allclose(expected, found, rtol=1e-4, atol=1e-5)


def test_a_model_without_blocks_stays_as_it_is() -> None:
    model = bare("efficientnet_lite0", 64)
    assert pooling.with_blocks(model, []) is model


def test_what_lies_above_the_blocks_is_the_last_convolution_and_the_average() -> None:
    assert {"head_conv", "head_bn", "head_relu", "embedding"} == pooling.above_blocks(
        bare("efficientnet_lite0", 64)
    )
