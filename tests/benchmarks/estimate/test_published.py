"""The published rows, the models they are of, and the fit to them."""

import csv
import dataclasses
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from edgetl.benchmarks.estimate import boards
from edgetl.benchmarks.estimate.costs import Setting, latency_s
from edgetl.benchmarks.estimate.work import Work


@pytest.fixture
def peers(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The scripts import each other by plain names, as Python lets scripts of one folder."""
    monkeypatch.syspath_prepend(str(root / "benchmarks" / "peers"))


@pytest.fixture
def published(peers: None) -> ModuleType:
    import published_models

    return published_models


@pytest.fixture
def fitting(peers: None) -> ModuleType:
    import additive_fit

    return additive_fit


# model_specs.csv has other figures there than the papers: 325 million in MobileNetV1's table for 0.75,
# 56 million in V3's for small, and a count for EfficientNet-Lite that is 3 to 5 % above its operators'.
TOLERANCE = {"mobilenet_v1_0.25_192": 0.12, "mobilenet_v2_0.35_96": 0.09}
TOLERANCE_OF = {"mobilenet_v3_": 0.2, "efficientnet_lite": 0.06, "mobilenet_v1_0.75": 0.03}


def test_published_models_cost_what_their_authors_say(published: ModuleType, shared: Path) -> None:
    checked = 0
    with (shared / "data" / "model_specs.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            work = published.work_of(row["model"])
            if work is None:
                continue
            near = [bound for prefix, bound in TOLERANCE_OF.items() if row["model"].startswith(prefix)]
            bound = TOLERANCE.get(row["model"], near[0] if near else 0.05)
            macs = (work.conv_macs + work.depthwise_macs) / 1e6
            assert macs == pytest.approx(float(row["macs_M"]), rel=bound), row["model"]
            assert work.parameters / 1e6 == pytest.approx(float(row["params_M"]), rel=max(bound, 0.02))
            checked += 1
    assert checked == 50


@pytest.mark.parametrize(
    ("model", "millions"),  # google/automl, efficientdet/README.md
    [("lite0_320", 3.2), ("lite1_384", 4.2), ("lite2_448", 5.3), ("lite3_512", 8.4), ("lite4_640", 15.1)],
)
def test_detectors_have_the_published_parameters(published: ModuleType, model: str, millions: float) -> None:
    work = published.work_of(f"efficientdet_{model}")
    assert work is not None
    assert work.parameters / 1e6 == pytest.approx(millions, rel=0.02)


def test_a_model_that_is_not_written_down_has_no_work(published: ModuleType) -> None:
    assert published.work_of("vision_transformer") is None


def invented_rows() -> list[object]:
    """Rows of two boards that follow a known law, 3 ms for 10^9 multiply-accumulates on one of them."""
    import published_rows

    rows = []
    for board, slower in (("pi4", 1.0), ("pi3b", 2.5)):
        for size in (1, 2, 3, 5, 8, 13):
            work = Work(conv_macs=size * 10**8, depthwise_macs=10**7, values=10**6 * size, parameters=10**6)
            setting = Setting(boards.find(board), "xnnpack", "int8", 4, 64)
            seconds = slower * (30e-3 * size / 10 + 2e-3)
            rows.append(published_rows.Row(f"invented {size}", work, setting, seconds, "a test"))
    return rows


def test_a_law_is_found_again_in_rows_that_follow_it(fitting: ModuleType) -> None:
    rows = invented_rows()
    weights = fitting.fit(rows)
    errors = [latency_s(row.work, row.setting, weights) / row.latency_s - 1 for row in rows]
    assert np.abs(errors).max() < 0.05


def test_one_odd_source_does_not_draw_the_others_with_it(fitting: ModuleType) -> None:
    rows = invented_rows()
    odd = dataclasses.replace(rows[0], latency_s=3 * rows[0].latency_s, source="odd")
    weights = fitting.fit([*rows, odd])
    errors = [latency_s(row.work, row.setting, weights) / row.latency_s - 1 for row in rows]
    assert np.abs(errors).max() < 0.15


def test_what_has_no_row_left_is_refused_when_its_board_is_left_out(fitting: ModuleType) -> None:
    rows = invented_rows()
    alone = dataclasses.replace(rows[0], setting=dataclasses.replace(rows[0].setting, kernels="ruy"))
    errors = fitting.left_out([*rows, alone], lambda row: row.setting.board.name)
    assert np.isnan(errors[-1])
    assert np.isfinite(errors[:-1]).all()


def test_rows_keep_what_the_file_says(peers: None, shared: Path) -> None:
    import published_rows

    rows, published = published_rows.load()
    assert published == 2080
    assert {row.setting.precision for row in rows} == {"float32", "int8"}
    assert {row.setting.threads for row in rows} == {1, 2, 3, 4}
    one = next(row for row in rows if row.source.startswith("google/XNNPACK"))
    assert one.model == "mobilenet_v1_1.0_224"
    assert (one.setting.board.name, one.setting.bits, one.latency_s) == ("Raspberry Pi 2B", 32, 0.342)


def test_intervals_hold_what_they_say_for_groups_they_have_not_seen(peers: None) -> None:
    import conformal

    random = np.random.default_rng(1)
    errors = (random.normal(0, 0.1, (200, 1)) + random.normal(0, 0.02, (200, 10))).ravel()
    groups = np.repeat(np.arange(200), 10).astype(str)
    inside = conformal.covered(errors, groups, np.ones(2000, bool))
    assert 0.78 < inside.mean() < 0.9  # a little more than 80 %, as groups vary inside too


def test_a_group_with_many_rows_counts_no_more_than_one_with_few(peers: None) -> None:
    import conformal

    errors = np.array([0.01] * 96 + [0.3, 0.3, 0.3, 0.3])
    groups = np.array(["often"] * 96 + ["a", "b", "c", "d"])
    assert conformal.half_width(errors, groups, np.zeros(100, bool)) == pytest.approx(0.3)


def test_of_few_groups_the_worst_decides(peers: None) -> None:
    import conformal

    errors, groups = np.array([0.1, 0.2, -0.4]), np.array(["a", "b", "c"])
    assert conformal.half_width(errors, groups, np.ones(3, bool)) == pytest.approx(0.4)


def test_intervals_are_wide_enough_for_what_is_asked_for_alone(peers: None) -> None:
    import conformal

    errors, groups = np.array([0.01] * 90 + [0.3] * 10), np.array(["one"] * 100)
    assert conformal.half_width(errors, groups, np.zeros(100, bool)) == pytest.approx(0.01)
    assert conformal.half_width(errors, groups, np.arange(100) >= 90) == pytest.approx(0.3)


def test_a_board_faster_in_every_way_is_faster_before_any_row_is_seen() -> None:
    work = Work(conv_macs=3 * 10**8, depthwise_macs=3 * 10**7, values=7 * 10**6, parameters=4 * 10**6)
    settings = [Setting(boards.find(name), "xnnpack", "float32", 4, 64) for name in ("pi3b", "pi4", "pi5")]
    times = [latency_s(work, setting, {}) for setting in settings]
    assert times == sorted(times, reverse=True)
