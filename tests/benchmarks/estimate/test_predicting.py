"""What ``edgetl.estimate`` says of a model, and what it refuses."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import support
from hypothesis import given
from hypothesis import strategies as some

import edgetl
from edgetl.benchmarks.estimate import boards, domain, predicting, tables
from edgetl.benchmarks.estimate.costs import Setting, latency_s
from edgetl.benchmarks.estimate.work import Work, of_tflite
from edgetl.contract import Contract
from edgetl.errors import ModelError, UsageError
from edgetl.runtime import probe_models

LITE0 = Work(conv_macs=350_655_488, depthwise_macs=34_532_064, values=6_951_088, parameters=4_631_000)


def on(board: str, precision: str = "int8", threads: int = 4, work: Work = LITE0) -> predicting.Estimate:
    return predicting._on(boards.find(board), f"tflite-{precision}", precision, work, threads)


@pytest.fixture
def tiny_bundle(tmp_path: Path) -> Path:
    """A classifier of 9 multiply-accumulates in all three formats."""
    models = {f"{name}-float32": probe_models.files(name) for name in ("onnx", "openvino", "tflite")}
    answers = {name: np.full((1, 3), 1 / 3, np.float32) for name in models}
    contract = Contract(8, 8, labels=("a", "b", "c"))
    return support.write_bundle(
        tmp_path / "tiny.edgetl", models, answers, contract, pictures=[support.encoded(support.scene())]
    )


def test_a_pi_4_estimate_holds_what_was_published_of_efficientnet_lite0() -> None:
    # MLPerf Inference v2.1, TFLite 2.7.1 without XNNPACK: 29 ms; XNNPACK's own figures are faster for others.
    found = on("pi4")
    assert found.low_s < 0.029 < 2 * found.high_s
    assert 0.010 < found.latency_s < 0.035


def test_boards_come_in_the_order_of_their_chips() -> None:
    slowest_first = ("pi2b", "pizero2w", "pi3b", "pi3b+", "pi4", "pi5")
    for precision in domain.PRECISIONS:
        times = [on(name, precision).latency_s for name in slowest_first]
        assert times == sorted(times, reverse=True)


def test_a_board_without_rows_has_the_wider_interval_and_says_so() -> None:
    own, none = on("pi4"), on("pizero2w")
    assert own.own_rows >= predicting.ENOUGH
    assert none.own_rows == 0
    assert none.high_s / none.low_s > own.high_s / own.low_s
    assert none.mean_error == tables.load().boards_left_out.mean_error
    assert "core, clock and memory" in none.basis


def test_two_rows_do_not_make_a_board_known() -> None:
    few = on("pi3b+")
    assert 0 < few.own_rows < predicting.ENOUGH
    assert few.mean_error == tables.load().boards_left_out.mean_error
    assert few.basis == f"{few.own_rows} rows of this board: from its core, clock and memory"


@given(threads=some.sampled_from([1, 2, 3]), board=some.sampled_from([board.key for board in boards.BOARDS]))
def test_one_thread_more_is_never_slower(threads: int, board: str) -> None:
    assert on(board, threads=threads + 1).latency_s < on(board, threads=threads).latency_s


@given(
    more=some.floats(1.01, 3),
    part=some.sampled_from(["conv_macs", "depthwise_macs", "values", "parameters"]),
    precision=some.sampled_from(domain.PRECISIONS),
)
def test_more_work_takes_longer(more: float, part: str, precision: str) -> None:
    larger = replace(LITE0, **{part: int(more * getattr(LITE0, part))})
    setting = Setting(boards.find("pi4"), domain.KERNELS, precision, 4, 64)
    weights = tables.load().weights
    assert latency_s(larger, setting, weights) > latency_s(LITE0, setting, weights)


@pytest.mark.parametrize("name", ["pi 4", "PI4B", "pi4", "Pi-4"])
def test_boards_are_found_however_they_are_written(name: str) -> None:
    assert boards.find(name).name == "Raspberry Pi 4B"


def test_an_unknown_board_is_refused_with_those_that_are_known() -> None:
    with pytest.raises(UsageError, match=r"'jetson' is not known: choose pi2b, pizero2w, .*pi5$"):
        boards.find("jetson")
    with pytest.raises(UsageError, match=r"did you mean pi400\?"):
        boards.find("pi4000")


def test_a_pi_zero_is_refused_since_nothing_runs_there() -> None:
    with pytest.raises(UsageError, match="ARMv6"):
        boards.find("pizerow")


def test_more_threads_than_cores_are_refused(tiny_bundle: Path) -> None:
    with pytest.raises(UsageError, match=r"8 threads: Raspberry Pi 4B has 4 cores, so choose 1 to 4"):
        edgetl.estimate(tiny_bundle, "pi4", threads=8)


@pytest.mark.parametrize(
    ("format_name", "precision", "words"),
    [
        ("onnx", "int8", "ONNX Runtime: 3 published rows"),
        ("openvino", "float32", "OpenVINO: 2 published rows"),
        ("tflite", "float16", "no published row of TFLite is float16"),
        ("tflite", "mixed", "float32 and int8"),
    ],
)
def test_what_has_no_rows_is_refused(format_name: str, precision: str, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        domain.check_variant("a variant", format_name, precision)


def test_a_model_far_from_all_that_were_fitted_is_refused() -> None:
    fitted = tables.load().range
    domain.check_work("lite0", LITE0, fitted)
    with pytest.raises(UsageError, match=r"has 5e\+04 million multiply-accumulates"):
        domain.check_work("huge", replace(LITE0, conv_macs=50_000 * 10**6), fitted)
    with pytest.raises(UsageError, match="million parameters"):
        domain.check_work("vgg", replace(LITE0, parameters=138 * 10**6), fitted)


def test_the_work_of_a_file_is_counted_from_its_operators() -> None:
    ((name, data),) = probe_models.files("tflite").items()
    work, anatomy = of_tflite(name, data)
    assert anatomy.precision == "float32"
    assert work.conv_macs == 9  # one dense layer: 3 colours, 3 classes
    assert work.depthwise_macs == 0
    assert work.values >= 3 + 3 + 3  # mean, dense layer, softmax


def test_a_damaged_file_is_no_estimate() -> None:
    ((name, data),) = probe_models.files("tflite").items()
    with pytest.raises(ModelError):
        of_tflite(name, data[: len(data) // 2])


def test_a_bundle_nothing_is_known_of_is_refused_with_every_reason(tiny_bundle: Path) -> None:
    with pytest.raises(UsageError) as refused:
        edgetl.estimate(tiny_bundle, "pi4")
    text = str(refused.value)
    assert "ONNX Runtime" in text
    assert "OpenVINO" in text
    assert "tflite-float32 has 9e-06 million multiply-accumulates" in text


def test_a_table_of_another_schema_is_not_read(root: Path) -> None:
    value = json.loads((root / "benchmarks" / "reference" / tables.NAME).read_text("utf-8"))
    assert tables.parse(value).counts
    with pytest.raises(ValueError, match="schema 99"):
        tables.parse({**value, "schema": 99})


def test_the_table_says_where_it_comes_from(shared: Path) -> None:
    import hashlib

    provenance = tables.load().provenance
    source = shared / "data" / "pi_latency.csv"
    assert provenance["sha256"] == hashlib.sha256(source.read_bytes()).hexdigest()
    assert provenance["rows_fitted"] == sum(tables.load().counts.values())


def test_a_real_file_costs_what_its_architecture_says(
    solar_bundle: Path, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(root / "benchmarks" / "peers"))
    import published_models

    published = published_models.work_of("efficientnet_lite0_224")
    assert published is not None
    head = 1280 * (1000 - 2)  # theirs tells 1,000 classes apart, ours 2
    for name in ("tflite-float32", "tflite-int8"):
        data = (solar_bundle / name / "model.tflite").read_bytes()
        work, anatomy = of_tflite("model.tflite", data)
        assert anatomy.precision == name.partition("-")[2]
        assert work.conv_macs == pytest.approx(published.conv_macs - head, rel=0.002)
        assert work.depthwise_macs == published.depthwise_macs
        assert work.values == pytest.approx(published.values, rel=0.03)
        assert work.parameters == pytest.approx(published.parameters - head, rel=0.02)


def test_a_bundle_gets_an_interval_for_each_variant_and_board(solar_bundle: Path) -> None:
    found = edgetl.estimate(solar_bundle, ["pi4", "pizero2w"])
    assert [(each.variant, each.board) for each in found.estimates] == [
        (variant, board)
        for variant in ("tflite-float32", "tflite-int8")
        for board in ("Raspberry Pi 4B", "Raspberry Pi Zero 2 W")
    ]
    assert all(each.low_s < each.latency_s < each.high_s for each in found.estimates)
    assert len(found.refused) == 4
