"""How far a healthy machine's answers may be from the recorded ones.

Measured on emulated boards against x86, same versions of the engines (docs/arm.md, docs/reliability.md):

* float32 moves a probability by 1.2e-6 at most, in any engine;
* LiteRT's int8 layers count in integers, the same ones everywhere: 2.3e-6;
* ONNX Runtime's int8 rounds as the processor does: 0.046 at most on ARM, and 0.017 in the mean over probes;
* OpenVINO's int8 rounds alike on x86 whatever instructions it is held to (2.4e-7; without VNNI it is wrong
  by 0.9), and is another computation on ARM; tflite-runtime's is another than LiteRT's.
"""

import platform
from dataclasses import dataclass

from edgetl.manifest import Recorder, Variant
from edgetl.runtime.engines import EngineRow

_FLOAT32 = 1e-4
_SAME_INTEGERS = 1e-3
_MEAN = 0.03
_MEAN_OF_OPENVINO = 0.01
_X86 = ("x86_64", "AMD64")


@dataclass(frozen=True)
class Bounds:
    """What the differences from the recorded answers may be at most."""

    largest: float
    """Of any probability in any picture that is judged."""
    mean: float | None = None
    """Over the probes, of the largest of each; None where that says no more."""
    probes: bool = True
    """Whether the probes are judged. They stand between classes, where rounding that does no harm elsewhere
    moves a probability most."""


def bounds(variant: Variant, row: EngineRow) -> Bounds:
    """What is allowed to an engine here: never more than the manifest allows, and mostly much less."""
    if variant.precision == "float32":
        return Bounds(min(variant.tolerance, _FLOAT32))
    recorded, here = variant.recorded_by, recorder(row)
    same_version = recorded is not None and (recorded.engine, recorded.version) == (here.engine, here.version)
    if variant.precision == "int8" and same_version:
        if row.name == "litert":
            return Bounds(min(variant.tolerance, _SAME_INTEGERS))
        if row.name == "onnxruntime":
            return Bounds(variant.tolerance, _MEAN)
        if row.name == "openvino" and recorded == here and here.machine in _X86:
            return Bounds(variant.tolerance, _MEAN_OF_OPENVINO)
    return Bounds(variant.tolerance, probes=False)


def recorder(row: EngineRow) -> Recorder:
    """Whose answers those of an engine are here."""
    return Recorder(row.name, row.version, platform.machine())
