"""The page as a browser draws it: nothing too wide, nothing too small, no errors, light and dark."""

import json
import re
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import replace
from html import escape, unescape
from pathlib import Path
from typing import Any

import bench_reports as make
import choices
import numpy as np
import pytest
import sampled
import scored_runs
import support
from PIL import Image

from edgetl.benchmarks.board.sampling import Cost
from edgetl.benchmarks.board.soak_curve import curve, window_of
from edgetl.benchmarks.board.soaking import SoakRequest
from edgetl.benchmarks.comparing.compare import compare
from edgetl.benchmarks.profile.results import Operator, summed_up
from edgetl.benchmarks.results import BenchReport
from edgetl.reports import board_pages, checked, mosaic, page, pages, sections
from edgetl.training.checking.findings import SEVERITIES, Finding, PhotoNote
from edgetl.training.checking.report import CheckReport
from edgetl.training.exploring import sheet
from edgetl.training.exploring.found import Exploration, Group, Picture

BROWSER = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = pytest.mark.skipif(BROWSER is None, reason="needs Chromium: apt-get install chromium")

NARROW, WIDE = 390, 1280
SMALLEST_PX = 12  # text that people are expected to read

# The page forbids scripts, so the probe is put into a copy that allows them; and a window is never narrower
# than 500 pixels, so that copy stands in a frame that is.
PROBE = """
<script>
addEventListener("load", () => {
  const moves = element => element.closest(".scrolls, .bar") !== null;
  const reaches = element => element.getBoundingClientRect().right > innerWidth + 1;
  const hasText = element => [...element.childNodes].some(
    node => node.nodeType === Node.TEXT_NODE && node.textContent.trim());
  const visible = [...document.querySelectorAll("body *")].filter(element => element.getClientRects().length);
  const sizes = visible.filter(hasText).map(element => parseFloat(getComputedStyle(element).fontSize));
  parent.document.body.dataset.probe = JSON.stringify({
    inner: innerWidth,
    scroll: document.documentElement.scrollWidth,
    wide: visible.filter(element => !moves(element) && reaches(element)).map(element => element.outerHTML),
    smallest: Math.min(...sizes),
    loaded: performance.getEntriesByType("resource").map(entry => entry.name),
    background: getComputedStyle(document.body).backgroundColor,
  });
});
</script>
"""
MARKERS = """
<script>
addEventListener("load", () => {
  const boxes = [...document.querySelectorAll(".disc")].map(element => element.getBoundingClientRect());
  const chart = document.querySelector("svg").getBoundingClientRect();
  const lefts = boxes.map(box => box.left - chart.left);
  const gaps = boxes.flatMap((a, i) => boxes.slice(i + 1).map(b => Math.max(
    Math.abs(a.x - b.x) - a.width, Math.abs(a.y - b.y) - a.height)));
  parent.document.body.dataset.probe = JSON.stringify({
    count: boxes.length, gap: Math.min(...gaps), left: Math.min(...lefts),
    right: chart.right - Math.max(...boxes.map(box => box.right)),
  });
});
</script>
"""
NAMES = """
<script>
addEventListener("load", () => {
  const chart = [...document.querySelectorAll(".only svg")].find(svg => svg.getClientRects().length);
  const boxes = kind => [...chart.querySelectorAll(kind)].map(found => found.getBoundingClientRect());
  const names = boxes("text.halo:not(.quiet)"), dots = boxes(".dot");
  const touch = (a, b) => a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom;
  const frame = chart.getBoundingClientRect();
  parent.document.body.dataset.probe = JSON.stringify({
    names: names.length, dots: dots.length,
    overlaps: names.flatMap((a, i) => names.slice(i + 1).filter(b => touch(a, b))).length,
    covered: names.flatMap(a => dots.filter(b => touch(a, b))).length,
    outside: [...names, ...dots].filter(box => box.left < frame.left || box.right > frame.right).length,
  });
});
</script>
"""
MAP = """
<script>
addEventListener("load", () => {
  const map = document.querySelector(".map"), tiles = [...map.querySelectorAll(".tile")];
  const least = Math.min(...tiles.map(tile => tile.getBoundingClientRect().width));
  document.head.insertAdjacentHTML("beforeend", "<style>.map .tile { transition: none }</style>");
  const grown = tiles.map(tile => {
    tile.focus();
    const field = map.getBoundingClientRect();  // which may have been scrolled to the tile
    const box = tile.getBoundingClientRect(), said = tile.querySelector("b").getBoundingClientRect();
    return {box, said, field, shown: said.height > 10 && Math.abs(said.width - box.width) < 2};
  });
  parent.document.body.dataset.probe = JSON.stringify({
    tiles: tiles.length, least, grown: Math.min(...grown.map(one => one.box.width)),
    outside: grown.filter(({box, field}) => box.left < field.left - 1 || box.right > field.right + 1
      || box.top < field.top - 1 || box.bottom > field.bottom + 1).length,
    captions: [grown.filter(one => one.shown).length, tiles.filter(tile => tile.ariaLabel).length],
  });
});
</script>
"""
FRAME = """<!DOCTYPE html>
<meta charset="utf-8"><meta name="color-scheme" content="light dark">
<body><iframe width="{width}" height="900" style="border: 0" srcdoc="{page}"></iframe></body>
"""


