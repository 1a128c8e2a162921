"""The benchmark itself: real processes, and what becomes of those that fail."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import bench_reports as make
import numpy as np
import pytest
import support
from PIL import Image

import edgetl
from edgetl import extras
from edgetl.benchmarks.running import latency, processes
from edgetl.benchmarks.running.raw import ProcessRun
from edgetl.contract import Contract
from edgetl.errors import BundleError, MissingPackageError, UsageError
from edgetl.runtime import engines, probe_models

DELAY_S = 0.002
LABELS = ("ant", "bee", "cat")
SHAPE = (32, 32, 3)


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    return support.write_fake_bundle(
        tmp_path / "insects.edgetl", variants=("fake-float32", "fake-int8"), delay_s=DELAY_S
    )


def bundle_of(folder: Path, models: dict[str, dict[str, bytes]], size: int = 32) -> Path:
    """A bundle of given models, all of which are said to answer the same."""
    answers = np.tile(np.float32([0.2, 0.7, 0.1]), (2, 1))
    pictures = [support.encoded(support.scene(seed=seed)) for seed in range(2)]
    contract = Contract(size, size, labels=LABELS)
    return support.write_bundle(folder, models, dict.fromkeys(models, answers), contract, pictures=pictures)


def test_measures_every_variant_with_every_thread_count(bundle: Path) -> None:
    report = edgetl.bench(bundle, threads=[1, 2], runs=4, rounds=2)
    names = [(row.variant, row.threads) for row in report.results]
    assert names == [("fake-float32", 1), ("fake-float32", 2), ("fake-int8", 1), ("fake-int8", 2)]
    for row in report.results:
        assert (row.status, len(row.processes)) == ("measured", 2)
        assert row.figures is not None
        assert row.figures.samples == 4
        assert row.figures.median_s.value >= DELAY_S
        assert row.figures.p95_s is None
        assert row.figures.first_s >= DELAY_S
        assert row.figures.total_s is not None
        assert row.figures.total_s >= DELAY_S
        assert row.figures.p99_s is None
    assert report.pictures == ("golden/0.jpg", "golden/1.jpg", "golden/2.jpg")
    assert len(report.states) == 3
    assert report.throughput == ()
    assert report.machine.edgetl == edgetl.__version__


def test_report_is_json_with_raw_times_and_figures(bundle: Path) -> None:
    report = edgetl.bench(bundle, variants=["fake-int8"], threads=[1], runs=3, rounds=1)
    read = json.loads(json.dumps(report.to_dict(), allow_nan=False))
    assert read["schema"] == 2
    (row,) = read["results"]
    assert len(row["processes"][0]["inference_s"]) == 3
    assert len(row["processes"][0]["stages"]["decode_s"]) >= 10
    assert row["figures"]["median_s"]["value"] >= DELAY_S
    assert read["platform"]["machine"]["kind"] == report.machine.kind


def test_report_names_the_command_that_reproduces_it(bundle: Path) -> None:
    report = edgetl.bench(bundle, variants=["fake-int8"], threads=[2], runs=1, duration_s=0.01, rounds=1)
    expected = f"edgetl bench {bundle} --variant fake-int8 --threads 2 --rounds 1 --runs 1 --duration 0.01"
    assert report.command == expected


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory is read from Linux' /proc")
def test_memory_of_the_parent_is_not_counted(bundle: Path) -> None:
    ballast = bytearray(os.urandom(1)) * 400_000_000
    report = edgetl.bench(bundle, variants=["fake-int8"], threads=[1], runs=1, rounds=1)
    (row,) = report.results
    assert row.figures is not None
    assert row.figures.peak_bytes is not None
    assert row.figures.peak_bytes < len(ballast) / 2


def test_a_real_engine_is_imported_loaded_and_run(tmp_path: Path) -> None:
    onnx = pytest.importorskip("onnx", reason="makes the model", exc_type=ImportError)
    pytest.importorskip("onnxruntime", reason="runs the model", exc_type=ImportError)
    helper, kinds = onnx.helper, onnx.TensorProto
    graph = helper.make_graph(
        [
            helper.make_node("Cast", ["pixels"], ["floats"], to=kinds.FLOAT),
            helper.make_node("ReduceMean", ["floats", "axes"], ["means"], keepdims=0),
            helper.make_node("Softmax", ["means"], ["probabilities"]),
        ],
        "means",
        [helper.make_tensor_value_info("pixels", kinds.UINT8, [1, *SHAPE])],
        [helper.make_tensor_value_info("probabilities", kinds.FLOAT, [1, 3])],
        [helper.make_tensor("axes", kinds.INT64, [2], [1, 2])],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    bundle = bundle_of(tmp_path / "b.edgetl", {"onnx-float32": {"model.onnx": model.SerializeToString()}})
    (row,) = edgetl.bench(bundle, threads=[1], runs=60, rounds=1).results
    assert row.figures is not None
    assert row.figures.import_s > 0
    assert row.figures.load_s > 0
    assert row.figures.p95_s is not None
    (process,) = row.processes
    assert process.yardstick is not None
    assert all(1 <= count <= len(process.inference_s) for count in process.yardstick.after)


def test_a_percentile_gets_the_runs_it_needs(tmp_path: Path) -> None:
    bundle = support.write_fake_bundle(tmp_path / "quick.edgetl")
    (row,) = edgetl.bench(bundle, threads=[1], percentile=99, duration_s=0.001, rounds=2).results
    assert row.figures is not None
    assert row.figures.samples >= 299
    assert row.figures.p99_s is not None


def test_what_cannot_be_batched_has_a_row_that_says_so(bundle: Path) -> None:
    report = edgetl.bench(bundle, variants=["fake-int8"], threads=[1], batches=[4], runs=1, rounds=1)
    single, several = report.results
    assert (single.batch, single.status) == (1, "measured")
    assert (several.batch, several.status, several.figures) == (4, "skipped", None)
    assert "takes one picture at a time: use --workers" in str(several.reason)
    assert report.measured == (single,)


def test_batches_and_throughput_of_a_real_engine_are_measured(tmp_path: Path) -> None:
    if not engines.get("litert").installed:
        pytest.skip("litert is not installed")
    pictures = [support.encoded(Image.new("RGB", (8, 8), (20, 90, 40)), "PNG")] * 2
    bundle = support.write_bundle(
        tmp_path / "b.edgetl",
        {"tflite-float32": probe_models.files("tflite")},
        {"tflite-float32": np.repeat(probe_models.ANSWER, 2, axis=0)},
        Contract(8, 8, labels=LABELS),
        pictures=pictures,
        tolerance=probe_models.TOLERANCE,
    )
    report = edgetl.bench(bundle, threads=[1], batches=[3], workers=[2], runs=6, rounds=2)
    single, several = report.results
    assert (several.status, several.reason) == ("measured", None)
    assert several.name == "tflite-float32, 1 thread, batch 3"
    assert [process.stages for process in several.processes] == [None, None]
    assert "has no call that tells" in str(single.arena_reason)
    (load,) = report.throughput
    assert (load.status, load.name) == ("measured", "tflite-float32, 2 workers")
    assert load.figures is not None
    assert load.figures.pictures == 8  # three a process, rounded up to whole turns of two
    rate = load.figures.pictures_per_s
    assert 0 < rate.low <= rate.value <= rate.high


def test_every_other_round_goes_back(bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def latency_of(request: latency.Request) -> ProcessRun:
        asked.append(request.variant)
        return make.process()

    monkeypatch.setattr(processes, "latency_of", latency_of)
    edgetl.bench(bundle, threads=[1], runs=4, rounds=4)
    forth = ["fake-float32", "fake-int8"]
    assert asked == [*forth, *forth[::-1], *forth[::-1], *forth]


@pytest.fixture
def burner(tmp_path: Path) -> Iterator[None]:
    """A program of somebody else that computes: its parent has ended, so it is none of ours."""
    pid = tmp_path / "pid"
    burn = f"import os; open({str(pid)!r}, 'w').write(str(os.getpid()))\nwhile True: pass"
    subprocess.run(["sh", "-c", '"$0" -c "$1" &', sys.executable, burn], check=True)
    for _ in range(1000):
        if pid.exists() and pid.read_text():
            break
        time.sleep(0.01)
    yield
    os.kill(int(pid.read_text()), signal.SIGKILL)


@pytest.mark.usefixtures("burner")
def test_what_another_program_spoilt_is_invalid_and_says_why(bundle: Path) -> None:
    report = edgetl.bench(bundle, variants=["fake-int8"], threads=[1], duration_s=3, rounds=1)
    (row,) = report.results
    assert row.status == "measured"
    assert row.invalid is not None
    assert "other programs took" in row.invalid
    assert report.platform.samples[-1].busy_s is not None


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="this system keeps no process on cores")
def test_cores_are_recorded_and_bound_the_threads(bundle: Path) -> None:
    core = max(os.sched_getaffinity(0))
    report = edgetl.bench(bundle, variants=["fake-int8"], cores=[core, core], runs=1, rounds=1)
    assert (report.parameters.cores, report.parameters.threads) == ((core,), (1,))
    assert report.command.endswith(f" --cores {core}")


def test_the_timers_own_cost_is_in_the_report(bundle: Path) -> None:
    report = edgetl.bench(bundle, variants=["fake-int8"], threads=[1], runs=1, rounds=1)
    assert report.platform.timer is not None
    assert report.platform.timer.empty_s < DELAY_S


def test_a_variant_that_fails_leaves_the_others(tmp_path: Path) -> None:
    good = {"model.fake": support.fake_model([0.2, 0.7, 0.1], SHAPE)}
    bundle = bundle_of(tmp_path / "b.edgetl", {"fake-broken": {"model.fake": b"{"}, "fake-int8": good})
    report = edgetl.bench(bundle, threads=[1], runs=2, rounds=2)
    broken, whole = report.results
    assert (broken.status, broken.processes, broken.figures) == ("failed", (), None)
    assert "cannot load model.fake" in str(broken.reason)
    assert (whole.status, len(whole.processes)) == ("measured", 2)


def test_a_damaged_model_is_named(bundle: Path) -> None:
    model = bundle / "fake-int8" / "model.fake"
    model.write_bytes(model.read_bytes().replace(b"0.7", b"0.6"))
    report = edgetl.bench(bundle, threads=[1], runs=1, rounds=1)
    assert [row.status for row in report.results] == ["measured", "failed"]
    assert "model.fake is not the file that was exported" in str(report.results[1].reason)


def test_a_variant_without_engine_is_skipped_with_the_install_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(extras, "is_installed", lambda module: False)
    good = {"model.fake": support.fake_model([0.2, 0.7, 0.1], SHAPE)}
    bundle = bundle_of(tmp_path / "b.edgetl", {"onnx-int8": {"model.onnx": b"?"}, "fake-int8": good})
    skipped, measured = edgetl.bench(bundle, threads=[1], runs=1, rounds=1).results
    assert (skipped.status, skipped.engine, skipped.threads) == ("skipped", None, None)
    assert skipped.reason == "running onnx models needs onnxruntime: pip install 'edgetl[onnx]'"
    assert measured.status == "measured"


def test_without_any_engine_the_install_lines_are_the_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(extras, "is_installed", lambda module: False)
    bundle = bundle_of(tmp_path / "b.edgetl", {"onnx-int8": {"model.onnx": b"?"}})
    with pytest.raises(MissingPackageError, match=r"pip install 'edgetl\[onnx\]'"):
        edgetl.bench(bundle)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"variants": ["fake-int9"]}, "did you mean fake-int8"),
        ({"threads": [0]}, "ask for 1 or more"),
        ({"threads": []}, "ask for 1 or more"),
        ({"runs": 3}, "3 runs are too few for 4 rounds"),
        ({"rounds": 0}, "0 rounds measure nothing"),
        ({"duration_s": 0.0}, "measures nothing"),
        ({"duration_s": float("nan")}, "measures nothing"),
        ({"percentile": 99, "runs": 298}, "298 runs are too few for a p99"),
        ({"batches": [0]}, "batches 1,0 cannot run anything"),
        ({"cores": []}, "no cores leave nothing to run on"),
    ],
)
def test_refuses_what_measures_nothing(bundle: Path, options: dict[str, object], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        edgetl.bench(bundle, **options)  # type: ignore[arg-type]


def test_refuses_a_folder_that_is_no_bundle(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="is no bundle"):
        edgetl.bench(tmp_path)
