"""Combinations that are known not to work, or not well, each with its source and the line that fixes it.

The one table of it: ``edgetl doctor`` tells what applies, ``edgetl.load`` asks :func:`refusal`.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from edgetl.runtime import engines
from edgetl.runtime.facts import Facts, facts_of


@dataclass(frozen=True)
class KnownBad:
    """One line of the table."""

    engine: str | None
    """None where it is about all of them."""
    applies: Callable[[Facts], bool]
    problem: str
    fix: str
    """The exact line to type."""
    source: str
    trial_shows: bool = False
    """Whether nothing runs then, so that a trial inference fails; what it cannot show is told whenever
    it applies."""
    precisions: tuple[str, ...] = ()
    """Those of which no variant may run in this engine then."""
    no_wheel: bool = False
    """Whether it is why the engine cannot be installed."""

    def stops(self, engine: str, precision: str) -> bool:
        """Whether it would keep variants of that precision from running in that engine."""
        return self.engine == engine and (self.trial_shows or precision in self.precisions)


def refusal(engine: str, precision: str, *, root: Path = Path("/")) -> str | None:
    """Why variants of a precision must not run in an engine here, with the way out; None when they may.

    Loads no engine; reads ``/proc/cpuinfo`` at most once, and only where a line of the table could apply.

    Args:
        engine: its name in ``engines.ENGINES``; it is installed.
        precision: of the variant: ``int8``.
        root: where ``/proc`` and ``/sys`` stand; tests give a board's files.
    """
    rows = [row for row in TABLE if row.stops(engine, precision)]
    if not rows:
        return None
    facts = facts_of({engine: engines.ENGINES[engine].version or ""}, root)
    return next((f"{row.problem}: {row.fix}" for row in rows if row.applies(facts)), None)


_WHEELS = "the wheels that the package index lists"
_EXPORT_INT8 = "edgetl export RUN --formats tflite --precisions float32,int8"

TABLE = (
    KnownBad(
        engine="onnxruntime",
        applies=lambda facts: facts.engines.get("onnxruntime") == "1.21.0" and facts.lacks_dot_product,
        trial_shows=True,
        problem="onnxruntime 1.21.0 dies with an illegal instruction on cores such as the Pi 4's",
        fix="pip install --upgrade 'onnxruntime>=1.22'",
        source="https://github.com/microsoft/onnxruntime/issues/23957",
    ),
    KnownBad(
        engine="tflite-runtime",
        applies=lambda facts: "tflite-runtime" in facts.engines and _release(facts.numpy) >= (2,),
        trial_shows=True,
        problem="tflite-runtime 2.14, the last there is, was built for NumPy 1 and fails with NumPy 2 at the "
        "first model",
        fix="pip install 'numpy<2'",
        source="tried with tflite-runtime 2.14.0 and numpy 2.4.6 on aarch64 and x86-64",
    ),
    KnownBad(
        engine="tflite-runtime",
        applies=lambda facts: facts.relies_on_tflite_runtime,
        precisions=("dynamic",),
        problem="tflite-runtime 2.14 fails at dynamic models (no FULLY_CONNECTED version 12), or answers "
        "wrongly; it runs the others",
        fix=_EXPORT_INT8,
        source="tried on x86-64: models of edgetl gave other labels than in LiteRT for up to all of 20 "
        "photos, models of the TensorFlow converter did not load, nor on an emulated Cortex-A72",
    ),
    KnownBad(
        engine="tflite-runtime",
        applies=lambda facts: facts.relies_on_tflite_runtime and "asimddp" in facts.cpu_features,
        problem="tflite-runtime does not use this CPU's dot-product instructions: an int8 model takes 3.8 "
        "times the instructions that it takes in LiteRT",
        fix="pip install 'edgetl[litert]'",
        source="instruction counts on an emulated Cortex-A76, EfficientNet-Lite0: 239.5 and 63.2 million",
    ),
    KnownBad(
        engine="openvino",
        applies=lambda facts: "openvino" in facts.engines and facts.lacks_dot_product,
        precisions=("int8",),
        problem="OpenVINO's int8 models fail or answer wrongly on CPUs without asimddp, such as the Pi 4's; "
        "its float models are fine",
        fix=_EXPORT_INT8,
        source="openvino 2025.4, 2026.2 and 2026.4 on an emulated Cortex-A72",
    ),
    *(
        KnownBad(
            engine=name,
            applies=lambda facts: facts.bits == 32,
            no_wheel=True,
            problem=f"{name} has no wheels for 32-bit systems",
            fix="pip install 'edgetl[lite32]'",
            source=_WHEELS,
        )
        for name in ("litert", "onnxruntime", "openvino")
    ),
    KnownBad(
        engine="tflite-runtime",
        applies=lambda facts: facts.python >= (3, 12) or facts.architecture == "armv6l",
        no_wheel=True,
        problem="tflite-runtime has no wheels for Python 3.12 and later, nor for ARMv6",
        fix="pip install 'edgetl[litert]'",
        source=_WHEELS,
    ),
    KnownBad(
        engine=None,
        applies=lambda facts: facts.bits == 32 and _has_tflite_wheel(facts),
        trial_shows=True,
        problem="LiteRT, ONNX Runtime and OpenVINO have no wheels for 32-bit systems; tflite-runtime has",
        fix="pip install 'edgetl[lite32]'",
        source=_WHEELS,
    ),
    KnownBad(
        engine=None,
        applies=lambda facts: facts.bits == 32 and not _has_tflite_wheel(facts),
        trial_shows=True,
        problem="no engine has wheels for 32-bit systems and this Python or CPU; 64-bit Raspberry Pi OS runs "
        "on a Pi 3, 4, 5 and Zero 2 W",
        fix="sudo apt install rpi-imager && rpi-imager",
        source=_WHEELS,
    ),
    KnownBad(
        engine=None,
        # On 32-bit ARM there is only apt's, which is older: no line would fix it.
        applies=lambda facts: facts.bits == 64 and not (10, 3) <= _release(facts.pillow) < (13,),
        problem="this Pillow gives other pixels than 10.3 to 12.3, with which bundles are made: answers move",
        fix="pip install 'pillow>=10.3,<13'",
        source="20 photos compared to the bit: 10.3 and 12.3 give the same, 13.0 resizes otherwise; older "
        "ones misread some TIFFs and 16-bit pictures",
    ),
    KnownBad(
        engine=None,
        # In these two drivers `powersave` is the name of an ordinary governor, which follows the load.
        applies=lambda facts: facts.clock[1] == "powersave" and "pstate" not in (facts.clock[0] or ""),
        problem="the CPU's governor is powersave: it keeps the lowest clock whatever there is to do",
        fix="echo ondemand | sudo tee /sys/devices/system/cpu/cpu*/cpufreq/scaling_governor",
        source="https://docs.kernel.org/admin-guide/pm/cpufreq.html",
    ),
)


def _has_tflite_wheel(facts: Facts) -> bool:
    return facts.python < (3, 12) and facts.architecture != "armv6l"


def _release(version: str) -> tuple[int, ...]:
    """The numbers a version begins with: ``(12, 3)`` of ``12.3.0`` and of ``12.3rc1``."""
    numbers = (re.match(r"\d+", part) for part in version.split(".")[:2])
    return tuple(int(number[0]) for number in numbers if number)