def counts(classes: int) -> list[list[int]]:
    draw = np.random.default_rng(classes)
    matrix = draw.poisson(0.1, (classes, classes)) + np.diag(draw.integers(20, 120, classes))
    return [[int(count) for count in row] for row in matrix]


@pytest.fixture(scope="module")
def report_page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A page with every section, long labels and many classes."""
    rows = [
        make.result(name, threads=count, processes=[make.process(base / count, spread=0.2, seed=seed)])
        for seed, (name, base) in enumerate((("openvino-float16", 0.09), ("tflite-int8", 0.03)))
        for count in (1, 4)
    ]
    report = make.report(*rows, make.failed(), advice=["the CPU went from 45 to 62 °C: let it cool"])
    labels = [f"a rather long name of class {number}" for number in range(40)]
    two = ("functional", "defective")
    latencies = {row.variant: 0.01 for row in rows}
    wrong = [(np.asarray(support.scene(seed=seed)), "functional, taken for defective") for seed in range(5)]
    html = page.render(
        "a-long-name-of-a-bundle_with-no-space-in-it-at-all",
        "Measured on a Raspberry Pi 4 Model B Rev 1.4",
        [
            sections.accuracy(two, counts(2), split="test"),
            sections.confusion(two, counts(2), split="test"),
            sections.variants(make.manifest(), latencies=latencies, machine=make.PI.label),
            sections.variants(make.full_manifest()),
            sections.bench(report),
            sections.distributions(report),
            sections.pictures("Wrong answers", wrong),
            sections.facts("Provenance", [("Dataset fingerprint", "f3" * 32)]),
            sections.accuracy(labels, counts(40), split="test"),
            sections.confusion(labels, counts(40), split="test"),
        ],
    )
    place = tmp_path_factory.mktemp("page") / "report.html"
    place.write_text(html, "utf-8")
    return place


def measured() -> BenchReport:
    """Fourteen variants with two thread counts, one of them invalid, on a board; batches and workers."""
    rows = [
        make.result(
            variant.name, threads=threads, processes=[make.process(base / threads, spread=0.1, seed=n)]
        )
        for n, variant in enumerate(make.full_manifest().variants)
        for base in [3 * (variant.latency_s or 1.0)]
        for threads in (1, 4)
    ]
    rows[4] = replace(rows[4], invalid="other programs took up to 1.2 cores for 3.5 of 20.0 s: stop them")
    rows.append(make.result(batch=8))
    return make.report(*rows, make.failed(), throughput=[make.throughput()], advice=["let it cool"])


def whole_bench_page() -> str:
    """A page of a benchmark with all it can have."""
    counts_by_class = {"split": "val", "counts": counts(2)}
    manifest = make.full_manifest()
    manifest = replace(manifest, provenance={**manifest.provenance, "confusion": counts_by_class})
    samples = sampled.run(
        240.0,
        temperature_c=lambda s: 50 + s / 8,
        throttled=lambda s: 4 if s > 200 else 0,
        power_w=lambda _: 4.7,
    )
    request = SoakRequest("b", "tflite-int8", "litert", 4, 240.0, 10.0)
    windows = [
        window_of({"start_s": float(s), "end_s": s + 9.9, "inference_s": [0.01 + s / 1e5] * 80}, 0.0, samples)
        for s in range(0, 240, 10)
    ]
    name = "efficientnet-lite0/model/blocks_0/conv2d/Conv2D;blocks_0/BatchNormalization"
    ran = [
        Operator(f"{name}/{n}", "Fully Connected (NC, QS8) GEMM", 0.1 / (n + 1), "avx512", None)
        for n in range(20)
    ]
    report = measured()
    report = replace(
        report,
        platform=replace(report.platform, samples=samples, sampling=Cost(481, 0.001, 0.002)),
        soak=curve(request, windows, samples, Cost(481, 0.001, 0.002), None),
        profiles=(summed_up("tflite-int8", "litert", 4, 20, ran),),
    )
    return board_pages.bench_page(report, manifest)


def whole_compare_page() -> str:
    """One comparison that was tested, and one of two machines."""
    first = measured()
    again = replace(first, created="2026-11-23T09:14:03+00:00")
    machine = replace(make.PI, kind="Raspberry Pi 5 Model B Rev 1.0", cpu="Cortex-A76")
    other = replace(first, platform=replace(first.platform, machine=machine))
    twice = [replace(row, processes=row.processes * 2) for row in first.results]
    tested = compare(replace(first, results=tuple(twice)), replace(again, results=tuple(twice)))
    return board_pages.compare_page([tested, compare(first, other)])


def whole_check_page() -> str:
    """More findings and photos than the page has room for; long names, groups, files that show nothing."""
    root = Path("/home/somebody/photos-with-a-rather-long-name")
    findings = [
        Finding(
            f"finding number {number}",
            SEVERITIES[number // 7],
            "Something is wrong with these photos, why it matters, and what to do",
            tuple(
                PhotoNote(
                    root / "train" / f"a_long_label_without_a_space_{n}" / f"{'DSC0' * 9}{n}.jpg",
                    *("train", "ants", "2400 × 1800, 43 % kept"),
                    group=n // 3 if number % 2 else None,
                )
                for n in range((0, 5, 300)[number % 3])
            ),
        )
        for number in range(20)
    ]
    photos = {"train": 2_000_000, "val": 0, "test": 400}
    created = "2026-11-22T10:00:00+00:00"
    report = CheckReport(
        *(root, root, created, photos, ("ants", "bees" * 20), tuple(findings), False, 4, (), root / ".q"),
        *((), 1.0),
    )
    # Photos of a camera are as hard to compress as the noise in these.
    noise = [np.asarray(support.scene(200, 150, seed=seed)) for seed in range(8)]
    paths = checked.shown(findings)
    return pages.check_page(report, {path: noise[n % 8] for n, path in enumerate(paths) if n % 9})


def whole_run_page() -> str:
    """A training of nine classes with unknown pictures and folds."""
    made = scored_runs.metrics(9, 180, unknown=300, folds=3)
    pictures = [
        (np.asarray(support.scene(seed=seed)), "class 3, taken for class 5, 97.1 %") for seed in range(9)
    ]
    parts = [
        sections.figures(made),
        sections.trust(made),
        sections.strangers(made),
        sections.precision_recall(made),
        sections.pictures("The hardest pictures", pictures),
    ]
    return page.render("cells", "Trained in a test", [part for part in parts if part])


def whole_explore_page() -> str:
    """As many pictures and groups as a page of unlabelled pictures can have, with long names."""
    root = Path("/home/somebody/pictures")
    random = np.random.default_rng(0)
    pictures = tuple(
        Picture(
            path=root / f"{'DSC0' * 9}{number}.jpg",
            sha256=f"{number:064x}",
            label="a_long_label_without_a_space" if number % 3 else "ants",
            score=0.5 if number % 2 else 0.0,
            group=number % 40 + 1,
            first=number + 1 if number < 20 else None,
            odd=number % 50 == 0,
        )
        for number in range(1000)
    )
    groups = tuple(
        Group(
            number=number,
            label="a_long_label_without_a_space",
            new=number % 5 == 0,
            pictures=25,
            labels={"a_long_label_without_a_space": 20, "ants": 5},
            typical=tuple(picture.path for picture in pictures if picture.group == number)[:12],
        )
        for number in range(1, 41)
    )
    found = Exploration(
        folder=root,
        created="2026-11-22T10:00:00+00:00",
        backbone="efficientnet_lite0, 224 pixels",
        model="insects",
        pictures=pictures,
        groups=groups,
        silhouette=0.21,
        apart=True,
        tried=dict.fromkeys((2, 3, 4, 5, 6, 7, 8, 10, 12, 15, 20, 25, 30), 0.2),
        alike=tuple((picture.path, root / "other.jpg") for picture in pictures[:70]),
        known=(),
        unreadable={root / "damaged.jpg": "it is damaged"},
        seconds=12.3,
    )
    # A forest is about as hard to compress: 3 kB a picture.
    scenes = [np.asarray(support.scene(96, 96, seed=seed)) for seed in range(8)]
    cells = random.permutation(26 * 26)[: sheet.MOST]
    shown = mosaic.Mosaic(
        numbers={picture.path: number for number, picture in enumerate(pictures[: sheet.MOST])},
        pixels=np.stack([scenes[number % 8] for number in range(sheet.MOST)]),
        cells=np.stack(np.divmod(cells, 26), axis=1),
        grid=(26, 26),
    )
    return pages.explore_page(found, shown, root.parent / "labels.csv")


def browse(folder: Path, *arguments: str, width: int, dark: bool) -> subprocess.CompletedProcess[str]:
    assert BROWSER is not None
    flags = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"]
    flags += ["--disable-background-networking", "--disable-component-update", "--disable-sync"]
    flags += [f"--user-data-dir={folder / 'profile'}", f"--window-size={width},1000", "--hide-scrollbars"]
    flags += ["--enable-logging=stderr"]
    if dark:
        flags += ["--force-dark-mode", "--blink-settings=preferredColorScheme=0"]
    return subprocess.run(
        [BROWSER, *flags, *arguments], capture_output=True, text=True, timeout=90, check=True
    )


def probe(
    report_page: Path, folder: Path, *, width: int, dark: bool, script: str = PROBE
) -> tuple[dict[str, Any], str]:
    """What the browser says of the page, and what it wrote on its console."""
    html = report_page.read_text("utf-8")
    allowed, changes = re.subn(r'<meta content="default-src[^>]*>', "", html)
    assert changes == 1
    probed = allowed.replace("</body>", f"{script}</body>")
    copy = folder / "probe.html"
    copy.write_text(FRAME.format(width=width, page=escape(probed)), "utf-8")
    ended = browse(folder, "--dump-dom", copy.as_uri(), width=width + 100, dark=dark)
    found = re.search(r'data-probe="([^"]*)"', ended.stdout)
    assert found, ended.stdout[:500]
    console = "\n".join(line for line in ended.stderr.splitlines() if "CONSOLE" in line)
    return json.loads(unescape(found[1])), console


@pytest.mark.parametrize(("width", "dark"), [(NARROW, False), (NARROW, True), (WIDE, False), (WIDE, True)])
def test_nothing_is_too_wide_or_too_small(report_page: Path, tmp_path: Path, width: int, dark: bool) -> None:
    found, console = probe(report_page, tmp_path, width=width, dark=dark)
    assert found["inner"] == width
    assert found["wide"] == []
    assert found["scroll"] <= width
    assert found["smallest"] >= SMALLEST_PX
    assert console == ""
    assert found["background"] == ("rgb(18, 22, 27)" if dark else "rgb(255, 255, 255)")


def test_the_page_itself_breaks_no_rule_of_its_own(report_page: Path, tmp_path: Path) -> None:
    shot = tmp_path / "shot.png"
    ended = browse(tmp_path, f"--screenshot={shot}", report_page.as_uri(), width=WIDE, dark=False)
    assert "CONSOLE" not in ended.stderr
    with Image.open(shot) as image:
        assert image.size == (WIDE, 1000)
        # Blank paper has one colour; the page has ink, the accent and its tints.
        assert len(image.convert("RGB").getcolors(maxcolors=1 << 24) or []) > 50


@pytest.mark.parametrize(("width", "shown"), [(NARROW, 7), (NARROW, 14), (WIDE, 14)])
def test_no_marker_of_the_chart_covers_another_or_the_scale(tmp_path: Path, width: int, shown: int) -> None:
    manifest = make.manifest() if shown == 7 else make.full_manifest()
    html = page.render("insects", "in a test", [sections.variants(manifest)])
    place = tmp_path / "report.html"
    place.write_text(html, "utf-8")
    found, _ = probe(place, tmp_path, width=width, dark=False, script=MARKERS)
    assert found["count"] == shown
    assert found["gap"] > 0
    assert found["left"] > 0
    assert found["right"] > -1


@pytest.mark.parametrize(
    "make_page",
    [whole_bench_page, whole_compare_page, whole_check_page, whole_explore_page, whole_run_page],
)
@pytest.mark.parametrize(("width", "dark"), [(NARROW, False), (NARROW, True), (700, False), (WIDE, False)])
def test_the_pages_of_benchmarks_and_trainings_fit_every_screen(
    make_page: Callable[[], str], width: int, dark: bool, tmp_path: Path
) -> None:
    html = make_page()
    assert len(html.encode()) < (
        2_000_000 if make_page in (whole_check_page, whole_explore_page) else 1_000_000
    )
    place = tmp_path / "report.html"
    place.write_text(html, "utf-8")
    found, console = probe(place, tmp_path, width=width, dark=dark)
    assert (found["inner"], found["wide"], found["loaded"], console) == (width, [], [], "")
    assert found["scroll"] <= width
    assert found["smallest"] >= SMALLEST_PX


@pytest.mark.parametrize("width", [NARROW, WIDE])
def test_each_picture_of_the_map_can_be_touched_and_grows_inside_it(tmp_path: Path, width: int) -> None:
    place = tmp_path / "report.html"
    place.write_text(whole_explore_page(), "utf-8")
    found, _ = probe(place, tmp_path, width=width, dark=False, script=MAP)
    assert found["tiles"] == sheet.MOST
    assert found["least"] >= 24
    assert found["grown"] >= 4 * 24 - 0.01
    assert found["outside"] == 0
    assert found["captions"] == [sheet.MOST, sheet.MOST]


@pytest.mark.parametrize("width", [NARROW, 700, WIDE])
def test_the_names_in_the_picture_cover_nothing_in_a_real_font(tmp_path: Path, width: int) -> None:
    place = tmp_path / "report.html"
    place.write_text(board_pages.bench_page(measured(), make.full_manifest()), "utf-8")
    found, _ = probe(place, tmp_path, width=width, dark=False, script=NAMES)
    # tflite-int16x8 is so slow that it is told and not drawn.
    assert found == {"names": 13, "dots": 13, "overlaps": 0, "covered": 0, "outside": 0}


def test_the_page_of_a_benchmark_prints(tmp_path: Path) -> None:
    place, printed = tmp_path / "report.html", tmp_path / "report.pdf"
    place.write_text(whole_bench_page(), "utf-8")
    ended = browse(tmp_path, f"--print-to-pdf={printed}", place.as_uri(), width=WIDE, dark=True)
    assert "CONSOLE" not in ended.stderr
    assert printed.read_bytes().startswith(b"%PDF-")


@pytest.mark.parametrize(("width", "dark"), [(NARROW, False), (WIDE, True)])
def test_the_candidates_for_a_backbone_fit_every_screen(width: int, dark: bool, tmp_path: Path) -> None:
    place = tmp_path / "report.html"
    place.write_text(page.render("cells", "in a test", [sections.front(choices.choice())]), "utf-8")
    found, console = probe(place, tmp_path, width=width, dark=dark)
    assert (found["inner"], found["wide"], found["loaded"], console) == (width, [], [], "")
    assert found["scroll"] <= width
    assert found["smallest"] >= SMALLEST_PX
    names, _ = probe(place, tmp_path, width=width, dark=dark, script=NAMES)
    assert names == {"names": 12, "dots": 12, "overlaps": 0, "covered": 0, "outside": 0}
