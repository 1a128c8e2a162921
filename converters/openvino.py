"""OpenVINO IR: NNCF makes int8 of the float graph; TensorFlow is not loaded."""

import time
from collections.abc import Mapping
from importlib.metadata import version

import nncf
import numpy as np
import openvino
from nncf.quantization.advanced_parameters import QuantizationParameters
from nncf.quantization.range_estimator import RangeEstimatorParametersSet

from edgetl.converters import head_correction, metadata, openvino_edit, rounding
from edgetl.converters.request import FLOAT_HEAD_SHARE, ConversionRequest, ConvertedModel, Recipe
from edgetl.converters.results import Layer
from edgetl.files import write_bytes
from edgetl.runtime.openvino import OpenVinoEngine


def convert(request: ConversionRequest) -> ConvertedModel:
    """Write ``model.xml`` and ``model.bin``: uint8 (1, height, width, 3) in, float32 (1, classes) out.

    Raises:
        UsageError: int8 without calibration pictures.
        ConversionError: layers are to stay in float that this graph does not have.
    """
    start = time.perf_counter()
    libraries = {"openvino": openvino.__version__.partition("-")[0]}
    model = openvino.Core().read_model(request.graph)
    if request.precision == "int8":
        model = _int8(model, request)
        libraries["nncf"] = version("nncf")
    if request.precision == "float16":
        _round(model, request.rounded())
        openvino_edit.halve(model)
    if request.facts is not None:
        metadata.into_openvino(model, request.facts)
    for name, content in openvino_edit.contents(model).items():
        write_bytes(request.out / name, content)
    return ConvertedModel(("model.xml", "model.bin"), time.perf_counter() - start, libraries)


def _int8(model: openvino.Model, request: ConversionRequest) -> openvino.Model:
    kept = _kept_in_float(model, request.recipe, request.rounded())
    request.check_put(_round(model, request.rounded()), "OpenVINO")
    source, trained = openvino_edit.find_head(model), request.tuned_head()
    if source is not None and trained is not None:
        openvino_edit.set_head(source, trained)
    quantized = _quantized(model, request, kept)
    head, logits = openvino_edit.find_head(quantized), request.wanted_logits()
    if head is None or logits is None or head[0].get_friendly_name() not in kept:
        return quantized
    with _with_features(quantized, head[0].get_friendly_name()) as engine:
        found = head_correction.features(engine, request.pictures())
    corrected = head_correction.correct(openvino_edit.head_weights(head), logits, found)
    openvino_edit.set_head(head, corrected)
    return quantized


def _round(model: openvino.Model, layers: Mapping[int, Layer]) -> bool:
    """Put weights onto the steps that ``rounding.py`` or training chose; says whether all are there."""
    rows = [row for row in openvino_edit.kernels(model) if openvino_edit.bias_behind(row[0]) is not None]
    return rounding.apply(rows, layers, openvino_edit.set_kernel)


def _quantized(model: openvino.Model, request: ConversionRequest, kept: list[str]) -> openvino.Model:
    pictures, recipe = request.pictures(), request.recipe
    estimator = {
        "extremes": RangeEstimatorParametersSet.MINMAX,
        "averaged": RangeEstimatorParametersSet.MEAN_MINMAX,
    }[recipe.ranges]
    # Symmetric throughout: as accurate here as the mixed preset, and faster.
    return nncf.quantize(
        model,
        nncf.Dataset(range(len(pictures)), lambda place: np.array(pictures[place : place + 1])),
        preset=nncf.QuantizationPreset.PERFORMANCE,
        subset_size=min(recipe.pictures, len(pictures)),
        ignored_scope=nncf.IgnoredScope(names=kept),
        advanced_parameters=nncf.AdvancedQuantizationParameters(
            # The default halves the steps of the first layer for CPUs whose int8 products saturate (x86-64
            # without VNNI); no ARM core is one of them, and on photos of little contrast it is that layer
            # that counts.
            overflow_fix=nncf.OverflowFix.DISABLE,
            activations_range_estimator_params=estimator,
            weights_quantization_params=QuantizationParameters(per_channel=recipe.per_channel),
        ),
    )


def _kept_in_float(model: openvino.Model, recipe: Recipe, layers: Mapping[int, Layer]) -> list[str]:
    """Names of a small head and of the chosen layers."""
    kept = []
    if recipe.float_layers:
        places = {
            op.get_friendly_name(): rounding.place_of(kernel, layers)
            for op, kernel in openvino_edit.kernels(model)
        }
        rounding.check_found(recipe.float_layers, set(places.values()), "OpenVINO")
        kept = [name for name, place in places.items() if place in recipe.float_layers]
    head = openvino_edit.find_head(model)
    if head is not None and openvino_edit.head_share(model, head) < FLOAT_HEAD_SHARE:
        kept.append(head[0].get_friendly_name())
    return kept


def _with_features(model: openvino.Model, head: str) -> OpenVinoEngine:
    """The model with what its head reads as its second output."""
    extended = model.clone()
    if len(extended.outputs) == 1:  # else the embedding is that output already
        (product,) = [op for op in extended.get_ops() if op.get_friendly_name() == head]
        extended.add_outputs(product.input_value(0))
    return OpenVinoEngine(openvino_edit.contents(extended), num_threads=1)
