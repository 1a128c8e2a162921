"""Profile a variant in a process of its own: ``edgetl bench --profile``."""

import importlib
from pathlib import Path

import numpy as np

from edgetl import isolated
from edgetl.benchmarks.profile.request import ProfileRequest
from edgetl.benchmarks.profile.results import Operator, Profile, summed_up
from edgetl.bundle import Bundle
from edgetl.errors import ConversionError, MissingPackageError, ModelError, UsageError
from edgetl.runtime import engines
from edgetl.runtime.choosing import choose

RUNS = 20
_MODULES = {
    "litert": "edgetl.benchmarks.profile.litert",
    "onnxruntime": "edgetl.benchmarks.profile.onnxruntime",
    "openvino": "edgetl.benchmarks.profile.openvino",
}


def profile(
    bundle: str | Path, variant: str | None = None, *, threads: int | None = None, runs: int = RUNS
) -> Profile:
    """Where a variant spends its time, as its engine tells of each operator.

    Engines are slower while they profile, so it runs apart from what is measured, and its figures are shares.

    Args:
        bundle: the folder ``edgetl export`` wrote.
        variant: which; None takes the bundle's pick, or what is next best here.
        threads: of one inference; None takes all cores, at most 4.
        runs: inferences to profile.

    Returns:
        The profile; one without figures, and with the reason, where the engine tells nothing or fails.

    Raises:
        BundleError: no bundle there, or a damaged one.
        UsageError: an unknown variant, no runs, or fewer than one thread.
    """
    if runs < 1:
        raise UsageError(f"{runs} runs profile nothing: ask for 1 or more")
    if threads is not None and threads < 1:
        raise UsageError(f"{threads} threads cannot run anything: ask for 1 or more")
    opened = Bundle.open(bundle)
    try:
        chosen, row = choose(opened, variant)
    except (MissingPackageError, ModelError) as error:
        return Profile(variant or opened.manifest.pick, None, None, 0, str(error))
    count = threads or engines.default_threads()
    if row.name not in _MODULES:
        reason = f"not available here: {row.name} tells no times of its operators"
        return Profile(chosen.name, row.name, count, 0, reason)
    request = ProfileRequest(
        files=dict(opened.model_files(chosen)),
        precision=chosen.precision,
        engine=row.name,
        threads=count,
        runs=runs,
        pixels=np.asarray(opened.expected()["pixels"][:1], np.uint8),
    )
    try:
        operators = isolated.call(measure, request, doing=f"profiling {chosen.name}")
    except (ConversionError, MissingPackageError, ModelError) as error:
        return Profile(chosen.name, row.name, count, 0, f"not available here: {error}")
    return summed_up(chosen.name, row.name, count, runs, operators)


def measure(request: ProfileRequest) -> list[Operator]:
    """The operators of a model with their times; in this process, which should be a fresh one.

    Raises:
        ModelError: the engine tells nothing, or cannot run the model.
    """
    found: list[Operator] = importlib.import_module(_MODULES[request.engine]).operators(request)
    if not any(operator.seconds > 0 for operator in found):
        raise ModelError(f"{request.engine} told no times of its operators")
    return found
