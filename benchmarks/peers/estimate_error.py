"""How far ``edgetl estimate`` is off where the answer is known and was left out of the fit.

    python benchmarks/peers/estimate_error.py

The mean error is the mean over rows of abs(estimate / published - 1). The rows are all of TFLite and of
XNNPACK alone in ``../shared/data/pi_latency.csv`` that state precision (float32, int8) and threads and whose
model is written down in ``published_models.py``: none is dropped for being odd. A model is left out with all
of its rows, a board with all of its own; nothing but its operators, or its chip, is told. Rows of kernels
that then have no row left in that precision are refused, as the command would refuse, and counted. The
targets are of all rows; what the command prints are the figures of the classifiers, since bundles hold those.
Ends with code 1 if a target is missed, and takes a minute.
"""

import re
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import additive_fit
import conformal
import numpy as np
import published_rows
from numpy.typing import NDArray
from published_rows import Row

TARGETS = {"models": 0.12, "boards": 0.25}
COVER = 0.75


@dataclass(frozen=True)
class LeftOut:
    """Errors of rows that were estimated without their group."""

    rows: Sequence[Row]
    errors: NDArray[np.float64]
    """Logarithm of estimate over measurement."""
    groups: NDArray[np.str_]
    refused: int

    @property
    def relative(self) -> NDArray[np.float64]:
        """Of each row, abs(estimate / published - 1)."""
        return np.abs(np.expm1(self.errors))

    @property
    def classifiers(self) -> NDArray[np.bool_]:
        """The rows like those that users ask about: a bundle holds a classifier."""
        return np.array([not row.work.boxes for row in self.rows])

    @property
    def half_width(self) -> float:
        """Of the logarithm."""
        return conformal.half_width(self.errors, self.groups, self.classifiers)

    @property
    def inside(self) -> NDArray[np.bool_]:
        """Whether each row is in its interval."""
        return conformal.covered(self.errors, self.groups, self.classifiers)

    def summary(self) -> dict[str, float | int]:
        """What the shipped table keeps: the figures of the classifiers, as a bundle holds one."""
        asked = self.classifiers
        return {
            "mean_error": round(float(self.relative[asked].mean()), 4),
            "factor": round(float(np.exp(self.half_width)), 4),
            "cover": round(float(self.inside[asked].mean()), 4),
            "rows": int(asked.sum()),
        }


def assess(rows: Sequence[Row]) -> tuple[LeftOut, LeftOut]:
    """Leave out each model, then each board."""
    return _leave(rows, lambda row: row.model), _leave(rows, lambda row: row.setting.board.name)


def _leave(rows: Sequence[Row], group: Callable[[Row], str]) -> LeftOut:
    errors = additive_fit.left_out(rows, group)
    told = [row for row, error in zip(rows, errors, strict=True) if np.isfinite(error)]
    return LeftOut(
        told, errors[np.isfinite(errors)], np.array([group(row) for row in told]), len(rows) - len(told)
    )


def families(rows: Sequence[Row]) -> LeftOut:
    """Leave out each family, such as all of MobileNetV2, so that no smaller or larger sibling is known."""
    family = re.compile(r"mobilenet_v\d|efficientnet_lite|efficientdet_lite|resnet")
    return _leave(rows, lambda row: "".join(family.findall(row.model)[:1]))


def spread(rows: Sequence[Row]) -> tuple[float, int]:
    """Mean of abs(row / median - 1) among rows of one model and setting from two sources or more."""
    same: dict[object, list[Row]] = {}
    for row in rows:
        same.setdefault((row.model, row.setting), []).append(row)
    apart = [
        abs(row.latency_s / np.median([other.latency_s for other in group]) - 1)
        for group in same.values()
        if len({row.source for row in group}) > 1
        for row in group
    ]
    return float(np.mean(apart)), len(apart)


def _print(title: str, found: LeftOut) -> None:
    print(f"\n{title}: {len(found.rows)} rows, {found.refused} refused")
    print(f"  {'':<40}{'rows':>6}{'mean':>9}{'median':>9}{'cover':>9}")
    kinds = ["detectors" if row.work.boxes else "classifiers" for row in found.rows]
    kernels = [f"{row.setting.kernels} {row.setting.precision}" for row in found.rows]
    places = [row.setting.board.name for row in found.rows]
    for labels in (["all"] * len(kinds), kinds, kernels, places):
        for label in sorted(set(labels)):
            mine = np.array(labels) == label
            print(
                f"  {label:<40}{mine.sum():>6}{found.relative[mine].mean():>9.1%}"
                f"{np.median(found.relative[mine]):>9.1%}{found.inside[mine].mean():>9.1%}"
            )


def main() -> int:
    """Print the tables; 1 if a target is missed."""
    rows, published = published_rows.load()
    models, boards = assess(rows)
    print(f"{len(rows)} of {published} published rows, {len({row.model for row in rows})} models")
    apart, count = spread(rows)
    print(f"sources differ by {apart:.1%} from their median in the same setting ({count} rows)")
    _print("models left out one at a time", models)
    strangers = families(rows)
    _print("whole families left out (no target)", strangers)
    narrow = np.abs(strangers.errors[strangers.classifiers]) <= models.half_width
    print(f"  intervals as wide as when models are left out hold {narrow.mean():.1%} of the classifiers")
    _print("whole boards left out", boards)
    missed = 0
    print()
    for name, found in (("models", models), ("boards", boards)):
        error, cover = float(found.relative.mean()), float(found.inside.mean())
        good = error <= TARGETS[name] and cover >= COVER
        missed += not good
        print(
            f"{name} left out: mean error {error:.1%} (at most {TARGETS[name]:.0%}), {cover:.1%} in the "
            f"80 % intervals (at least {COVER:.0%}): {'met' if good else 'MISSED'}; "
            f"classifiers alone {found.relative[found.classifiers].mean():.1%}, "
            f"{found.inside[found.classifiers].mean():.1%}"
        )
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
