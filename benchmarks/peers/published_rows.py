"""The rows of ``../shared/data/pi_latency.csv`` that ``edgetl estimate`` can learn from."""

import csv
import re
from dataclasses import dataclass, replace
from pathlib import Path

import published_models

from edgetl.benchmarks.estimate.boards import BOARDS
from edgetl.benchmarks.estimate.costs import Setting
from edgetl.benchmarks.estimate.work import Work

PUBLISHED = Path(__file__).parents[2].parent / "shared/data/pi_latency.csv"
_PRECISIONS = {"fp32": "float32", "int8": "int8"}


@dataclass(frozen=True)
class Row:
    """A published latency whose setting and operators are known."""

    model: str
    work: Work
    setting: Setting
    latency_s: float
    source: str

    @property
    def kernels(self) -> tuple[str, str]:
        """What a fit must have seen on some board before it says anything."""
        return self.setting.kernels, self.setting.precision


def load(path: Path = PUBLISHED) -> tuple[list[Row], int]:
    """The rows of TFLite and of XNNPACK alone that state all, and how many the file has."""
    with path.open(encoding="utf-8", newline="") as file:
        every = list(csv.DictReader(file))
    return [row for raw in every if (row := _row(raw)) is not None], len(every)


def _row(raw: dict[str, str]) -> Row | None:
    runtime, work = raw["runtime"], published_models.work_of(raw["model"])
    boards = {board.name: board for board in BOARDS}
    board = boards.get(raw["device"].partition(" (OC")[0])
    known = raw["threads"].isdigit() and raw["precision"] in _PRECISIONS
    if not re.match("tflite|xnnpack", runtime) or not known or work is None or board is None:
        return None
    clock = float(raw["soc"].rpartition("@")[2].removesuffix("GHz"))
    return Row(
        model=raw["model"],
        work=work,
        setting=Setting(
            board=replace(board, clock_ghz=clock),
            kernels="xnnpack" if "xnnpack" in runtime else "ruy",
            precision=_PRECISIONS[raw["precision"]],
            threads=int(raw["threads"]),
            bits=32 if "armv7" in runtime else 64,
        ),
        latency_s=float(raw["latency_ms"]) / 1e3,
        source=re.sub(r"(MLPerf Inference v\S+).*", r"\1", raw["source"]),
    )
