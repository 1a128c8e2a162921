"""``edgetl bench`` as a user types it: options, files, refusals."""

import csv
import json
from pathlib import Path

import pytest
import support
from click.testing import CliRunner, Result

from edgetl.cli.main import main


def run(*words: object) -> Result:
    return CliRunner().invoke(main, ["bench", *map(str, words)])


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    return support.write_fake_bundle(tmp_path / "insects.edgetl", delay_s=0.001)


def test_writes_json_csv_markdown_and_a_page_beside_the_bundle(bundle: Path) -> None:
    done = run(bundle, "--threads", 1, "--runs", 4, "--rounds", 2, "--batch", 4, "--workers", 2)
    assert done.exit_code == 0, done.output
    place = bundle.with_name("insects-bench")
    assert sorted(path.name for path in place.iterdir()) == [
        *("bench.csv", "bench.html", "bench.json", "bench.md")
    ]
    report = json.loads((place / "bench.json").read_text())
    assert report["parameters"] == {
        "variants": ["fake-float32"],
        "threads": [1],
        "rounds": 2,
        "runs": 4,
        "duration_s": None,
        "percentile": None,
        "batches": [1, 4],
        "workers": [2],
        "cores": None,
        "wait_cool": None,
        "soak_s": None,
        "profile": False,
        "power_command": None,
    }
    assert len(report["platform"]["samples"]) >= 4
    assert report["platform"]["sampling"]["each_s"] > 0
    single, several = csv.DictReader((place / "bench.csv").read_text().splitlines())
    assert float(single["median_ms"]) >= 1
    assert (several["batch"], several["status"], several["median_ms"]) == ("4", "skipped", "")
    assert (place / "bench.md").read_text().startswith("| Variant | Engine | Threads | Batch |")
    page = (place / "bench.html").read_text()
    assert "Many pictures" in page
    assert "fake-float32, 1 thread, batch 4" in page


def test_the_table_for_the_terminal_has_throughput_and_the_timer(bundle: Path) -> None:
    done = run(bundle, "--threads", 1, "--runs", 2, "--rounds", 1, "--workers", 2)
    assert "pictures/s" in done.stdout
    assert "µs of each time are the measuring's own" in done.stdout


def test_json_is_the_report_that_is_written(bundle: Path) -> None:
    done = run(bundle, "--threads", 1, "--runs", 2, "--rounds", 1, "--json")
    written = (bundle.with_name("insects-bench") / "bench.json").read_text()
    assert json.loads(done.stdout) == json.loads(written)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--cores", "100000"], "core 100000 is not one this process may use: choose from"),
        (["--cores", "a"], "cores 'a' are no numbers with commas"),
        (["--batch", "x"], "batch 'x' are no numbers with commas"),
        (["--workers", "0"], "workers 0 cannot run anything"),
        (["--percentile", "50"], "percentile 50 is not offered: choose 95,99"),
        (["--percentile", "99", "--runs", "100"], "100 runs are too few for a p99: ask for 299 or more"),
    ],
)
def test_refuses_with_a_sentence_what_measures_nothing(bundle: Path, words: list[str], message: str) -> None:
    done = run(bundle, *words)
    assert done.exit_code == 2
    assert message in done.stderr
