"""The page of ``edgetl compare``."""

import re
from dataclasses import replace

import bench_reports as make

from edgetl.benchmarks.comparing.compare import compare
from edgetl.benchmarks.results import BenchReport
from edgetl.reports import board_pages

PI5 = replace(make.PI, kind="Raspberry Pi 5 Model B Rev 1.0", cpu="Cortex-A76")


def report(scale: float = 1.0, seed: int = 0, **parts: BenchReport) -> BenchReport:
    rows = [
        make.result(
            "tflite-int8",
            threads=threads,
            processes=[make.process(0.01 * scale, seed=seed + n) for n in range(4)],
        )
        for threads in (1, 4)
    ]
    return make.report(*rows, **parts)


def test_a_slow_down_is_said_drawn_and_in_the_table() -> None:
    html = board_pages.compare_page([compare(report(), report(1.06, seed=50))])
    assert "B is slower in 2 of 2" in html
    assert html.count('class="estimate"') == 2
    assert html.count('<g class="slower">') == 2
    assert len(re.findall(r"<strong>\+[56]\.\d %</strong>", html)) == 4


def test_two_machines_stand_side_by_side_and_nothing_is_drawn_of_a_ratio() -> None:
    html = board_pages.compare_page([compare(report(), report(machine=PI5))])
    assert "Not tested" in html
    assert 'class="estimate"' not in html
    assert "A: Raspberry Pi 4 Model B Rev 1.4; B: Raspberry Pi 5 Model B Rev 1.0" in html
    assert re.search(
        r">Processor</th><td[^>]*>4 × Cortex-A72</td><td[^>]*>4 × Cortex-A76</td><td[^>]*>differs<", html
    )
    assert re.search(r">Memory</th><td[^>]*>3.98 GB</td><td[^>]*>3.98 GB</td><td[^>]*></td>", html)


def test_an_invalid_result_is_marked_and_not_tested() -> None:
    other = report(1.06, seed=50)
    wrong = replace(other, results=(replace(other.results[0], invalid="the clock changed"), other.results[1]))
    html = board_pages.compare_page([compare(report(), wrong)])
    assert 'ms<small class="invalid">invalid</small>' in html
    assert "not tested: B is invalid: the clock changed" in html
    assert html.count('class="estimate"') == 1


def test_one_interval_much_wider_than_the_others_is_cut_with_an_arrow() -> None:
    wild = [make.process(0.01 * scale, seed=n) for n, scale in enumerate((0.5, 1, 1, 2))]
    first, second = report(), report(seed=50)
    noisy = make.result("onnx-int8", processes=wild)
    pair = compare(
        replace(first, results=(*first.results, noisy)), replace(second, results=(*second.results, noisy))
    )
    html = board_pages.compare_page([pair])
    assert html.count("M7 9.0L0 15.0l7 6") == 1
    assert html.count("M-7 9.0L0 15.0l-7 6") == 1


def test_several_reports_have_a_section_each() -> None:
    first = report()
    html = board_pages.compare_page(
        [compare(first, report(1.06, seed=9)), compare(first, report(machine=PI5))]
    )
    for title in ("A and B, 1 of 2", "Machines, 1 of 2", "A and B, 2 of 2", "Machines, 2 of 2", "Words"):
        assert f">{title}</h2>" in html
