import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgetl.contract import Contract
from edgetl.errors import BundleError

CONTRACT = Contract(48, 64, "crop", 0.875, "bilinear", labels=("ant", "bee"))

contracts = st.builds(
    Contract,
    height=st.integers(8, 4096),
    width=st.integers(8, 4096),
    resize=st.sampled_from(["crop", "squash"]),
    crop_fraction=st.floats(0, 1, exclude_min=True),
    interpolation=st.sampled_from(["bilinear", "bicubic"]),
    labels=st.lists(
        st.text(st.characters(exclude_categories=["Cc", "Cs"]), min_size=1).filter(str.strip), unique=True
    ).map(tuple),
)


@given(contracts)
def test_a_contract_survives_json(contract: Contract) -> None:
    assert contract == Contract.from_dict(json.loads(json.dumps(contract.to_dict())))


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ({"height": 7}, "height and width are 8 to 4096 pixels"),
        ({"width": 4097}, "height and width are 8 to 4096 pixels"),
        ({"width": True}, "height and width are 8 to 4096 pixels"),
        ({"height": 48.0}, "height and width are 8 to 4096 pixels"),
        ({"height": None}, "height and width are 8 to 4096 pixels"),
        ({"resize": "stretch"}, "resize is crop or squash"),
        ({"resize": ["crop"]}, "resize is crop or squash"),
        ({"crop_fraction": 0}, "crop_fraction is above 0 and at most 1"),
        ({"crop_fraction": 1.01}, "crop_fraction is above 0 and at most 1"),
        ({"crop_fraction": float("nan")}, "crop_fraction is above 0 and at most 1"),
        ({"crop_fraction": "all"}, "crop_fraction is above 0 and at most 1"),
        ({"interpolation": "nearest"}, "interpolation is bilinear or bicubic"),
        ({"channels": "BGR"}, "channels is RGB"),
        ({"labels": ["ant", "ant"]}, "labels are all different"),
        ({"labels": ["ant", " "]}, "labels are names on one line"),
        ({"labels": ["ant", "be\ne"]}, "labels are names on one line"),
        ({"labels": ["ant", "\x1b[31mbee"]}, "without control characters"),
        ({"labels": ["ant", "\ud800"]}, "without control characters"),
        ({"labels": ["ant", 2]}, "labels are names on one line"),
        ({"labels": ["ant", ["bee"]]}, "labels are names on one line"),
        ({"labels": "ant"}, "labels are not a list"),
    ],
)
def test_a_broken_rule_is_named(change: dict[str, object], rule: str) -> None:
    with pytest.raises(BundleError, match=rule):
        Contract.from_dict({**CONTRACT.to_dict(), **change})


def test_keys_are_exactly_those_of_a_contract() -> None:
    value = CONTRACT.to_dict()
    with pytest.raises(BundleError, match="exactly the keys channels, crop_fraction"):
        Contract.from_dict({**value, "mean": 127})
    with pytest.raises(BundleError, match="exactly the keys"):
        Contract.from_dict({key: value[key] for key in value if key != "labels"})
    with pytest.raises(BundleError, match="exactly the keys"):
        Contract.from_dict([1, 2])


def test_equal_pixel_keys_mean_equal_pixels() -> None:
    assert CONTRACT.pixels_key == CONTRACT.with_labels(("x", "y")).pixels_key
    others = [
        Contract(64, 48, "crop", 0.875, "bilinear"),
        Contract(48, 64, "squash", 0.875, "bilinear"),
        Contract(48, 64, "crop", 0.876, "bilinear"),
        Contract(48, 64, "crop", 0.875, "bicubic"),
    ]
    assert len({other.pixels_key for other in (*others, CONTRACT)}) == 5


def test_the_shape_is_height_width_channels() -> None:
    assert CONTRACT.shape == (48, 64, 3)
