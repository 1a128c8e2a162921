"""Which variant of a bundle is taken, and in which engine."""

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from support import write_fake_bundle

import edgetl
from edgetl.bundle import Bundle
from edgetl.errors import MissingPackageError, ModelError, UsageError
from edgetl.runtime.choosing import choose, options


def only_installed(monkeypatch: pytest.MonkeyPatch, *packages: str) -> None:
    monkeypatch.setattr("edgetl.extras.is_installed", lambda package: package in packages)


def refuse(monkeypatch: pytest.MonkeyPatch, *refused: tuple[str, str]) -> None:
    """Have known_bad refuse these engines and precisions."""
    monkeypatch.setattr(
        "edgetl.runtime.known_bad.refusal",
        lambda engine, precision: (
            f"{engine} answers wrongly in {precision}: type this" if (engine, precision) in refused else None
        ),
    )


def chosen(bundle: Path, variant: str | None = None, engine: str | None = None) -> tuple[str, str]:
    variant_of_it, row = choose(Bundle.open(bundle), variant, engine)
    return variant_of_it.name, row.name


def test_the_pick_is_taken(colour_bundle: Path) -> None:
    assert chosen(colour_bundle) == ("tflite-int8", "litert")


def test_a_named_variant_is_taken(colour_bundle: Path) -> None:
    assert chosen(colour_bundle, "onnx-float32") == ("onnx-float32", "onnxruntime")
    assert chosen(colour_bundle, "onnx-float32", "onnxruntime") == ("onnx-float32", "onnxruntime")


def test_a_named_engine_gets_a_variant_it_runs(colour_bundle: Path) -> None:
    assert chosen(colour_bundle, engine="openvino") == ("openvino-float32", "openvino")
    assert chosen(colour_bundle, engine="litert") == ("tflite-int8", "litert")


