"""Do more views of each train picture make a better head? Cross-validated inside train, then scored.

    python benchmarks/peers/feature_views.py [DATA ...]   # default: solar cells, and hymenoptera of ../shared

A picture's views (``edgetl/training/features/views.py``) are more rows with its label. The held-out pictures
are always looked at as they are: averaging over views there is another matter, and would cost the board the
same again. Five folds of the train photos, three times: three parts are solved on, one chooses the
regularisation, one is scored. What is printed is the gain over the plain pictures, photo by photo, with its
95 % interval; and, last, the accuracy on the scored split of heads solved on all of train.
"""

import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edgetl.demo import solar_csv
from edgetl.progress import SILENT
from edgetl.training import dataset, features, prepare
from edgetl.training.features import views
from edgetl.training.heads import head
from edgetl.training.heads.solving import rows_of

FOLDS, TIMES = 5, 3
HYMENOPTERA = Path(__file__).resolve().parents[3] / "shared" / "data" / "hymenoptera"
SETS: dict[str, tuple[int, ...]] = {
    "plain": (0,),
    "+ mirrored": (0, 1),
    "+ three turns": (0, 1, 2, 3),
    "+ two corners": (0, 4, 5),
    "+ light and dark": (0, 6, 7),
    "mirrored, corners": (0, 1, 4, 5),
    "all eight": (0, 1, 2, 3, 4, 5, 6, 7),
}


@dataclass(frozen=True)
class Views:
    """The train photos under every view, and the scored ones as they are."""

    rows: list[NDArray[np.float32]]
    """float32 (n, features) for each view."""
    labels: NDArray[np.int64]
    held: tuple[NDArray[np.float32], NDArray[np.int64]]

    def stacked(
        self, wanted: Sequence[int], mask: NDArray[np.bool_]
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """Rows and labels of some photos under some views, float32 (n * views, features)."""
        return np.concatenate([self.rows[view][mask] for view in wanted]), np.tile(
            self.labels[mask], len(wanted)
        )


def read(data: str | Path) -> Views:
    """Compute whatever is not in the cache."""
    photos = dataset.read(data)
    choice = prepare.choose("efficientnet_lite0", size=None, width=1.0, weights_file=None)
    engine = prepare.choose_engine("auto")
    prepared = prepare.prepare(choice, engine=engine, classes=len(photos.labels), progress=SILENT)
    tables = [
        features.extract(photos.photos, prepared, SILENT, view=view)[0] for view in range(len(views.TABLE))
    ]
    rows = [rows_of(photos, table, "train")[0] for table in tables]
    return Views(
        rows, rows_of(photos, tables[0], "train")[1], rows_of(photos, tables[0], photos.scored_split)
    )


def cross_validate(
    data: Views, wanted: Sequence[int]
) -> tuple[NDArray[np.bool_], NDArray[np.float64], list[float]]:
    """Of each photo in each repetition: whether the answer was right, and its log loss; the strengths."""
    right = np.zeros((TIMES, len(data.labels)), np.bool_)
    loss = np.zeros((TIMES, len(data.labels)))
    strengths = []
    for time in range(TIMES):
        fold_of = folds(data.labels, time)
        for fold in range(FOLDS):
            scored, choosing = fold_of == fold, fold_of == (fold + 1) % FOLDS
            solved = head.fit(
                *data.stacked(wanted, ~scored & ~choosing), held_out=data.stacked((0,), choosing)
            )
            strengths.append(solved.strength)
            answers = solved.probabilities(data.rows[0][scored])
            right[time, scored] = answers.argmax(axis=1) == data.labels[scored]
            loss[time, scored] = -np.log(
                np.maximum(answers[np.arange(len(answers)), data.labels[scored]], 1e-12)
            )
    return right, loss, strengths


def folds(labels: NDArray[np.int64], seed: int) -> NDArray[np.int64]:
    """Which fold each photo is in, int64 (n,), the classes spread evenly."""
    random = np.random.default_rng(seed)
    fold_of = np.empty(len(labels), np.int64)
    for label in np.unique(labels):
        places = random.permutation(np.flatnonzero(labels == label))
        fold_of[places] = np.arange(len(places)) % FOLDS
    return fold_of


def gain(now: NDArray[np.float64], before: NDArray[np.float64]) -> str:
    """The mean difference over photos, each averaged over the repetitions, with its 95 % interval."""
    differences = (now - before).mean(axis=0)
    half = 1.96 * differences.std(ddof=1) / np.sqrt(len(differences))
    return f"{differences.mean():+.2f} ± {half:.2f}"


def main() -> None:
    """Print a table for each dataset."""
    with tempfile.TemporaryDirectory() as folder:
        solar = Path(folder) / "solar.csv"
        solar.write_text(solar_csv(), encoding="utf-8")
        for place in map(Path, sys.argv[1:] or (solar, HYMENOPTERA)):
            data = read(place)
            print(f"\n{place.stem}: {len(data.labels)} train photos, {len(data.held[1])} scored")
            columns = f"{'accuracy, CV':>14}{'gain, points':>18}{'log loss':>10}{'gain, %':>18}{'scored':>10}"
            print(f"{'views':<20}{columns}")
            plain: tuple[NDArray[np.bool_], NDArray[np.float64]] | None = None
            everything = np.ones(len(data.labels), np.bool_)
            for name, wanted in SETS.items():
                right, loss, strengths = cross_validate(data, wanted)
                plain = plain or (right, loss)
                solved = head.fit(
                    *data.stacked(wanted, everything),
                    held_out=data.stacked((0,), everything),
                    strengths=[float(np.median(strengths))],
                )
                scored = (solved.probabilities(data.held[0]).argmax(axis=1) == data.held[1]).mean()
                points = gain(100 * right.astype(np.float64), 100 * plain[0].astype(np.float64))
                relative = gain(100 * loss / plain[1].mean(), 100 * plain[1] / plain[1].mean())
                print(
                    f"{name:<20}{100 * right.mean():>12.2f} %{points:>18}{loss.mean():>10.4f}{relative:>18}"
                    f"{100 * scored:>8.2f} %",
                    flush=True,
                )


if __name__ == "__main__":
    main()
