"""Plain values that say what is inside a model file, and the figures that follow from them."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

NAMED_FROM = 0.9
"""A model is named after the arithmetic that does at least this share of its multiply-accumulates."""
QUANTIZED = ("int8", "int16x8", "dynamic")


@dataclass(frozen=True)
class TensorFacts:
    """An input or output, as the file has it."""

    name: str
    shape: tuple[int | None, ...]
    """A size that is only known at run time is None."""
    dtype: str
    """As numpy calls it: ``uint8``, ``float32``."""
    scale: float | None = None
    """Of one quantized step; None when the tensor is not quantized, or with a scale for each channel."""
    zero_point: int | None = None


@dataclass(frozen=True)
class Operator:
    """One operator of the graph, in the order of the file."""

    kind: str
    """As the format calls it: ``CONV_2D``, ``Conv``, ``Convolution``."""
    name: str
    place: int
    arithmetic: str | None
    """``float32``, ``float16`` (float with weights stored in 16 bits), ``weight-only`` (float with weights
    stored in 8 bits or fewer), ``dynamic`` (int8 weights, inputs quantized at each run), ``int16x8``,
    ``int8``; None when it only moves, converts or looks at values."""
    macs: int | None
    """Multiply-accumulates of one run; 0 for what has none, None where a size is not known beforehand."""


@dataclass(frozen=True)
class SlowOperator:
    """One that the engine's fast path does not take."""

    kind: str
    name: str
    place: int
    macs: int | None
    why: str
    computed: str | None = None
    """The arithmetic that the engine uses instead of the one in the file; None when it keeps to the file."""


@dataclass(frozen=True)
class Execution:
    """What an engine on this machine makes of the file."""

    engine: str
    """With its version: ``litert 2.3.0``."""
    summary: str
    slow: tuple[SlowOperator, ...] | None
    """None when it is not known, for the reason in ``summary``."""


@dataclass(frozen=True)
class Anatomy:
    """A model file, read back."""

    format: str
    inputs: tuple[TensorFacts, ...]
    outputs: tuple[TensorFacts, ...]
    graph: tuple[Operator, ...]
    weight_bytes: Mapping[str, int]
    """Bytes of constants by the type they are stored in."""
    parameters: int
    """Numbers in the constants that are float or quantized."""
    metadata: Mapping[str, str] = field(default_factory=dict)
    execution: Execution | None = None

    @property
    def computing(self) -> tuple[Operator, ...]:
        """The operators that do arithmetic, as the engine computes them where that is known."""
        slow = self.execution.slow or () if self.execution else ()
        instead = {item.place: item.computed for item in slow if item.computed}
        return tuple(
            replace(operator, arithmetic=instead.get(operator.place, operator.arithmetic))
            for operator in self.graph
            if operator.arithmetic
        )

    @property
    def operators(self) -> int:
        """How many do arithmetic; what only moves or converts values does not count."""
        return len(self.computing)

    @property
    def int8_operators(self) -> int:
        """How many of those compute in int8."""
        return sum(operator.arithmetic == "int8" for operator in self.computing)

    @property
    def macs(self) -> int | None:
        """Multiply-accumulates of one run; None when a size is not known beforehand."""
        return self._macs(None)

    @property
    def int8_macs(self) -> int | None:
        """Those done in int8."""
        return self._macs("int8")

    @property
    def int16x8_macs(self) -> int | None:
        """Those of 16-bit activations and 8-bit weights."""
        return self._macs("int16x8")

    @property
    def int8_op_share(self) -> float | None:
        """Of the operators that do arithmetic, 0 to 1; None without any."""
        return self.int8_operators / self.operators if self.operators else None

    @property
    def int8_mac_share(self) -> float | None:
        """Of the multiply-accumulates, 0 to 1; None when there are none, or their number is not known."""
        return self.mac_shares().get("int8", 0.0) if self.macs else None

    @property
    def precision(self) -> str:
        """What the model really is.

        The arithmetic of at least :data:`NAMED_FROM` of the multiply-accumulates, or ``mixed``. Where there
        are none or their number is not known, operators count instead.
        """
        name, share = max(self.shares().items(), key=lambda item: item[1], default=("float32", 1.0))
        return name if share >= NAMED_FROM else "mixed"

    @property
    def fallbacks(self) -> tuple[Operator, ...]:
        """Operators that compute in float although others of the model are quantized, the most work first."""
        if not any(operator.arithmetic in QUANTIZED for operator in self.computing):
            return ()
        left = [operator for operator in self.computing if operator.arithmetic not in QUANTIZED]
        return tuple(sorted(left, key=lambda operator: -(operator.macs or 0)))

    @property
    def not_accelerated(self) -> tuple[SlowOperator, ...] | None:
        """Operators that the engine's fast path does not take, the most work first; None when not known."""
        if self.execution is None or self.execution.slow is None:
            return None
        return tuple(sorted(self.execution.slow, key=lambda item: -(item.macs or 0)))

    @property
    def op_counts(self) -> dict[str, int]:
        """How many operators of each kind, the most frequent first."""
        return dict(Counter(operator.kind for operator in self.graph).most_common())

    def mac_shares(self) -> dict[str, float]:
        """Share of the multiply-accumulates by arithmetic, largest first; empty when not known."""
        if not self.macs:
            return {}
        return _shares((operator.arithmetic, operator.macs or 0) for operator in self.computing)

    def shares(self) -> dict[str, float]:
        """Share of the work by arithmetic: of multiply-accumulates, else of operators."""
        return self.mac_shares() or _shares((operator.arithmetic, 1) for operator in self.computing)

    def facts(self) -> dict[str, Any]:
        """All of it as plain values, for JSON."""
        return {
            "format": self.format,
            "precision": self.precision,
            "inputs": [asdict(tensor) for tensor in self.inputs],
            "outputs": [asdict(tensor) for tensor in self.outputs],
            "operators": self.operators,
            "int8_operators": self.int8_operators,
            "int8_op_share": self.int8_op_share,
            "macs": self.macs,
            "int8_macs": self.int8_macs,
            "int16x8_macs": self.int16x8_macs,
            "int8_mac_share": self.int8_mac_share,
            "mac_shares": self.mac_shares(),
            "op_counts": self.op_counts,
            "parameters": self.parameters,
            "weight_bytes": dict(self.weight_bytes),
            "fallbacks": [asdict(operator) for operator in self.fallbacks],
            "execution": None if self.execution is None else asdict(self.execution),
            "metadata": dict(self.metadata),
        }

    def _macs(self, arithmetic: str | None) -> int | None:
        total = 0
        for operator in self.computing:
            if operator.macs is None:
                return None
            total += operator.macs if arithmetic in (None, operator.arithmetic) else 0
        return total


def label(operator: Operator | SlowOperator) -> str:
    """Kind and name for people: of the names that TFLite joins for what it fused, the first."""
    return f"{operator.kind} {operator.name.partition(';')[0]}"


def _shares(amounts: Iterable[tuple[str | None, int]]) -> dict[str, float]:
    sums: Counter[str] = Counter()
    for name, amount in amounts:
        sums[str(name)] += amount
    total = sum(sums.values())
    return {name: amount / total for name, amount in sums.most_common() if amount}
