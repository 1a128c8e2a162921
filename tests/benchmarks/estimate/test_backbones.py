"""What is said of a backbone that nobody has built, held against files that were."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as some

from edgetl.benchmarks.estimate import backbones, predicting
from edgetl.benchmarks.estimate.work import of_tflite
from edgetl.converters.export import Exported
from edgetl.errors import UsageError
from edgetl.training.backbones import TABLE

PAIRS = [(row.name, width) for row in TABLE.values() for width in row.widths]


@pytest.mark.parametrize(("name", "width"), PAIRS)
def test_every_backbone_of_the_table_is_there_with_its_multiply_accumulates(name: str, width: float) -> None:
    work = backbones.work_of(name, width, TABLE[name].default_size)
    if width == 1.0:
        macs = work.conv_macs + work.depthwise_macs
        # Batch normalisation is folded into the table's weights.
        assert macs == pytest.approx(TABLE[name].macs, rel=0.02)
        assert work.parameters == pytest.approx(TABLE[name].parameters, rel=0.02)


def test_a_real_int8_file_has_the_work_and_the_size_that_are_told(solar_export: Exported) -> None:
    bundle = solar_export.bundle
    (entry,) = bundle.variant("tflite-int8").files
    truth, _ = of_tflite(entry.path, bundle.read(entry))
    told = backbones.work_of("efficientnet_lite0", 1.0, 224)
    assert told.depthwise_macs == truth.depthwise_macs
    assert told.conv_macs == pytest.approx(truth.conv_macs, rel=1e-4)  # less the head
    assert told.values == pytest.approx(truth.values, rel=1e-3)
    assert backbones.size_bytes("efficientnet_lite0", 1.0, 2) == pytest.approx(entry.size_bytes, rel=0.03)
    estimated = predicting.estimate(bundle.path, "pi4", variants=["tflite-int8"]).estimates[0]
    ours = backbones.estimate_backbone("efficientnet_lite0", 1.0, 224, "pi4", classes=2)
    assert ours.latency_s == pytest.approx(estimated.latency_s, rel=0.01)
    assert (ours.variant, ours.board, ours.threads) == ("tflite-int8", "Raspberry Pi 4B", 4)


@given(size=some.integers(96, 500))
def test_work_never_falls_as_pictures_grow(size: int) -> None:
    smaller, larger = (backbones.work_of("mobilenet_v2", 0.5, pixels) for pixels in (size, size + 8))
    assert smaller.conv_macs <= larger.conv_macs
    assert smaller.values <= larger.values
    assert smaller.parameters == larger.parameters


def test_refuses_what_is_not_in_the_table_and_what_is_unlike_all_published_models() -> None:
    with pytest.raises(UsageError, match=r"mobilenet_v9 at width 0\.5 is not in the table"):
        backbones.work_of("mobilenet_v9", 0.5, 224)
    with pytest.raises(UsageError, match="vgg19 at 224 pixels has"):
        backbones.estimate_backbone("vgg19", 1.0, 224, "pi4", classes=2)


def test_the_table_says_where_it_comes_from(root: Path) -> None:
    table = json.loads((root / "benchmarks" / "reference" / backbones.NAME).read_text("utf-8"))
    assert table["schema"] == backbones.SCHEMA
    assert (root / table["script"]).is_file()
