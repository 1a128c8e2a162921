"""Combinations that are known not to work, each with its source and the line that fixes it."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Facts:
    """What the table asks about a machine."""

    engines: dict[str, str]
    """Version of each engine that is installed, by name."""
    numpy: str
    python: tuple[int, int]
    architecture: str
    """``aarch64``, ``armv7l``, ``x86_64``."""
    bits: int
    """Of the running Python."""
    cpu_features: frozenset[str]
    """As ``/proc/cpuinfo`` names them."""

    @property
    def is_arm_without_dot_product(self) -> bool:
        """Whether this is a 64-bit ARM core of the first generation, as in a Pi 3 (A53) and 4 (A72)."""
        return self.architecture == "aarch64" and self.bits == 64 and "asimddp" not in self.cpu_features


@dataclass(frozen=True)
class KnownBad:
    """One line of the table."""

    engine: str | None
    """None where it is about all of them."""
    applies: Callable[[Facts], bool]
    probe_shows: bool
    """Whether the trial inference fails of it; what that cannot show is told whenever it applies."""
    problem: str
    fix: str
    """The exact line to type."""
    source: str


TABLE = (
    KnownBad(
        engine="onnxruntime",
        applies=lambda facts: (
            facts.engines.get("onnxruntime") == "1.21.0" and facts.is_arm_without_dot_product
        ),
        probe_shows=True,
        problem="onnxruntime 1.21.0 dies with an illegal instruction on cores such as the Pi 4's",
        fix="pip install --upgrade 'onnxruntime>=1.22'",
        source="https://github.com/microsoft/onnxruntime/issues/23957",
    ),
    KnownBad(
        engine="tflite-runtime",
        applies=lambda facts: "tflite-runtime" in facts.engines and int(facts.numpy.partition(".")[0]) >= 2,
        probe_shows=True,
        problem="tflite-runtime 2.14, the last there is, was built for NumPy 1: it imports with NumPy 2, "
        "and fails at the first model",
        fix="pip install 'numpy<2'",
        source="tried with tflite-runtime 2.14.0 and numpy 2.4.6 on aarch64 and x86-64",
    ),
    KnownBad(
        engine="openvino",
        applies=lambda facts: "openvino" in facts.engines and facts.is_arm_without_dot_product,
        probe_shows=False,
        problem="OpenVINO's int8 models do not compile, or answer wrongly, on cores without dot-product "
        "instructions (asimddp), such as the Pi 3's and 4's; its float32 models are fine",
        fix="edgetl run BUNDLE SOURCE --variant tflite-int8",
        source="openvino 2025.4, 2026.2 and 2026.4 on an emulated Cortex-A72",
    ),
    KnownBad(
        engine=None,
        applies=lambda facts: facts.bits == 32 and facts.python < (3, 12),
        probe_shows=True,
        problem="LiteRT, ONNX Runtime and OpenVINO have no wheels for 32-bit systems; tflite-runtime has",
        fix="sudo apt install python3-numpy python3-pil && pip install 'edgetl[tflite]'",
        source="the wheels that the package index lists",
    ),
    KnownBad(
        engine=None,
        applies=lambda facts: facts.bits == 32 and facts.python >= (3, 12),
        probe_shows=True,
        problem="no engine has wheels for 32-bit systems and this Python; "
        "64-bit Raspberry Pi OS runs on a Pi 3, 4, 5 and Zero 2 W",
        fix="sudo apt install rpi-imager && rpi-imager",
        source="the wheels that the package index lists",
    ),
)
