"""Batches of the engines' own making answer like single pictures, or are refused."""

import numpy as np
import pytest

from edgetl.benchmarks.running import batch
from edgetl.errors import ModelError
from edgetl.runtime import engines, probe_models

EXPECTED = np.repeat(probe_models.ANSWER, 3, axis=0)


def installed(name: str) -> engines.EngineRow:
    row = engines.get(name)
    if not row.installed:
        pytest.skip(f"{name} is not installed")
    return row


@pytest.mark.parametrize("name", ["litert", "tflite-runtime", "openvino"])
def test_a_batch_has_the_answers_of_single_pictures(name: str) -> None:
    row = installed(name)
    run = batch.start(row, probe_models.files(row.formats[0]), count=3, num_threads=1)
    pictures = np.ascontiguousarray(np.repeat(probe_models.PICTURE, 3, axis=0))
    pictures[2] = 255 - pictures[2]
    with engines.start(row, probe_models.files(row.formats[0]), num_threads=1) as engine:
        (single,) = engine.run(pictures)
    (several,) = run(pictures)
    assert several.dtype == np.float32
    np.testing.assert_allclose(several, single, atol=1e-6)
    assert not np.allclose(several[0], several[2], atol=0.01)


@pytest.mark.parametrize("name", ["onnxruntime", "fake"])
def test_engines_that_keep_the_batch_of_a_file_say_so_with_the_way_out(name: str) -> None:
    assert "use --workers for many pictures" in str(batch.refusal(name))


@pytest.mark.parametrize("name", ["litert", "tflite-runtime", "openvino"])
def test_engines_that_change_the_batch_are_not_refused(name: str) -> None:
    assert batch.refusal(name) is None


def test_onnx_runtime_really_refuses_a_batch() -> None:
    row = installed("onnxruntime")
    import onnxruntime

    session = onnxruntime.InferenceSession(
        probe_models.files(row.formats[0])["model.onnx"], providers=["CPUExecutionProvider"]
    )
    pictures = np.repeat(probe_models.PICTURE, 3, axis=0)
    with pytest.raises(Exception, match="Expected: 1"):
        session.run(None, {session.get_inputs()[0].name: pictures})


def test_a_model_that_cannot_be_resized_is_refused_with_the_engines_reason() -> None:
    row = installed("litert")
    with pytest.raises(ModelError, match="litert cannot take 3 pictures at a time with this model: "):
        batch.start(row, {"model.tflite": b"no model at all" * 10}, count=3, num_threads=1)


def test_answers_within_the_tolerance_pass() -> None:
    batch.check((EXPECTED + np.float32(5e-5),), EXPECTED, 1e-4)


@pytest.mark.parametrize("wrong", [EXPECTED[::-1, ::-1], np.full_like(EXPECTED, np.nan)])
def test_wrong_answers_are_not_timed(wrong: "np.ndarray[object, np.dtype[np.float32]]") -> None:
    with pytest.raises(ModelError, match="a batch of 3 gives other answers than single pictures"):
        batch.check((wrong,), EXPECTED, 1e-4)


def test_too_few_answers_are_not_timed() -> None:
    with pytest.raises(ModelError, match=r"answers of shape \(1, 3\), not \(3, 3\)"):
        batch.check((probe_models.ANSWER,), EXPECTED, 1e-4)
