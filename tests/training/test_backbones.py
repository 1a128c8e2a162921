"""The table of backbones: complete, consistent, light, and helpful about typing mistakes."""

import pickle
import subprocess
import sys

import pytest

from edgetl.errors import UsageError
from edgetl.training import backbones
from edgetl.training.backbones import TABLE

PROMISED = (
    *(f"efficientnet_lite{digit}" for digit in range(3)),
    *("mobilenet", "mobilenet_v2", "mobilenet_v3_small", "mobilenet_v3_large"),
    *(f"efficientnet_b{digit}" for digit in range(4)),
    *(f"efficientnet_v2_b{digit}" for digit in range(4)),
    *("vgg16", "vgg19", "resnet50", "inception_v3", "alexnet"),
)


def test_every_promised_backbone_is_there_and_the_default_needs_no_download() -> None:
    assert tuple(TABLE) == PROMISED
    assert TABLE[backbones.DEFAULT].package is not None


@pytest.mark.parametrize("row", TABLE.values(), ids=TABLE)
def test_a_row_says_everything_that_the_list_prints(row: backbones.Backbone) -> None:
    assert row.parameters > 900_000
    assert row.macs > 50_000_000
    assert row.features in (512, 576, 960, 1024, 1280, 1408, 1536, 2048, 4096)
    assert row.normalisation.text
    assert row.weights
    assert row.min_size <= row.default_size <= backbones.MAX_SIZE
    assert 1.0 in row.widths
    assert pickle.loads(pickle.dumps(row)) == row


def test_the_contract_of_lite0_is_the_one_its_weights_were_published_with() -> None:
    contract = backbones.get("efficientnet_lite0").contract()
    assert contract.shape == (224, 224, 3)
    assert contract.pixels_key == "224x224-crop-0.875000-bicubic-RGB"
    assert contract.labels == ()


def test_the_size_can_be_chosen_within_limits() -> None:
    assert backbones.get("mobilenet").contract(96).shape == (96, 96, 3)
    with pytest.raises(UsageError, match=r"size 74 is not offered for inception_v3: choose 75 to 1024"):
        backbones.get("inception_v3").contract(74)
    with pytest.raises(UsageError, match="choose 32 to 1024 pixels"):
        backbones.get("mobilenet").contract(1025)


def test_a_width_without_weights_is_refused_with_those_that_have_some() -> None:
    backbones.get("mobilenet_v2").check_width(0.35)
    with pytest.raises(UsageError, match=r"width 0.6 .* mobilenet_v2: choose 0.35, 0.5, 0.75, 1, 1.3, 1.4"):
        backbones.get("mobilenet_v2").check_width(0.6)


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("mobilenetv2", "mobilenet_v2"),
        ("EfficientNet-Lite0", "efficientnet_lite0"),
        ("lite1", "efficientnet_lite1"),
        ("resnet", "resnet50"),
    ],
)
def test_a_near_miss_gets_a_suggestion(typed: str, meant: str) -> None:
    with pytest.raises(UsageError, match=f"'{typed}' is not known: did you mean {meant}"):
        backbones.get(typed)


def test_an_unknown_name_gets_the_list() -> None:
    with pytest.raises(UsageError, match=r"'qqq' is not known: choose efficientnet_lite0, .*, alexnet"):
        backbones.get("qqq")


def test_table_and_search_for_weights_load_no_keras() -> None:
    code = (
        "import sys; from edgetl.training import backbones, weights; "
        "weights.find(backbones.get(backbones.DEFAULT), 1.0, None); "
        "print(*{'keras', 'tensorflow', 'h5py', 'sklearn'} & set(sys.modules))"
    )
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert loaded.stdout.strip() == ""
