import dataclasses
import itertools
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import write_fake_bundle

from edgetl import limits
from edgetl.contract import Contract
from edgetl.errors import BundleError
from edgetl.manifest import (
    _SINCE_2,
    MAX_FILE_BYTES,
    SCHEMA,
    FileEntry,
    Golden,
    Interval,
    Manifest,
    Recorder,
    Score,
    TaskScore,
    Variant,
    parse,
)
from edgetl.sealing import sealed
from edgetl.tasks import Task, names_of_outputs
from edgetl.wording import is_one_line

text = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
line = text.filter(is_one_line)
number = st.floats(allow_nan=False, allow_infinity=False)
part = st.text("abcdefghijklmnopqrstuvwxyzäß0123456789-_. ", min_size=1, max_size=8).filter(
    lambda name: name == name.strip(" .")
)
files = st.builds(
    FileEntry,
    st.lists(part, min_size=1, max_size=3).map("/".join),
    st.text("0123456789abcdef", min_size=64, max_size=64),
    st.integers(0, MAX_FILE_BYTES),
)
intervals = st.builds(Interval, number, number, number)
task_scores = st.builds(TaskScore, text, st.integers(0, 10**6), intervals, intervals, number)
scores = st.builds(
    Score,
    text,
    st.integers(0, 10**6),
    intervals,
    intervals,
    number,
    tasks=st.lists(task_scores, max_size=2).map(tuple),
)
share = st.floats(0, 1)
plain = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | number | text,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(text, inner, max_size=2),
    max_leaves=4,
)


@st.composite
def several_tasks(draw: st.DrawFn) -> tuple[Task, ...]:
    """None, or some that cover the outputs one behind the other."""
    names = draw(st.lists(part, max_size=3, unique=True))
    tasks: list[Task] = []
    for name in names:
        several = draw(st.booleans())
        labels = tuple(draw(st.lists(part, min_size=2, max_size=4, unique=True)))
        tasks.append(
            Task(
                name,
                "sigmoid" if several else "softmax",
                labels,
                sum(len(task.labels) for task in tasks),
                None if several else draw(st.none() | share),
                tuple(draw(share) for _ in labels) if several else (),
            )
        )
    return tuple(tasks)


@st.composite
def manifests(draw: st.DrawFn) -> Manifest:
    names = draw(st.lists(part, min_size=1, max_size=3, unique=True))
    # Each in a folder of its own: no name may stand in the way of another.
    numbers = itertools.count()
    one = files.map(lambda file: dataclasses.replace(file, path=f"{next(numbers)}/{file.path}"))
    listed = st.lists(one, max_size=2)
    variants = tuple(
        Variant(
            name,
            draw(line),
            draw(line),
            tuple(draw(listed)),
            draw(st.none() | scores),
            draw(number),
            recorded_by=draw(st.none() | st.builds(Recorder, text, st.none() | text, text)),
        )
        for name in names
    )
    tasks = draw(several_tasks())
    return Manifest(
        name=draw(line),
        created=draw(line),
        edgetl=draw(line),
        contract=Contract(
            48, 64, crop_fraction=draw(st.floats(0.1, 1)), labels=names_of_outputs(tasks) or ("a", "b")
        ),
        variants=variants,
        pick=draw(st.sampled_from(names)),
        pick_reason=draw(line),
        reject_threshold=draw(st.none() | number),
        golden=Golden(tuple(draw(listed)), draw(one)),
        embedding=draw(st.booleans()),
        exemplars=draw(st.none() | one),
        provenance={"backbone": draw(plain)},
        tasks=tasks,
        documents=tuple(draw(listed)),
        compatible=tuple(draw(st.lists(line, max_size=2))),
        minimum_edgetl="0.0.9",
    )


def test_a_manifest_of_the_first_layout_is_read(value: dict[str, Any]) -> None:
    old = {name: part for name, part in value.items() if name not in ("sha256", *_SINCE_2)}
    manifest = parse(json.dumps({**old, "schema": 1}).encode())
    assert manifest.documents == ()
    assert parse(manifest.to_json().encode()) == manifest


