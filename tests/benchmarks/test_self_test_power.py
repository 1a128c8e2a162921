"""Weights that were altered as if hashes were off: the self-test catches what changes answers."""

from pathlib import Path

import pytest
from deep import SEED, cases

from edgetl.bundle import Bundle
from edgetl.converters.export import Exported


@pytest.mark.parametrize("variant", ["tflite-int8", "onnx-float32", "openvino-float32"])
def test_altered_weights_that_change_answers_do_not_pass(
    solar_export: Exported,
    solar_photos: Path,
    root: Path,
    variant: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.syspath_prepend(root / "benchmarks" / "peers")
    import self_test_power

    bundle = Bundle.open(solar_export.bundle.path)
    pixels = self_test_power.pictures(bundle, solar_photos / "test", cases(20, 40))
    found = self_test_power.power(bundle, variant, pixels, count=cases(12, 100), seed=SEED)
    changed = found["all", "changed"]
    assert changed >= cases(3, 25), found
    assert found["all", "caught"] >= self_test_power.LEAST * changed, found
