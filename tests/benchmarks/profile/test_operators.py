"""Profiles of real engines, each in a process of its own, and of those that tell nothing."""

import json
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
import support
import tiny_models
from hypothesis import given
from hypothesis import strategies as st

from edgetl import extras, isolated
from edgetl.benchmarks.profile import operators
from edgetl.benchmarks.profile.operators import profile
from edgetl.benchmarks.profile.results import TOP, Operator, summed_up
from edgetl.contract import Contract
from edgetl.errors import BundleError, UsageError

PACKAGES = {"tflite": "ai_edge_litert", "onnx": "onnxruntime", "openvino": "openvino"}
SIZE = 256
"""LiteRT and ONNX Runtime count in microseconds: smaller models take none."""


def bundle_of(folder: Path, models: dict[str, dict[str, bytes]], size: int) -> Path:
    answers = np.tile(np.float32([0.2, 0.7, 0.1]), (1, 1))
    contract = Contract(size, size, labels=("ant", "bee", "cat"))
    pictures = [support.encoded(support.scene())]
    return support.write_bundle(folder, models, dict.fromkeys(models, answers), contract, pictures=pictures)


@pytest.fixture(scope="module")
def models() -> dict[str, tiny_models.Files]:
    """Files by variant name; in a process of its own, since it needs TensorFlow."""
    if missing := [name for name in ("tensorflow", "onnx", "openvino") if not extras.is_installed(name)]:
        pytest.skip(f"building the models needs {', '.join(missing)}")
    built: dict[str, tiny_models.Files] = isolated.call("tiny_models:build", SIZE, 3, doing="building models")
    return built


@pytest.mark.parametrize("format_name", PACKAGES)
def test_an_engine_that_profiles_tells_each_operator(
    tmp_path: Path, models: dict[str, tiny_models.Files], format_name: str
) -> None:
    variant = f"{format_name}-float32"
    found = profile(bundle_of(tmp_path / "b.edgetl", {variant: models[variant]}, SIZE), threads=1, runs=5)
    assert (found.variant, found.reason, found.threads, found.runs) == (variant, None, 1, 5)
    assert found.operators == sum(kind.count for kind in found.kinds) > 1
    assert sum(kind.share for kind in found.kinds) == pytest.approx(1)
    assert found.top[0].seconds == max(row.seconds for row in found.top) > 0
    assert json.loads(json.dumps(asdict(found)))["kinds"][0]["share"] == found.kinds[0].share


def test_an_engine_that_tells_nothing_says_so(tmp_path: Path) -> None:
    found = profile(support.write_fake_bundle(tmp_path / "b.edgetl"))
    assert (found.operators, found.top) == (0, ())
    assert found.reason == "not available here: fake tells no times of its operators"


def test_a_format_without_an_engine_says_what_installs_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(extras, "is_installed", lambda _: False)
    bundle = bundle_of(tmp_path / "b.edgetl", {"onnx-float32": {"model.onnx": b"x"}}, 32)
    found = profile(bundle, "onnx-float32")
    assert found.engine is None
    assert found.reason is not None
    assert "pip install 'edgetl[onnx]'" in found.reason


def test_a_model_that_its_engine_refuses_has_the_reason(tmp_path: Path) -> None:
    if not extras.is_installed("onnxruntime"):
        pytest.skip("needs onnxruntime")
    found = profile(bundle_of(tmp_path / "b.edgetl", {"onnx-int8": {"model.onnx": b"broken"}}, 32))
    assert found.reason is not None
    assert found.reason.startswith("not available here: profiling onnx-int8 failed")


def test_a_process_that_is_killed_has_the_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(operators._MODULES, "fake", "os")
    monkeypatch.setattr(operators, "measure", "os:abort")
    monkeypatch.setattr("edgetl.isolated.call", _call_without_arguments)
    found = profile(support.write_fake_bundle(tmp_path / "b.edgetl"))
    assert found.reason is not None
    assert "its process was ended by SIGABRT" in found.reason


def _call_without_arguments(target: str, *_: object, doing: str) -> object:
    return _call(target, doing=doing)


_call = operators.isolated.call


def test_bad_calls_are_refused(tmp_path: Path) -> None:
    bundle = support.write_fake_bundle(tmp_path / "b.edgetl")
    with pytest.raises(UsageError, match="0 runs profile nothing"):
        profile(bundle, runs=0)
    with pytest.raises(UsageError, match="0 threads cannot run anything"):
        profile(bundle, threads=0)
    with pytest.raises(UsageError):
        profile(bundle, "tflite-int9")
    with pytest.raises(BundleError):
        profile(tmp_path / "nowhere.edgetl")


rows = st.builds(
    Operator,
    name=st.text(max_size=3),
    kind=st.sampled_from(("Conv", "Add", "Softmax")),
    seconds=st.floats(1e-7, 10),
    kernel=st.none(),
    plain=st.sampled_from((None, "left in float32")),
)


@given(st.lists(rows, min_size=1, max_size=40))
def test_shares_add_up_and_the_longest_come_first(given_rows: list[Operator]) -> None:
    found = summed_up("onnx-int8", "onnxruntime", 2, 20, given_rows)
    assert found.operators == len(given_rows)
    assert len(found.top) == min(TOP, len(given_rows))
    assert [row.seconds for row in found.top] == sorted((row.seconds for row in given_rows), reverse=True)[
        :TOP
    ]
    assert sum(kind.share for kind in found.kinds) == pytest.approx(1)
    assert found.plain_share == pytest.approx(sum(found.share(row) for row in given_rows if row.plain))
