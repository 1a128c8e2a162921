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
    assert FORMATS["openvino"].graph_files == ("graph.xml", "graph.bin")
    assert [row.suffix for row in FORMATS.values()] == [".tflite", ".onnx", ".xml"]


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        ("int4", "precision 'int4' is not offered for onnx: choose float32, float16, dynamic, int8 or auto"),
        (
            "flaot32",
            (
                "precision 'flaot32' is not offered for onnx: choose float32, float16, dynamic, int8 "
                "or auto; did you mean float32?"
            ),
        ),
        ("", "precision '' is not offered for onnx: choose float32, float16, dynamic, int8 or auto"),
    ],
)
def test_says_what_is_offered_instead(wanted: str, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_precisions(wanted, FORMATS["onnx"])
    assert str(caught.value) == message


def test_a_precision_that_one_format_lacks_is_left_out_there_and_made_for_the_others() -> None:
    rows = [FORMATS["tflite"], FORMATS["openvino"]]
    assert parse_precisions("int16x8,int8", FORMATS["openvino"], rows) == ("int8",)
    assert parse_precisions("int16x8,int8", FORMATS["tflite"], rows) == ("int16x8", "int8")
    with pytest.raises(UsageError, match="none of the precisions int16x8 is offered for openvino"):
        parse_precisions("int16x8", FORMATS["openvino"], rows)


def test_auto_begins_with_int8_so_both_together_are_refused() -> None:
    with pytest.raises(UsageError, match="begins with int8: leave int8 out"):
        parse_precisions("auto,int8", FORMATS["onnx"])


@given(st.text().filter(lambda text: not {word.strip() for word in text.split(",")} <= set(FORMATS)))
def test_any_other_text_is_refused_with_the_formats_there_are(text: str) -> None:
    with pytest.raises(UsageError, match="is not offered: choose tflite, onnx or openvino"):
        parse_formats(text)
