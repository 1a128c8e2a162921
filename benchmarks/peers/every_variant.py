"""Two networks on two datasets, exported in every precision: drop, agreement, largest difference.

    python benchmarks/peers/every_variant.py            # needs ../shared, takes about 12 minutes on 2 cores
    python benchmarks/peers/every_variant.py solar      # or hymenoptera: one of the two

EfficientNet-Lite0 and MobileNetV2 under heads for ants and bees (153 photos score) and for solar cells (656
score). Exits 1 when a variant's drop is above 0.5 points and its interval does not reach 0 either, when a
float variant disagrees with its model, or when one moves a probability by more than 1e-4 (float16: 1e-2).
"""

import sys
import tempfile
from pathlib import Path
from typing import Any

import edgetl
from edgetl.benchmarks import machine
from edgetl.cli.bars import ConsoleProgress
from edgetl.converters.formats import FORMATS
from edgetl.demo import solar_csv
from edgetl.manifest import Variant
from edgetl.reports.units import format_duration, format_points, format_share, format_size

SHARED = Path(__file__).resolve().parents[3] / "shared"
PRECISIONS = tuple(dict.fromkeys(name for row in FORMATS.values() for name in row.precisions))
MOST_DROP = 0.5
MOST_DIFFERENCE = {"float32": 1e-4, "float16": 1e-2}


def problems(variant: Variant) -> list[str]:
    """Which of the limits a variant breaks."""
    score = variant.score
    assert score is not None
    found = []
    if score.drop.value > MOST_DROP and score.drop.low > 0:
        found.append(f"drop above {MOST_DROP}")
    if variant.precision in MOST_DIFFERENCE:
        if score.agreement < 1:
            found.append("disagrees")
        if (score.largest_difference or 0.0) > MOST_DIFFERENCE[variant.precision]:
            found.append(f"moves a probability by {score.largest_difference:.2g}")
    return found


def main() -> int:
    """Train, export and print one table; 1 when a limit is broken."""
    broken = 0
    with tempfile.TemporaryDirectory(prefix="edgetl-peers-") as folder:
        room = Path(folder)
        (room / "solar.csv").write_text(solar_csv(), encoding="utf-8")
        data = {"hymenoptera": SHARED / "data" / "hymenoptera", "solar": room / "solar.csv"}
        mobilenet = SHARED / "weights" / "mobilenet_v2_1.0_160_no_top.weights.h5"
        networks: dict[str, dict[str, Any]] = {
            "efficientnet_lite0": {},
            "mobilenet_v2": {"weights": str(mobilenet), "size": 160},
        }
        print(f"measured on {machine.describe().label}")
        print(
            "\n| network, photos | variant | size | drop, points | agreement | largest difference | latency |"
        )
        print("| --- | --- | ---: | ---: | ---: | ---: | ---: |")
        for photos, place in data.items():
            if sys.argv[1:] not in ([], [photos]):
                continue
            for network, options in networks.items():
                run = edgetl.train(place, out=room / f"{network}-{photos}", backbone=network, **options)
                exported = edgetl.export(
                    run.path, precisions=PRECISIONS, keep_failing=True, progress=ConsoleProgress()
                )
                for variant in exported.bundle.manifest.variants:
                    score = variant.score
                    assert score is not None
                    found = problems(variant)
                    broken += bool(found)
                    print(
                        f"| {network}, {photos} ({format_share(run.accuracy.value)}) | {variant.name} "
                        f"| {format_size(variant.size_bytes)} | {format_points(score.drop.value)} "
                        f"({format_points(score.drop.low)} to {format_points(score.drop.high)}) "
                        f"| {format_share(score.agreement)} | {score.largest_difference:.1e} "
                        f"| {format_duration(variant.latency_s)} |{' ' + '; '.join(found) if found else ''}",
                        flush=True,
                    )
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
