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
        (["--wait-cool", "soon"], "'soon' is nothing to wait for: give degrees Celsius, as 50, or steady"),
        (["--wait-cool", "500"], "'500' is nothing to wait for"),
        (["--soak", "0"], "a soak of 0 minutes measures nothing: ask for more than 0"),
        (["--soak", "nan"], "a soak of nan minutes measures nothing"),
        (["--power-command", "no-such-meter -w"], "'no-such-meter -w' is no program here"),
        (["--assert", "p95<30"], "metric 'p95' is not known: choose median_ms,"),
        (
            ["--assert", "p95_ms<<3"],
            "'p95_ms<<3' is no limit: write a metric, one of < <= > >=, and a number",
        ),
        (["--max-regression", "5%"], "--max-regression needs something to compare with: add --baseline"),
        (["--percentile", "99", "--runs", "100"], "100 runs are too few for a p99: ask for 299 or more"),
    ],
)
def test_refuses_with_a_sentence_what_measures_nothing(bundle: Path, words: list[str], message: str) -> None:
    done = run(bundle, *words)
    assert done.exit_code == 2
    assert message in done.stderr
    assert not bundle.with_name("insects-bench").exists()


def test_a_benchmark_that_is_refused_leaves_the_page_of_the_last_one(bundle: Path) -> None:
    page = bundle.with_name("insects-bench") / "bench.html"
    page.parent.mkdir()
    page.write_text("an hour of measuring")
    assert run(bundle, "--soak", "0").exit_code == 2
    assert page.read_text() == "an hour of measuring"


def test_a_profile_and_a_soak_are_measured_after_the_rest_and_shown(bundle: Path) -> None:
    done = run(bundle, "--threads", 1, "--runs", 2, "--rounds", 1, "--profile", "--soak", 0.005)
    assert done.exit_code == 0, done.output
    place = bundle.with_name("insects-bench")
    report = json.loads((place / "bench.json").read_text())
    assert [profile["variant"] for profile in report["profiles"]] == ["fake-float32"]
    assert report["soak"]["windows"]
    assert "--soak 0.005" in report["command"]
