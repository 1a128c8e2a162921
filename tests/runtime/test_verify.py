"""``verify`` replays pictures through decoder, engine and post-processing, and says which of them differs."""

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import support
import tiny_models
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

import edgetl
from edgetl import images
from edgetl.bundle import Bundle
from edgetl.cli.verify import _variant_line, command
from edgetl.contract import Contract
from edgetl.errors import DamagedBundleError
from edgetl.manifest import Manifest, Recorder
from edgetl.runtime import engines, fake, healthy, known_bad, limited, loaded, probes, replay, verify
from edgetl.runtime.base import Outputs
from edgetl.runtime.engines import EngineRow
from edgetl.runtime.healthy import Bounds
from edgetl.runtime.result import Reading
from edgetl.sealing import sealed

VARIANTS = ("fake-float32", "fake-int8")


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    """Of two variants, which answer ant 0.2, bee 0.7, cat 0.1 to each of three pictures."""
    return support.write_fake_bundle(tmp_path / "insects.edgetl", variants=VARIANTS, reject_threshold=0.5)


@pytest.mark.parametrize("engine", ["litert", "onnxruntime", "openvino"])
def test_every_engine_answers_as_recorded(
    colour_bundle: Path, engine: str, needs: Callable[[str], EngineRow]
) -> None:
    formats = needs(engine).formats
    names = [v.name for v in Bundle.open(colour_bundle).manifest.variants if v.format in formats]
    found = edgetl.verify(colour_bundle, variants=names)
    assert found.passed
    assert [check.variant for check in found.variants] == names
    for check in found.variants:
        assert check.pictures == 3
        assert check.differs is None
        assert check.largest_difference is not None
        assert check.largest_difference <= check.tolerance == (1e-4 if "float32" in check.variant else 0.02)


def test_a_bundle_of_every_format_is_replayed_side_by_side(colour_bundle: Path) -> None:
    found = edgetl.verify(colour_bundle)
    names = [variant.name for variant in Bundle.open(colour_bundle).manifest.variants]
    assert [check.variant for check in found.variants] == names
    # Pictures, their answers, the labels, and the models, of which OpenVINO has two.
    assert found.files == 3 + 1 + 1 + 5
    json.dumps(found.to_dict(), allow_nan=False)


