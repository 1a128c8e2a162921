"""``edgetl estimate`` as it is typed."""

import json
from pathlib import Path

import pytest
import support
from click.testing import CliRunner, Result

from edgetl.benchmarks.estimate import predicting
from edgetl.benchmarks.estimate.work import Work
from edgetl.bundle import Bundle
from edgetl.cli.estimate import command
from edgetl.errors import UsageError
from edgetl.manifest import Variant

LITE0 = Work(conv_macs=350_655_488, depthwise_macs=34_532_064, values=6_951_088, parameters=4_631_000)


@pytest.fixture
def bundle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A bundle with a variant that has the work of EfficientNet-Lite0, and one that is refused."""

    def work(_: Bundle, variant: Variant) -> Work:
        if variant.name == "fake-float32":
            raise UsageError("fake-float32 cannot be estimated: it is a fake")
        return LITE0

    monkeypatch.setattr(predicting, "_work", work)
    names = ("fake-int8", "fake-float32")
    return support.write_fake_bundle(tmp_path / "ants.edgetl", variants=names)


def run(*words: str | Path) -> Result:
    return CliRunner().invoke(command, [str(word) for word in words], catch_exceptions=False)


def test_every_line_says_that_it_is_estimated_and_how_sure(bundle: Path) -> None:
    done = run(bundle, "--board", "pi4")
    assert done.exit_code == 0
    lines = done.stdout.splitlines()
    assert lines[0].startswith("estimated, not measured; 80.0 % intervals")
    assert lines[1].split() == ["variant", "board", "threads", "estimated", "interval", "off", "by", "from"]
    assert lines[2].startswith("fake-int8  Raspberry Pi 4B  4")
    assert "published rows of this board" in lines[2]
    assert len(lines) == 4


def test_refusals_and_the_next_command_are_on_stderr(bundle: Path) -> None:
    done = run(bundle, "--board", "pi4")
    assert "warning: fake-float32 cannot be estimated: it is a fake" in done.stderr
    assert done.stderr.splitlines()[-1] == f"next: edgetl bench {bundle}"


def test_without_a_board_all_are_told(bundle: Path) -> None:
    done = run(bundle)
    assert sum(line.startswith("fake-int8") for line in done.stdout.splitlines()) == 8
    assert "Raspberry Pi Zero 2 W" in done.stdout


def test_json_has_the_interval_the_error_and_the_provenance(bundle: Path) -> None:
    told = json.loads(run(bundle, "--board", "pi5", "--threads", "1", "--json").stdout)
    assert told["kind"] == "estimated, not measured"
    assert told["level"] == 0.8
    (one,) = told["estimates"]
    assert one["low_s"] < one["latency_s"] < one["high_s"]
    assert 0 < one["mean_error"] < 0.3
    assert one["threads"] == 1
    assert [refusal["variant"] for refusal in told["refused"]] == ["fake-float32"]
    assert told["fitted"]["sha256"]


def test_an_unknown_board_is_wrong_use(bundle: Path) -> None:
    with pytest.raises(UsageError, match="'pi9' is not known"):
        run(bundle, "--board", "pi9")
