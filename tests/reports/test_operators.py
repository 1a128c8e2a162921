"""The table of operators."""

from edgetl.benchmarks.profile.results import Operator, Profile, summed_up
from edgetl.reports import sections


def test_the_longest_operators_are_listed_with_what_is_not_accelerated() -> None:
    found = [
        Operator(f"conv {n}", "Conv", 0.004 / (n + 1), None, "computed in float" if n == 1 else None)
        for n in range(12)
    ]
    section = sections.operators([summed_up("tflite-int8", "litert", 4, 20, found)], "Pi 4")
    assert section is not None
    assert "conv 9<" in section.html
    assert "conv 10<" not in section.html
    assert "Not accelerated: 16.1 % of the time (computed in float)." in section.html
    assert section.html.count(">not accelerated<") == 1


def test_an_engine_that_tells_nothing_has_its_reason() -> None:
    profile = Profile("onnx-int8", "onnxruntime", 1, 0, "not available here: it told nothing")
    section = sections.operators([profile], "Pi 4")
    assert section is not None
    assert "Not available here: it told nothing." in section.html
    assert "<table" not in section.html
    assert sections.operators([], "Pi 4") is None
