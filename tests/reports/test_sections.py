"""What every section says."""

import itertools
import re
import xml.etree.ElementTree as ET
from collections import Counter
from dataclasses import replace

import bench_reports as make
import numpy as np
import pytest

from edgetl.benchmarks.board.cooling import Cooling
from edgetl.reports import board, board_pages, page, pages, sections

LABELS = ("ants", "bees")
MATRIX = ((66, 4), (6, 77))


def counts(classes: int) -> list[list[int]]:
    """A matrix with one confusion in each class."""
    return [
        [20 if true == answer else int(answer == true + 1) for answer in range(classes)]
        for true in range(classes)
    ]


def test_accuracy_names_its_interval_pictures_split_and_weakest_class() -> None:
    html = sections.accuracy(LABELS, MATRIX, split="val").html
    for said in ("93.5 %", "153", "val split, 2 classes", "bees: 77 of 83 found", "92.8 %", "95.1 %"):
        assert said in html


def test_a_class_without_pictures_or_answers_has_no_share() -> None:
    html = sections.accuracy(("a", "b", "c"), ((3, 0, 0), (1, 0, 0), (0, 0, 0)), split="test").html
    assert "–</td>" in html
    assert "b: 0 of 1 found" in html


def test_of_very_many_classes_the_weakest_are_listed() -> None:
    labels = [f"class {number}" for number in range(100)]
    html = sections.accuracy(labels, counts(100), split="test").html
    assert "The 60 weakest of 100 classes, test split" in html


def test_confusion_draws_counts_and_lists_pairs() -> None:
    section = sections.confusion(LABELS, MATRIX, split="val")
    assert "<svg" in section.html
    for said in (
        "153 pictures of the val split",
        ">66<",
        "bees taken for ants: 6, 7.2 %",
        "What was confused",
    ):
        assert said in section.html


def test_nothing_confused_is_said() -> None:
    assert "None of the 7 pictures" in sections.confusion(LABELS, ((3, 0), (0, 4)), split="val").html


def test_too_many_classes_for_a_picture_leave_the_list() -> None:
    labels = [f"class {number}" for number in range(41)]
    html = sections.confusion(labels, counts(41), split="val").html
    assert "<svg" not in html
    assert "the 12 most frequent of 40 pairs" in html


@pytest.mark.parametrize("classes", [2, 3, 6, 10, 16, 26, 40, 101])
def test_the_standalone_matrix_is_well_formed_and_has_every_count(classes: int) -> None:
    labels = [f"<class> & '{number}'" for number in range(classes)]
    svg = sections.confusion_svg(labels, counts(classes))
    root = ET.fromstring(svg)
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    shades = Counter(rect.get("class") for rect in root.iter("{http://www.w3.org/2000/svg}rect"))
    assert shades == {"hit": classes, "miss": classes - 1}


def test_a_matrix_of_numpy_is_taken_too() -> None:
    assert ">66<" in sections.confusion_svg(LABELS, np.array(MATRIX))


def test_variants_are_compared_and_the_pick_has_its_reason() -> None:
    html = sections.variants(make.manifest()).html
    assert "Pick: tflite-int8</strong>: the smallest whose drop stays under one point." in html
    assert html.count('class="point"') == 6
    assert html.count('class="point pick"') == 1
    assert "153 pictures of the val split" in html
    assert "Latency" not in html


@pytest.mark.parametrize(
    ("reason", "said"),
    [
        ("onnx-int8 is small", "Pick: onnx-int8</strong> is small."),
        ("it is small.", "Pick: onnx-int8</strong>. It is small."),
    ],
)
def test_the_reason_makes_a_sentence_with_the_pick(reason: str, said: str) -> None:
    manifest = replace(make.manifest(pick="onnx-int8"), pick_reason=reason)
    assert said in sections.variants(manifest).html


def test_latencies_name_their_machine() -> None:
    html = sections.variants(
        make.manifest(), latencies={"tflite-int8": 0.0119, "onnx-int8": None}, machine="Pi 4"
    ).html
    assert "11.9 ms" in html
    assert html.count('class="bubble"') == 1
    assert "median latency on Pi 4" in html


