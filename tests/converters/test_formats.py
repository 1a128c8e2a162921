"""The table of formats is light, and refuses what it does not offer."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgetl.converters.formats import FORMATS, parse_formats, parse_precisions
from edgetl.errors import UsageError
from edgetl.runtime import engines


def test_every_format_has_an_engine_that_says_it_runs_it() -> None:
    for row in FORMATS.values():
        assert row.engines == tuple(
            name for name, engine in engines.ENGINES.items() if row.name in engine.formats
        )


def test_takes_a_list_or_one_text_with_commas_each_name_once() -> None:
    assert [row.name for row in parse_formats("onnx, tflite,onnx")] == ["onnx", "tflite"]
    assert [row.name for row in parse_formats(["openvino"])] == ["openvino"]
    assert parse_precisions("int8,float32", FORMATS["onnx"]) == ("int8", "float32")
    assert [row.suffix for row in FORMATS.values()] == [".tflite", ".onnx", ".xml"]


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        ("int4", "precision 'int4' is not offered for onnx: choose float32 or int8"),
        (
            "flaot32",
            "precision 'flaot32' is not offered for onnx: choose float32 or int8; did you mean float32?",
        ),
        ("", "precision '' is not offered for onnx: choose float32 or int8"),
    ],
)
def test_says_what_is_offered_instead(wanted: str, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_precisions(wanted, FORMATS["onnx"])
    assert str(caught.value) == message


@given(st.text().filter(lambda text: not {word.strip() for word in text.split(",")} <= set(FORMATS)))
def test_any_other_text_is_refused_with_the_formats_there_are(text: str) -> None:
    with pytest.raises(UsageError, match="is not offered: choose tflite, onnx or openvino"):
        parse_formats(text)