def test_a_decoder_that_differs_is_told_from_engines_that_are_right(
    bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    decode = images.decode
    monkeypatch.setattr(images, "decode", lambda *given: decode(*given) ^ 1)
    found = edgetl.verify(bundle)
    assert not found.passed
    assert found.decoder.largest_difference == 1
    assert [check.differs for check in found.variants] == [None, None]


@pytest.mark.parametrize("wrong", [(0.3, 0.6, 0.1), (np.nan, 0.7, 0.1), (0.2, 0.7, 0.05, 0.05)])
def test_an_engine_that_differs_is_told_from_the_decoder(
    bundle: Path, monkeypatch: pytest.MonkeyPatch, wrong: tuple[float, ...]
) -> None:
    monkeypatch.setattr(fake.FakeEngine, "_run_one", lambda *_: (np.array([wrong], np.float32),))
    found = edgetl.verify(bundle)
    assert not found.passed
    assert found.decoder.passed
    assert [check.differs for check in found.variants] == ["engine", "engine"]


def test_post_processing_that_differs_is_told_from_both(
    bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replay, "read", lambda *_: Reading("cat", 0.7, False, (), ("cat",)))
    found = edgetl.verify(bundle)
    assert not found.passed
    assert found.decoder.passed
    check = found.variants[0]
    assert check.differs == "post-processing"
    assert check.largest_difference == 0.0
    assert check.problem is not None
    assert "golden/0.jpg becomes 'cat' with 0.700, and was 'bee' with 0.700" in check.problem
    assert f"install edgetl {Bundle.open(bundle).manifest.edgetl}" in check.problem


@pytest.mark.parametrize("answer", [("bee", 0.7, True), ("bee", 0.2, False), ("dog", 0.7, False)])
def test_a_wrong_threshold_score_or_name_is_found(
    bundle: Path, monkeypatch: pytest.MonkeyPatch, answer: tuple[str, float, bool]
) -> None:
    monkeypatch.setattr(replay, "read", lambda *_: Reading(*answer, (), ()))
    assert {check.differs for check in edgetl.verify(bundle).variants} == {"post-processing"}


def test_the_classifier_is_judged_by_the_very_function_it_uses(
    bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert replay.read is loaded.read
    monkeypatch.setattr(loaded, "read", lambda *_: Reading("cat", 0.1, True, (), ()))
    with edgetl.load(bundle) as model:
        assert model.classify(support.scene()).label == "cat"


@given(
    # None so small that an engine which has set the processor to flush them to zero makes hypothesis give up.
    st.lists(st.floats(0, 1, width=32, allow_subnormal=False), min_size=3, max_size=3),
    st.lists(st.floats(-1, 1, width=32, allow_subnormal=False), min_size=3, max_size=3),
    st.floats(1e-4, 0.3, allow_subnormal=False),
    st.none() | st.floats(0, 1, allow_subnormal=False),
)
def test_whatever_moves_within_the_tolerance_is_no_fault_of_post_processing(
    manifest: Manifest, then: list[float], moves: list[float], tolerance: float, threshold: float | None
) -> None:
    before = np.array([then], np.float32)
    # A hair less, since sums of float32 round.
    now = before + np.array([moves], np.float32) * np.float32(0.99 * tolerance)
    given_threshold = replace(manifest, reject_threshold=threshold)
    replayed = replay.Replay(given_threshold, {}, True, 1.0)
    assert replayed._misread(now, before, tolerance) is None


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Manifest:
    return Bundle.open(support.write_fake_bundle(tmp_path_factory.mktemp("m") / "m.edgetl")).manifest


def test_a_slow_variant_replays_fewer_pictures_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = support.write_fake_bundle(tmp_path / "slow.edgetl", delay_s=0.01)
    monkeypatch.setattr(verify, "_REPLAY_S", 0.0)
    found = edgetl.verify(slow)
    assert found.passed
    assert found.variants[0].pictures == 1
    assert found.decoder.pictures == 3
    assert _variant_line(found.variants[0], 3).endswith("1 of 3 pictures: it is slow")


def test_a_second_output_changes_nothing(bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run_one = fake.FakeEngine._run_one

    def with_embedding(self: fake.FakeEngine, image: NDArray[np.uint8]) -> Outputs:
        return (*run_one(self, image), np.full((1, 1280), 3.0, np.float32))

    monkeypatch.setattr(fake.FakeEngine, "_run_one", with_embedding)
    assert edgetl.verify(bundle).passed
    with edgetl.load(bundle) as model:
        assert model.classify(support.scene()).label == "bee"


def test_labels_that_are_not_the_models_are_found(tmp_path: Path) -> None:
    contract = Contract(32, 32, labels=("ant", "bee", "cat", "dog"))
    model = {"model.fake": support.fake_model([0.2, 0.7, 0.1], contract.shape)}
    place = support.write_bundle(
        tmp_path / "four.edgetl",
        {"fake-float32": model},
        {"fake-float32": np.array([[0.2, 0.7, 0.1, 0.0]], np.float32)},
        contract,
        pictures=[support.encoded(support.scene())],
    )
    assert edgetl.verify(place).variants[0].differs == "engine"


def test_recorded_answers_of_other_labels_are_refused(tmp_path: Path) -> None:
    contract = Contract(32, 32, labels=("ant", "bee", "cat", "dog"))
    three = np.array([[0.2, 0.7, 0.1]], np.float32)
    model = {"model.fake": support.fake_model(three[0].tolist(), contract.shape)}
    place = support.write_bundle(
        tmp_path / "four.edgetl",
        {"fake-float32": model},
        {"fake-float32": three},
        contract,
        pictures=[support.encoded(support.scene())],
    )
    with pytest.raises(
        DamagedBundleError, match=r"has keras as float32 \(1, 3\), where \(1, 4\) numbers are due"
    ):
        edgetl.verify(place)


def test_no_engine_starts_before_every_file_is_checked(bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[str] = []
    monkeypatch.setattr(engines, "start", lambda row, *_, **__: started.append(row.name))
    (bundle / "fake-int8" / "model.fake").write_bytes(b"{}")
    with pytest.raises(DamagedBundleError, match="fake-int8"):
        edgetl.verify(bundle, variants=["fake-float32"])
    assert started == []


def test_a_model_the_engine_refuses_fails_alone(bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    load, refused = fake.FakeEngine._load, iter([True, False])

    def loading(self: fake.FakeEngine, files: Any) -> None:
        if next(refused):
            raise ValueError("no such kernel")
        load(self, files)

    monkeypatch.setattr(fake.FakeEngine, "_load", loading)
    monkeypatch.setattr(engines, "default_threads", lambda: 1)
    first, second = edgetl.verify(bundle).variants
    assert first.problem == "fake cannot load model.fake: no such kernel"
    assert (first.differs, first.pictures, first.largest_difference) == ("engine", 0, None)
    assert second.passed


def test_what_this_cpu_cannot_run_is_skipped_with_the_reason(
    bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    why = "fake's int8 needs dot products: take another"
    monkeypatch.setattr(known_bad, "refusal", lambda _, precision: why if precision == "int8" else None)
    found = edgetl.verify(bundle)
    ran, left_out = found.variants
    assert found.passed
    assert (ran.passed, ran.skipped, ran.pictures) == (True, False, 3)
    assert (left_out.skipped, left_out.problem, left_out.engine, left_out.pictures) == (True, why, None, 0)
    assert _variant_line(left_out, 3) == f"fake-int8         skipped: {why}"
    done = CliRunner().invoke(command, [str(bundle)], standalone_mode=False)
    assert done.exception is None


def test_a_bundle_of_which_nothing_runs_here_did_not_pass(
    bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(known_bad, "refusal", lambda *_: "not here")
    assert not edgetl.verify(bundle).passed
    done = CliRunner().invoke(command, [str(bundle)], standalone_mode=False)
    assert getattr(done.exception, "exit_code", None) == 1
    assert "no variant could run here: not here" in str(done.exception)


def test_probes_are_replayed_and_their_answers_held_against_the_record(
    models: dict[str, tiny_models.Files], tmp_path: Path, needs: Callable[[str], EngineRow]
) -> None:
    row = needs("onnxruntime")
    contract = Contract(16, 16, labels=("red", "yellow", "green", "cyan", "blue"))
    pictures = [support.encoded(support.scene(seed=seed)) for seed in range(2)]
    pixels = np.stack([images.decode(picture, contract) for picture in pictures])
    recipes = probes.candidates(2)[:4]
    shown = np.concatenate([pixels, probes.mix(pixels, recipes)])
    right = tiny_models.reference(shown, 5).astype(np.float32)
    for last, passes in ((0.0, True), (0.01, False)):
        right[-1, 0] += last
        place = support.write_bundle(
            tmp_path / f"{last}.edgetl",
            {"onnx-float32": models["onnx-float32"]},
            {"onnx-float32": right},
            contract,
            pictures=pictures,
            probes=recipes,
            tolerance=0.001,
        )
        found = edgetl.verify(place)
        check = found.variants[0]
        assert (check.engine, check.pictures, found.probes) == (row.name, 6, 4)
        assert found.passed == check.passed == passes, check
        assert limited.try_variant(Bundle.open(place), "onnx-float32").passed == passes


@pytest.mark.parametrize(
    ("precision", "engine", "version", "recorded_on", "bounds"),
    [
        ("float32", "openvino", "1", "aarch64", Bounds(1e-4)),
        ("int8", "litert", "1", "aarch64", Bounds(1e-3)),
        ("int8", "litert", "2", "x86_64", Bounds(0.1, probes=False)),
        ("int8", "tflite-runtime", "1", "x86_64", Bounds(0.1, probes=False)),
        ("int8", "onnxruntime", "1", "aarch64", Bounds(0.1, 0.03)),
        ("int8", "onnxruntime", "2", "x86_64", Bounds(0.1, probes=False)),
        ("int8", "openvino", "1", "x86_64", Bounds(0.1, 0.01)),
        ("int8", "openvino", "1", "aarch64", Bounds(0.1, probes=False)),
        ("float16", "onnxruntime", "1", "x86_64", Bounds(0.1, probes=False)),
    ],
)
def test_as_much_is_allowed_as_was_measured_of_healthy_machines(
    manifest: Manifest,
    monkeypatch: pytest.MonkeyPatch,
    precision: str,
    engine: str,
    version: str,
    recorded_on: str,
    bounds: Bounds,
) -> None:
    monkeypatch.setattr(healthy, "recorder", lambda row: Recorder(row.name, "1", "x86_64"))
    by = Recorder("litert" if engine == "tflite-runtime" else engine, version, recorded_on)
    variant = replace(manifest.variants[0], precision=precision, tolerance=0.1, recorded_by=by)
    assert healthy.bounds(variant, engines.get(engine)) == bounds


def test_two_kinds_of_arm_may_round_int8_of_openvino_otherwise(
    manifest: Manifest, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = Recorder("openvino", "1", "aarch64")
    monkeypatch.setattr(healthy, "recorder", lambda row: here)
    variant = replace(manifest.variants[0], precision="int8", tolerance=0.1, recorded_by=here)
    assert healthy.bounds(variant, engines.get("openvino")) == Bounds(0.1, probes=False)


@given(st.integers(1, 6), st.integers(0, 2**32 - 1))
def test_a_mixture_stands_between_its_two_pictures(count: int, seed: int) -> None:
    pixels = np.random.default_rng(seed).integers(0, 256, (count, 2, 3, 3), np.uint8)
    recipes = probes.candidates(count)
    assert probes.check(recipes[: probes.MOST], count) is None
    assert len(np.unique(recipes, axis=0)) == len(recipes) == 3 * count * count
    for (first, second, mirrored, _), mixed in zip(
        recipes.tolist(), probes.mix(pixels, recipes), strict=True
    ):
        other = pixels[second, :, ::-1] if mirrored else pixels[second]
        assert (np.minimum(pixels[first], other) <= mixed).all()
        assert (mixed <= np.maximum(pixels[first], other)).all()


def test_the_command_names_what_differs(bundle: Path) -> None:
    manifest = json.loads((bundle / "manifest.json").read_text())
    manifest["variants"][0]["tolerance"] = -1.0
    (bundle / "manifest.json").write_text(sealed(manifest))
    done = subprocess.run(
        [sys.executable, "-m", "edgetl", "verify", str(bundle)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 3, done.stderr
    assert "decoder  same pixels to the bit, 3 pictures" in done.stdout
    assert "fake-float32      FAILED: fake" in done.stdout
    assert "fake-int8         ok in fake" in done.stdout


def test_a_document_that_was_changed_is_named(tmp_path: Path) -> None:
    folder = support.write_fake_bundle(tmp_path / "insects.edgetl")
    (folder / "labels.txt").write_text("bee\nant\ncat\n")
    with pytest.raises(DamagedBundleError, match=r"labels\.txt is not the file that was exported"):
        edgetl.verify(folder)
