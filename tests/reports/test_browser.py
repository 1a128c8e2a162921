"""The page as a browser draws it: nothing too wide, nothing too small, no errors, light and dark."""

import json
import re
import shutil
import subprocess
from html import escape, unescape
from pathlib import Path
from typing import Any

import bench_reports as make
import numpy as np
import pytest
import support
from PIL import Image

from edgetl.reports import page, sections

BROWSER = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = pytest.mark.skipif(BROWSER is None, reason="needs Chromium: apt-get install chromium")

NARROW, WIDE = 390, 1280
SMALLEST_PX = 10  # text that people are expected to read

# The page forbids scripts, so the probe is put into a copy that allows them; and a window is never narrower
# than 500 pixels, so that copy stands in a frame that is.
PROBE = """
<script>
addEventListener("load", () => {
  const moves = element => element.closest(".scrolls") !== null;
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
            sections.pictures("Wrong answers", wrong),
            sections.facts("Provenance", [("Dataset fingerprint", "f3" * 32)]),
            sections.accuracy(labels, counts(40), split="test"),
            sections.confusion(labels, counts(40), split="test"),
        ],
    )
    place = tmp_path_factory.mktemp("page") / "report.html"
    place.write_text(html, "utf-8")
    return place


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