def test_where_the_pick_cannot_run_the_next_variant_is_taken(
    colour_bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    only_installed(monkeypatch, "openvino", "onnxruntime")
    assert chosen(colour_bundle) == ("onnx-float32", "onnxruntime")
    only_installed(monkeypatch, "tflite_runtime", "openvino")
    monkeypatch.setattr(np, "__version__", "1.26.4")  # with 2, tflite-runtime cannot run
    assert chosen(colour_bundle) == ("tflite-int8", "tflite-runtime")


def test_a_named_variant_is_never_swapped(colour_bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    only_installed(monkeypatch, "onnxruntime")
    with pytest.raises(MissingPackageError, match=r"running tflite models needs ai-edge-litert"):
        edgetl.load(colour_bundle, "tflite-int8")
    with pytest.raises(MissingPackageError, match=r"running openvino models needs openvino"):
        edgetl.load(colour_bundle, engine="openvino")


def test_without_any_engine_every_line_that_helps_is_named(
    colour_bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    only_installed(monkeypatch)
    with pytest.raises(
        MissingPackageError, match=r"no engine for .*colours\.edgetl is installed: "
    ) as caught:
        edgetl.load(colour_bundle)
    for extra in ("litert", "onnx", "openvino"):
        assert str(caught.value).count(f"pip install 'edgetl[{extra}]'") == 1


def test_what_does_not_go_together_is_refused(colour_bundle: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="engine 'openvino' does not run onnx models: choose onnxruntime"):
        edgetl.load(colour_bundle, "onnx-float32", "openvino")
    with pytest.raises(UsageError, match="engine 'tensorrt' is not known"):
        edgetl.load(colour_bundle, engine="tensorrt")
    with pytest.raises(UsageError, match="has no variant 'tflite-int4'"):
        edgetl.load(colour_bundle, "tflite-int4")
    with pytest.raises(UsageError, match="engine 'litert' does not run fake models: choose fake"):
        edgetl.load(write_fake_bundle(tmp_path / "insects.edgetl"), engine="litert")


def test_a_format_of_a_later_edgetl_is_passed_over(tmp_path: Path) -> None:
    bundle = write_fake_bundle(tmp_path / "insects.edgetl", variants=("coreml-float32", "fake-float32"))
    assert chosen(bundle) == ("fake-float32", "fake")
    with pytest.raises(UsageError, match="no engine runs coreml models: pip install --upgrade edgetl"):
        edgetl.load(bundle, "coreml-float32")


def test_after_the_pick_come_the_fastest_and_those_that_failed_the_gate_come_last(tmp_path: Path) -> None:
    names = ("fake-a", "fake-b", "fake-c", "fake-d", "fake-e", "fake-f")
    bundle = Bundle.open(write_fake_bundle(tmp_path / "insects.edgetl", variants=names))
    latencies = {"fake-b": 0.3, "fake-c": 0.1, "fake-d": None, "fake-e": 0.2, "fake-f": 0.01}
    variants = tuple(
        replace(
            variant,
            latency_s=latencies.get(variant.name),
            refused="the drop is too large" if variant.name == "fake-f" else None,
        )
        for variant in bundle.manifest.variants
    )
    ranked = options(replace(bundle, manifest=replace(bundle.manifest, variants=variants)))
    assert [option.variant.name for option in ranked] == [
        "fake-a",  # the pick
        "fake-c",
        "fake-e",
        "fake-b",
        "fake-d",
        "fake-f",
    ]


def test_what_this_machine_cannot_run_is_passed_over(
    colour_bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    only_installed(monkeypatch, "ai_edge_litert", "tflite_runtime", "onnxruntime", "openvino")
    refuse(monkeypatch, ("litert", "int8"))
    assert chosen(colour_bundle) == ("tflite-int8", "tflite-runtime")  # the same variant elsewhere
    refuse(monkeypatch, ("litert", "int8"), ("tflite-runtime", "int8"))
    assert chosen(colour_bundle) == ("tflite-float32", "litert")


@pytest.mark.parametrize(
    ("asked", "what", "refused"),
    [
        ({"variant": "tflite-int8"}, "tflite-int8 cannot run here", ("litert", "int8")),
        ({"engine": "openvino"}, r"openvino cannot run .*colours\.edgetl here", ("openvino", "float32")),
    ],
    ids=["variant", "engine"],
)
def test_what_was_named_and_cannot_run_here_says_why_and_offers_another(
    asked: dict[str, str],
    what: str,
    refused: tuple[str, str],
    colour_bundle: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    only_installed(monkeypatch, "ai_edge_litert", "openvino")
    refuse(monkeypatch, refused)
    engine, precision = refused
    offered = {"int8": "tflite-float32", "float32": "tflite-int8"}[precision]
    said = f"{what}: {engine} answers wrongly in {precision}: type this; {offered} runs here, in litert"
    with pytest.raises(ModelError, match=f"^{said}$"):
        edgetl.load(colour_bundle, **asked)  # type: ignore[arg-type]


def test_where_nothing_runs_every_reason_is_told_once(
    colour_bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    only_installed(monkeypatch, "ai_edge_litert", "onnxruntime", "openvino")
    refuse(
        monkeypatch,
        ("litert", "int8"),
        ("litert", "float32"),
        ("onnxruntime", "float32"),
        ("openvino", "float32"),
    )
    with pytest.raises(ModelError, match=r"nothing in .*colours\.edgetl can run here: ") as caught:
        edgetl.load(colour_bundle)
    for reason in (
        "litert answers wrongly in int8",
        "onnxruntime answers wrongly",
        "openvino answers wrongly",
    ):
        assert str(caught.value).count(reason) == 1


def test_an_engine_that_is_broken_is_named_with_what_it_says(
    colour_bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "onnxruntime"
    package.mkdir()
    (package / "__init__.py").write_text("raise ImportError('libgomp.so.1: cannot open shared object file')")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "onnxruntime", raising=False)
    with pytest.raises(ModelError, match=r"onnxruntime cannot load model\.onnx: libgomp\.so\.1: cannot open"):
        edgetl.load(colour_bundle, "onnx-float32")