def test_a_latency_that_is_invalid_is_marked_where_it_stands() -> None:
    html = sections.variants(make.manifest(), latencies={"onnx-int8": 0.012}, invalid={"onnx-int8"}).html
    assert '12.0 ms<small class="invalid">invalid</small>' in html


def test_variants_that_were_not_scored_are_listed_without_a_picture() -> None:
    html = sections.variants(make.manifest(scored=False)).html
    assert "<svg" not in html
    assert "tflite-float16" in html


def test_one_variant_of_a_perfect_model_can_be_drawn() -> None:
    manifest = make.manifest({"tflite-int8": 3_900_000})
    assert 'class="point pick"' in sections.variants(manifest).html


def test_markers_of_equal_size_stand_side_by_side() -> None:
    html = sections.variants(make.manifest(dict.fromkeys(("tflite-int8", "onnx-int8"), 4_000_000))).html
    assert 'cx="-12.5"' in html
    assert 'cx="12.5"' in html


def test_every_marker_keeps_its_distance_and_none_leaves_the_chart() -> None:
    sizes = {f"onnx-{number}": 4_000_000 + 1000 * number for number in range(14)}
    html = sections.variants(make.manifest(sizes, pick="onnx-3")).html
    places = [float(beside) for beside in re.findall(r'<circle cx="([-\d.]+)"[^>]*class="disc"', html)]
    # At the narrowest width; 88 % of it is where the largest stands.
    assert len(places) == 14
    assert all(b - a >= 22 for a, b in itertools.pairwise(places))
    assert max(places) + 0.88 * 640 <= 640


def test_what_the_export_found_out_is_shown() -> None:
    html = sections.variants(make.full_manifest()).html
    for said in (
        ">99.8 %</td>",
        ">281 ms</td>",
        "median on PC: Intel Xeon Processor at 2.1 GHz, the machine that exported",
        "int8: share of the multiply-accumulates",
        "<small>every layer; averaged ranges, 3 of 52 layers in float</small>",
    ):
        assert said in html


def test_a_refused_variant_has_words_a_shape_and_its_reason() -> None:
    html = sections.variants(make.full_manifest()).html
    assert html.count("<small><strong>failed the gate</strong></small>") == 1
    assert html.count("<rect") == 1
    assert "Square: failed the gate." in html
    assert 'class="badge refused">9<' in html
    assert "<li>onnx-dynamic loses 1.3 points, more than --max-drop 1</li>" in html
    plain = sections.variants(make.manifest()).html
    assert "gate" not in plain
    assert "<rect" not in plain


def test_latencies_too_different_for_discs_stay_in_the_table() -> None:
    manifest = make.full_manifest()
    assert 'class="bubble"' not in sections.variants(manifest).html
    alike = {variant.name: 0.004 + 0.001 * number for number, variant in enumerate(manifest.variants)}
    html = sections.variants(manifest, latencies=alike, machine="Pi 4").html
    assert html.count('class="bubble"') == 14
    assert "281 ms" not in html
    assert "Xeon" not in html


def test_the_page_of_a_users_own_model_has_no_training() -> None:
    html = pages.bundle_page(make.full_manifest(), None)
    for said in ("birds.keras, keras", "ab" * 32, "float32 (n, 96, 128, 3)", "200 photos", "a second output"):
        assert said in html
    assert "How it was trained" not in html
    assert "not trained on" not in html


def test_a_page_needs_no_provenance() -> None:
    html = pages.bundle_page(make.manifest(), None)
    assert "How it was exported" in html
    assert "Libraries" not in html


def test_bench_shows_figures_machine_command_and_advice() -> None:
    report = make.report(make.result(), make.result(threads=4), make.failed(), advice=["let it cool"])
    html = board_pages.bench_page(report, make.manifest())
    for said in (
        "Raspberry Pi 4 Model B Rev 1.4",
        "4 × Cortex-A72",
        "45 °C before, 45 °C after",
        "edgetl bench insects.edgetl --threads 1,4 --rounds 2",
        "Let it cool.",
        "openvino cannot load model.xml: no such kernel",
        "Distribution of the times of tflite-int8, 4 threads",
        "From file to label, 2 golden pictures in turn",
        "decode\u00a04.00 · resize\u00a02.00 ·",
    ):
        assert said in html