@given(manifests())
def test_a_manifest_survives_json(manifest: Manifest) -> None:
    assert manifest == parse(manifest.to_json().encode())


@pytest.fixture(scope="module")
def value(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """A valid manifest as JSON gives it."""
    folder = write_fake_bundle(tmp_path_factory.mktemp("bundle") / "insects.edgetl")
    content: dict[str, Any] = json.loads((folder / "manifest.json").read_text())
    return content


def changed(value: dict[str, Any], place: str, new: Any) -> bytes:
    """The manifest with one value replaced; ``place`` is a dotted path, and ``...`` removes the key."""
    copy = json.loads(json.dumps(value))
    *parents, last = [int(key) if key.isdigit() else key for key in place.split(".")]
    target = copy
    for key in parents:
        target = target[key]
    if new is ...:
        del target[last]
    else:
        target[last] = new
    return sealed(copy).encode() if copy.get("schema") == SCHEMA else json.dumps(copy).encode()


def test_the_unchanged_manifest_is_read(value: dict[str, Any]) -> None:
    assert parse(sealed(value).encode()).pick == "fake-float32"


@pytest.mark.parametrize(
    ("place", "new", "rule"),
    [
        ("extra", 1, "manifest has unknown or missing keys: extra"),
        ("pick", ..., "manifest has unknown or missing keys: pick"),
        ("variants.0.speed", 1, r"manifest\.variants\[0\] has unknown or missing keys: speed"),
        (
            "variants.0.score.images",
            ...,
            r"manifest\.variants\[0\]\.score has unknown or missing keys: images",
        ),
        ("contract.mean", 127, "a contract has exactly the keys"),
        ("contract.crop_fraction", True, "crop_fraction is above 0 and at most 1"),
        ("name", 3, r"manifest\.name is int, not str"),
        ("variants", {}, r"manifest\.variants is dict, not tuple"),
        ("variants", [7], r"manifest\.variants\[0\] is not an object"),
        ("variants.0.tolerance", True, r"tolerance is bool, not float"),
        ("variants.0.tolerance", 10**400, r"tolerance is int, not float"),
        ("variants.0.tolerance", None, r"tolerance is NoneType, not float"),
        ("variants.0.files.0.size_bytes", 1.5, r"size_bytes is float, not int"),
        ("variants.0.files.0.size_bytes", -1, "is no hash or size"),
        ("variants.0.files.0.sha256", "ABC", "is no hash or size"),
        (
            "variants.0.files.0.path",
            "/etc/passwd",
            "names the file '/etc/passwd', which is not inside the bundle",
        ),
        ("variants.0.files.0.path", "../secret", "not inside the bundle"),
        ("variants.0.files.0.path", "models/../../secret", "not inside the bundle"),
        ("variants.0.files.0.path", "..\\secret", "not inside the bundle"),
        ("variants.0.files.0.path", "C:\\secret", "not inside the bundle"),
        ("variants.0.files.0.path", "a\0b", "not every disk can hold"),
        ("variants.0.files.0.path", "", "not inside the bundle"),
        ("variants.0.files.0.path", ".", "not inside the bundle"),
        ("golden.expected.path", "/tmp/x", "not inside the bundle"),
        ("golden.expected.path", "a//b", "'a//b', which not every disk can hold"),
        ("golden.expected.path", "a/./b", "not every disk can hold"),
        ("golden.expected.path", "b:stream", "not every disk can hold"),
        ("golden.expected.path", "dot.", "not every disk can hold"),
        ("golden.expected.path", "a\u202eb", "not every disk can hold"),
        ("golden.expected.path", "a" * 201, "more than 200 bytes"),
        ("golden.expected.path", "Manifest.JSON", "'Manifest.JSON' and 'manifest.json', one place"),
        ("golden.expected.path", "manifest.dsse.json", "one place on some disks"),
        ("golden.expected.path", "LABELS.txt", "'LABELS.txt' and 'labels.txt', one place"),
        ("golden.expected.path", "labels.txt/x", "lies in a folder whose name stands for something else too"),
        ("golden.expected.path", "Fake-float32/x", "stands for something else too"),
        ("exemplars", {}, r"manifest\.exemplars has unknown or missing keys: path, sha256, size_bytes"),
        ("exemplars", "exemplars.npz", r"manifest\.exemplars is not an object"),
        ("provenance", [], r"manifest\.provenance is list, not dict"),
        ("pick", "fake-int8", "picks 'fake-int8', which is not one of fake-float32"),
        ("variants", [], "names no variant"),
        ("contract.labels", ["ant"], "fewer than two labels"),
        ("minimum_edgetl", "new", "needs edgetl 'new', which is no version"),
        (
            "minimum_edgetl",
            "900.0.0",
            r"needs edgetl 900\.0\.0 or newer, and .*pip install --upgrade",
        ),
        ("schema", SCHEMA + 1, "this edgetl reads up to 2: pip install --upgrade edgetl"),
        ("schema", 0, "schema is 0, not 2: it is no edgetl bundle"),
        ("schema", True, "schema is True, not 2"),
        ("schema", "1", "schema is '1', not 2"),
        ("schema", ..., "schema is None, not 2"),
    ],
)
def test_a_broken_rule_is_named(value: dict[str, Any], place: str, new: Any, rule: str) -> None:
    with pytest.raises(BundleError, match=rule):
        parse(changed(value, place, new))


@pytest.mark.parametrize(
    "place",
    [
        *("name", "created", "edgetl", "pick_reason", "measured_on", "variants.0.name", "variants.0.format"),
        *("variants.0.precision", "variants.0.recipe", "variants.0.refused"),
    ],
)
@pytest.mark.parametrize("end", ["\nsigned by alice", "\r", "\t", "\x1b[2K", "\x85", "\u2028", "\u202e"])
def test_a_text_that_could_forge_a_line_of_ours_is_refused(
    value: dict[str, Any], place: str, end: str
) -> None:
    odd = changed({**value, "pick": "a" + end} if place == "variants.0.name" else value, place, "a" + end)
    with pytest.raises(BundleError, match="its texts are on one line, without control characters") as caught:
        parse(odd)
    assert is_one_line(str(caught.value))
    with pytest.raises(BundleError, match="its texts are on one line"):
        parse(changed(value, "compatible", ["gate", "a" + end]))


def test_half_a_letter_in_a_text_is_refused(value: dict[str, Any]) -> None:
    old = {name: part for name, part in value.items() if name not in ("sha256", *_SINCE_2)}
    with pytest.raises(BundleError, match="its texts are on one line"):
        parse(json.dumps({**old, "schema": 1, "name": "a\ud800"}).encode())


@pytest.mark.parametrize(
    "place",
    ["exemplars", "embedding", "measured_on", "provenance", "variants.0.latency_s", "variants.0.refused"],
)
def test_a_bundle_from_before_there_was_a_value_has_its_default(value: dict[str, Any], place: str) -> None:
    default: Any = {"provenance": {}, "embedding": False}.get(place)
    assert parse(changed(value, place, default)) == parse(changed(value, place, ...))


def test_a_bundle_of_one_answer_says_nothing_of_tasks(value: dict[str, Any]) -> None:
    assert "tasks" not in value
    assert ["tasks" in variant["score"] for variant in value["variants"]] == [False]


TASKS = [
    {"name": "sex", "activation": "softmax", "labels": ["f", "m"], "start": 0},
    {"name": "seen", "activation": "sigmoid", "labels": ["wing"], "start": 2, "thresholds": [0.5]},
]


def test_tasks_name_the_outputs(value: dict[str, Any]) -> None:
    labels = ["sex=f", "sex=m", "seen=wing"]
    manifest = parse(changed(json.loads(changed(value, "contract.labels", labels)), "tasks", TASKS))
    assert [task.places for task in manifest.tasks] == [slice(0, 2), slice(2, 3)]
    assert [task.several for task in manifest.tasks] == [False, True]


@pytest.mark.parametrize(
    ("place", "new", "rule"),
    [
        ("0.start", 1, "do not cover the outputs of the model"),
        ("1.labels", ["leg"], "do not cover the outputs of the model"),
        ("1.name", "sex", "two tasks share a name: sex, sex"),
        ("1.thresholds", [], "the task 'seen' breaks a rule: a task has a threshold for each sigmoid"),
        ("1.thresholds", [1.5], "thresholds of 0 to 1"),
        ("1.reject_threshold", 0.5, "a reject threshold of a softmax only"),
        ("0.activation", "relu", "the activation softmax or sigmoid"),
        ("0.labels", ["f"], "two labels or more"),
        ("0.labels", ["f", "f"], "labels that are all different"),
        ("0.name", "a=b", "a name without ="),
        ("0.colour", "red", r"manifest\.tasks\[0\] has unknown or missing keys: colour"),
    ],
)
def test_tasks_that_break_a_rule_are_refused(value: dict[str, Any], place: str, new: Any, rule: str) -> None:
    labelled = json.loads(changed(value, "contract.labels", ["sex=f", "sex=m", "seen=wing"]))
    with pytest.raises(BundleError, match=rule):
        parse(changed({**labelled, "tasks": TASKS}, f"tasks.{place}", new))


def test_a_newer_schema_is_told_so_whatever_else_is_new(value: dict[str, Any]) -> None:
    with pytest.raises(BundleError, match="pip install --upgrade edgetl"):
        parse(json.dumps({**value, "schema": SCHEMA + 1, "lens": "wide"}).encode())


def test_a_variant_named_twice_is_refused(value: dict[str, Any]) -> None:
    with pytest.raises(BundleError, match="names no variant, or one twice"):
        parse(changed(value, "variants", value["variants"] * 2))


@pytest.mark.parametrize("content", [b"null", b"[]", b"3", b'"text"', b"{}"])
def test_json_that_is_no_manifest_is_refused(content: bytes) -> None:
    with pytest.raises(BundleError, match="it is no edgetl bundle"):
        parse(content)


@given(st.binary(max_size=200))
def test_random_bytes_raise_nothing_but_bundle_errors(content: bytes) -> None:
    with pytest.raises(BundleError):
        parse(content)


@given(data=st.data())
def test_a_damaged_manifest_is_refused(value: dict[str, Any], data: st.DataObject) -> None:
    whole = sealed(value).encode()
    content = bytearray(whole)
    for _ in range(data.draw(st.integers(1, 3))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    if content != whole:
        with pytest.raises(BundleError):
            parse(bytes(content))


@given(
    place=st.sampled_from(["name", "variants.0", "variants.0.files.0.path", "contract.labels", "golden"]),
    new=plain,
)
def test_any_value_in_any_place_raises_nothing_but_bundle_errors(
    value: dict[str, Any], place: str, new: Any
) -> None:
    try:
        parse(changed(value, place, new))
    except BundleError as error:
        assert str(error)  # noqa: PT017 - some values are right


def test_the_size_of_a_variant_is_that_of_its_files() -> None:
    entries = tuple(FileEntry(name, "0" * 64, size) for name, size in (("model.xml", 10), ("model.bin", 990)))
    assert Variant("openvino-int8", "openvino", "int8", entries, None, 0.1).size_bytes == 1000


def labelled(value: dict[str, Any], count: int) -> Manifest:
    """The manifest with so many labels of 20 letters."""
    labels = tuple(f"label number {index:07d}" for index in range(count))
    manifest = parse(sealed(value).encode())
    return dataclasses.replace(manifest, contract=manifest.contract.with_labels(labels))


def test_two_thousand_labels_fit(value: dict[str, Any]) -> None:
    large = labelled(value, 2000)
    assert large == parse(large.to_json().encode())


def test_more_labels_fit_where_the_machine_says_so(
    value: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    large = labelled(value, 5000)
    with pytest.raises(BundleError, match=r"more than 64000 bytes: .*set EDGETL_MAX_MANIFEST_BYTES"):
        parse(large.to_json().encode())
    monkeypatch.setattr(limits, "current", lambda: limits.Limits(manifest_bytes=200_000))
    assert large == parse(large.to_json().encode())
