"""What one inference costs, whatever machine does it."""

from dataclasses import astuple, dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from edgetl import extras
from edgetl.errors import UsageError

if TYPE_CHECKING:
    from edgetl.converters.anatomy.facts import Anatomy

COMPONENTS = ("conv", "depthwise", "values", "parameters", "inference", "boxes")
"""What a latency is added up of; :attr:`Work.amounts` has the amount of each."""
_UNITS = (1e9, 1e8, 1e7, 1e7, 1.0, 1.0)  # near what a classifier has, so that costs are near 1 ms

# How the published models compute; the cost of anything else is unknown.
_KNOWN = frozenset(
    """CONV_2D DEPTHWISE_CONV_2D FULLY_CONNECTED ADD SUB MUL MEAN AVERAGE_POOL_2D MAX_POOL_2D RELU RELU6
    HARD_SWISH LOGISTIC SOFTMAX""".split()  # noqa: SIM905 - one to a line would fill the page
)


@dataclass(frozen=True)
class Work:
    """The operators of one inference, added up."""

    conv_macs: int = 0
    """Multiply-accumulates of convolutions over all channels and of dense layers."""
    depthwise_macs: int = 0
    """Those of depthwise convolutions."""
    values: int = 0
    """Numbers that the operators that compute write."""
    parameters: int = 0
    """Weights and biases."""
    boxes: float = 0.0
    """Anchor boxes that a detector sorts afterwards, as a share of those of a 640 pixel EfficientDet."""

    def __add__(self, other: "Work") -> "Work":
        return Work(*(mine + theirs for mine, theirs in zip(astuple(self), astuple(other), strict=True)))

    @property
    def amounts(self) -> NDArray[np.float64]:
        """float64 (6,), in the order of :data:`COMPONENTS`."""
        every = (self.conv_macs, self.depthwise_macs, self.values, self.parameters, 1, self.boxes)
        return np.array(every, dtype=np.float64) / _UNITS


Kind: TypeAlias = Literal["conv", "depthwise", "other"]


def operator(kind: Kind, *, macs: int = 0, values: int, parameters: int = 0) -> Work:
    """The work of one operator."""
    return Work(
        conv_macs=macs if kind != "depthwise" else 0,
        depthwise_macs=macs if kind == "depthwise" else 0,
        values=values,
        parameters=parameters,
    )


def of_tflite(name: str, data: bytes) -> tuple[Work, "Anatomy"]:
    """Read the work of a ``.tflite`` file, and all else that is in it.

    Raises:
        UsageError: it has operators whose cost no published row tells, or sizes known only at run time.
        ModelError: the file is damaged.
        MissingPackageError: LiteRT, which knows the format, is not installed.
    """
    from edgetl.converters.anatomy import reading
    from edgetl.converters.anatomy.tflite_graph import Graph

    anatomy = reading.read({name: data}, ask_engine=False)
    strange = sorted({operator.kind for operator in anatomy.computing} - _KNOWN)
    if strange:
        raise UsageError(
            f"{name} computes with {', '.join(strange)}, which no published row covers: estimates are for "
            "classifiers of convolutions, such as MobileNet and EfficientNet; measure it with edgetl bench"
        )
    schema = extras.load("ai_edge_litert.schema_py_generated", extra="litert", purpose="looking into .tflite")
    graph = Graph(name, data, schema)
    work = Work(parameters=anatomy.parameters)
    for found in anatomy.computing:
        values = [graph.size(index) for index in graph.nodes[found.place][2]]
        if found.macs is None or None in values:
            raise UsageError(f"{name} has no fixed input size, so its work is unknown: export it with one")
        kind: Kind = "depthwise" if found.kind == "DEPTHWISE_CONV_2D" else "conv"
        work += operator(kind, macs=found.macs, values=sum(value or 0 for value in values))
    return work, anatomy