def test_an_invalid_result_is_marked_at_every_figure_and_is_not_the_fastest() -> None:
    wrong = replace(make.result("onnx-int8", processes=[make.process(0.001)]), invalid="the clock changed")
    report = make.report(make.result(), wrong, throughput=[replace(make.throughput(), invalid="busy")])
    html = board_pages.bench_page(report, make.manifest())
    assert "<strong>onnx-int8, 1 thread</strong>: the clock changed." in html
    # In the two tables, in the histogram, at the stages, and of the throughput.
    assert html.count('<small class="invalid">invalid</small>') == 5
    assert "onnx-int8 (invalid)" in html
    assert "<dt>Fastest</dt><dd><strong>tflite-int8</strong>" in html


def test_bench_of_a_pc_is_labelled_as_one() -> None:
    machine = replace(make.PI, is_board=False, kind="AMD EPYC")
    assert "PC: AMD EPYC" in sections.bench(make.report(machine=machine)).html


def test_a_machine_that_was_waited_for_says_how_long_and_to_what_end() -> None:
    report = make.report(make.result())
    assert "Waited to cool" not in board.board(report).html
    for cooling, said in (
        (Cooling(93.0, 71.2, 49.9, 50.0, True, None), "93 s: 71 °C to 50 °C"),
        (Cooling(600.0, 71.2, 64.0, 50.0, False, "it stays at 64 °C"), "600 s: 71 °C to 64 °C; it stays"),
        (Cooling(0.0, None, None, 50.0, None, "no thermometer"), "0 s; no thermometer"),
    ):
        waited = replace(report, platform=replace(report.platform, cooling=cooling))
        assert said in board.board(waited).html


def test_bench_counts_the_runs_beyond_its_axis() -> None:
    process = make.process(runs=300)
    slow = replace(process, inference_s=(*process.inference_s, 0.5))
    html = sections.distributions(make.report(make.result(processes=[slow]))).html
    assert "not drawn: 1 slower, to 500 ms" in html


def test_bench_without_any_figure_still_names_the_machine() -> None:
    html = sections.bench(make.report(make.failed())).html
    assert "Nothing could be measured on Raspberry Pi 4" in html
    assert "<svg" not in html


def test_facts_leave_out_what_is_not_known() -> None:
    html = sections.facts("How", [("Seed", 0), ("Licence", None)]).html
    assert "Seed" in html
    assert "Licence" not in html


def test_pictures_are_small_and_few() -> None:
    picture = np.random.default_rng(0).integers(0, 255, (480, 640, 3), np.uint8)
    html = sections.pictures("Wrong", [(picture, "<ants>")] * 50, note="The surest first.").html
    assert html.count("<img") == 40
    assert "The first 40 of 50." in html
    assert "&lt;ants&gt;" in html
    assert len(html) < 1_000_000


def test_the_page_is_one_file_that_loads_nothing() -> None:
    html = page.render(
        "<insects>", "a & b", [sections.bench(make.report()), sections.variants(make.manifest())]
    )
    assert html.startswith("<!DOCTYPE html>")
    assert "<title>&lt;insects&gt; · edgetl</title>" in html
    assert "<script" not in html
    assert "src=" not in html
    assert "url(" not in html
    assert "default-src 'none'" in html.replace("&#x27;", "'")
    assert len(html.encode()) < 1_000_000


def test_a_long_page_begins_with_links_to_its_sections() -> None:
    parts = [sections.facts(f"Part {number}", []) for number in range(3)]
    html = page.render("a", "b", parts)
    assert '<a href="#section-3">Part 2</a>' in html


def test_confusions_of_a_bundle_are_shown_where_its_manifest_tells_them() -> None:
    plain = make.manifest()

    def shown(told: object) -> str:
        return board_pages.bench_page(make.report(), replace(plain, provenance={"confusion": told}))

    html = shown({"split": "val", "counts": [[66, 4], [6, 77]]})
    assert "bees taken for ants: 6, 7.2 %" in html
    assert "Of the trained model" in html
    for damaged in (
        None,
        [],
        {"counts": [[1, 2]]},
        {"counts": [[1, -2], [0, 1]]},
        {"counts": [[0, 0], [0, 0]]},
    ):
        assert "Confusions" not in shown(damaged)
