"""The published JSON Schema says of a manifest what its reader says, but for rules that it cannot express."""

import json
import random
import re
from collections import Counter
from pathlib import Path
from typing import Any

import manifest_schema
import mutating
import pytest
import signed
from deep import SEED, cases
from support import write_fake_bundle

from edgetl.errors import BundleError
from edgetl.manifest import parse
from edgetl.sealing import KEY, sealed
from edgetl.tasks import Task

jsonschema = pytest.importorskip("jsonschema", reason="needs jsonschema")

# How the reader words each rule of manifest_schema.BEYOND.
BEYOND = {
    "the seal is that of the bytes": r"not as it was written|nested more than|\d+ bytes, more|stands twice",
    "a whole number is written": r"is float, not int|height and width are 8 to 4096",
    "the pick is one of the variants": r"manifest picks|names no variant, or one twice",
    "no two files share a place": r"one place on some disks|stands for something else too",
    "a path has 200 bytes at most": r"which not every disk can hold|more than 200 bytes",
    "labels have no control character": r"names on one line, without control characters",
    "tasks cover the outputs": r"do not cover the outputs|two tasks share a name|a name without =",
    "a sigmoid has as many thresholds": r"a threshold for each sigmoid",
    "edgetl is as new": r"the bundle needs edgetl",
}


def test_the_published_schema_is_up_to_date() -> None:
    assert manifest_schema.PLACE.read_text("utf-8") == manifest_schema.text(), (
        "run: python tests/manifest_schema.py"
    )


def test_the_schema_is_one() -> None:
    jsonschema.Draft202012Validator.check_schema(manifest_schema.schema())


def test_every_rule_beyond_the_schema_is_told_in_it() -> None:
    said = manifest_schema.schema()["description"]
    assert len(BEYOND) == len(manifest_schema.BEYOND)
    for rule, words in zip(BEYOND, manifest_schema.BEYOND, strict=True):
        assert words.startswith(rule)
        assert words in said


@pytest.fixture(scope="module")
def seeds(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """Manifests with and without tasks, with everything that may be missing, and of the first layout."""
    room = tmp_path_factory.mktemp("seeds")
    tasks = (Task("sex", "softmax", ("f", "m"), 0), Task("seen", "sigmoid", ("wing",), 2, None, (0.5,)))
    folders = [
        write_fake_bundle(room / "a.edgetl", variants=("fake-float32", "fake-int8")),
        write_fake_bundle(room / "b.edgetl", labels=("sex=f", "sex=m", "seen=wing"), tasks=tasks),
        signed.tiny_bundle(room / "c.edgetl"),
    ]
    found = [json.loads((folder / "manifest.json").read_text()) for folder in folders]
    fuller = json.loads(json.dumps(found[0]))
    fuller["variants"][0] |= {
        "arithmetic": {"precision": "int8", "int8_operators": 1, "int8_macs": 0.5, "in_float": ["x"]},
        "latency_s": 0.01,
        "refused": "slow",
    }
    fuller |= {"measured_on": "pi4", "embedding": True, "compatible": ["gate"], "reject_threshold": 0.5}
    fuller["exemplars"] = {"path": "exemplars.npz", "sha256": "0" * 64, "size_bytes": 3}
    old = json.loads((Path(__file__).parent / "fixtures" / "layout-1.edgetl" / "manifest.json").read_text())
    return [*found, fuller, old]


def test_the_reader_and_the_schema_agree(seeds: list[dict[str, Any]]) -> None:
    validator = jsonschema.Draft202012Validator(manifest_schema.schema())
    draw = random.Random(f"schema {SEED}")
    counted: Counter[str] = Counter()
    for number in range(cases(10_000, 100_000)):
        value = mutating.changed(draw, draw.choice(seeds)) if number >= len(seeds) else seeds[number]
        data = as_written(value)
        if data is None:
            continue
        reason = refusal(data)
        valid = validator.is_valid(json.loads(data))
        verdict = "both take" if valid and reason is None else "both refuse"
        if valid and reason is not None:
            rule = next((rule for rule, words in BEYOND.items() if re.search(words, reason)), None)
            assert rule is not None, f"case {number}: only the reader refuses: {reason}\n{data.decode()}"
            verdict = rule
        assert valid or reason is not None, f"case {number}: only the schema refuses\n{data.decode()}"
        counted[verdict] += 1
    assert counted["both take"] > 100, counted
    assert counted["both refuse"] > 1000, counted


def as_written(value: Any) -> bytes | None:
    """With a seal where it belongs; None where it is no text."""
    try:
        if isinstance(value, dict) and value.get("schema") == 2 and isinstance(value.get(KEY), str):
            return sealed(value).encode()
        return json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False).encode()
    except ValueError:
        return None


def refusal(data: bytes) -> str | None:
    try:
        parse(data)
    except BundleError as error:
        return str(error)
    return None
