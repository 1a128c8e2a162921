"""A network that is hard to quantize, made honestly from a trained one.

Its channels are scaled unevenly where nothing bends: the layer that writes a tensor multiplies channel c by
a power of two, and the layers that read it divide by the same. In float nothing changes, not even the last
bit. In int8, one scale serves all channels of a tensor, and most of them are left with a few steps.

    python benchmarks/peers/hard_model.py      # needs ../shared/data/imagenet_even, about 8 minutes

EfficientNet-Lite0 with its ImageNet head; 250 pictures calibrate, 250 others score. Prints what the gate
says to plain int8 with one scale a tensor, and each rung of the ladder. Exits 1 unless plain int8 is refused
and every format ends within 1 point with at least 90 % of its multiply-accumulates in int8.

``harden`` uses the same finder of channel groups as the equalisation that mends it, so the rung that mends
is near to its inverse; the ladder does not know that, and measures.
"""

import sys
import tempfile
import time
from pathlib import Path

import keras
import numpy as np
from lite0_export import save_lite0, write_csv

import edgetl
from edgetl.benchmarks import machine
from edgetl.converters import channel_groups
from edgetl.converters.adoption.options import ModelOptions
from edgetl.converters.formats import FORMATS
from edgetl.converters.request import Recipe
from edgetl.errors import GateError
from edgetl.progress import Progress

SHARED = Path(__file__).resolve().parents[3] / "shared"
LEAST_INT8 = 0.9
"""Share of the multiply-accumulates."""
STRENGTH = 3
"""Scales run from 2 ** -3 to 2 ** 3."""


def harden(model: keras.Model, seed: int = 0, strength: int = STRENGTH) -> keras.Model:
    """A copy of a trained model that answers alike in float and collapses in int8.

    Args:
        model: functional or sequential; scaled is what no bounded activation follows.
        seed: of the scales.
        strength: scales are 2 ** k with k drawn evenly from -strength to strength.
    """
    hard = keras.models.clone_model(model)
    hard.set_weights(model.get_weights())
    generator = np.random.default_rng(seed)
    for group in channel_groups.groups(hard):
        powers = generator.integers(-strength, strength, size=group.channels, endpoint=True)
        channel_groups.scale(group, np.exp2(powers.astype(np.float64)))
    return hard


def main() -> int:
    """Plain int8 through the gate, then the ladder; 1 when the promises of the export are not kept."""
    pictures = sorted((SHARED / "data" / "imagenet_even").glob("*.jpg"))
    if not pictures:
        raise SystemExit(f"no pictures in {SHARED / 'data' / 'imagenet_even'}")
    print(f"measured on {machine.describe().label}")
    with tempfile.TemporaryDirectory(prefix="edgetl-peers-") as folder:
        room = Path(folder)
        crop = save_lite0(room / "lite0.keras")
        network = keras.models.load_model(room / "lite0.keras", compile=False)
        hard = harden(network)
        hard.save(room / "hard.keras")
        pixels = np.random.default_rng(0).integers(0, 256, (8, 224, 224, 3), np.uint8)
        moved = np.abs(network.predict(pixels, verbose=0) - hard.predict(pixels, verbose=0)).max()
        print(f"float: largest change of a probability {moved:.1e}\n")
        rows = [
            (picture, int(picture.name.split("_")[0]), "test" if number % 2 else "train")
            for number, picture in enumerate(pictures)
        ]
        write_csv(room / "half.csv", rows)
        (room / "labels.txt").write_text("".join(f"{number}\n" for number in range(1000)), encoding="utf-8")
        options = ModelOptions(crop_fraction=crop, labels=tuple(map(str, range(1000))))
        refused = plain_per_tensor(room, options)
        start = time.perf_counter()
        exported = edgetl.export(
            room / "hard.keras",
            data=room / "half.csv",
            options=options,
            precisions="auto",
            out=room / "hard.edgetl",
            progress=Told(),
        )
        print(f"\nthe ladder, all three formats: {time.perf_counter() - start:.0f} s")
        good = refused and moved <= 1e-6
        for variant in exported.bundle.manifest.variants:
            assert variant.score is not None
            assert variant.arithmetic is not None
            print(
                f"{variant.name}: drop {variant.score.drop.value:+.1f} points, agreement "
                f"{variant.score.agreement:.1%}, {variant.arithmetic.int8_macs:.1%} of the "
                f"multiply-accumulates in int8; {variant.recipe}"
            )
            good &= variant.score.drop.value <= 1.0 and variant.arithmetic.int8_macs >= LEAST_INT8
        good &= len(exported.bundle.manifest.variants) == len(FORMATS)
    return 0 if good else 1


def plain_per_tensor(room: Path, options: ModelOptions) -> bool:
    """Whether the gate refuses int8 as it comes: one scale a tensor, weights rounded one by one."""
    try:
        edgetl.export(
            room / "hard.keras",
            data=room / "half.csv",
            options=options,
            precisions="int8",
            recipe=Recipe(per_channel=False, round_weights=False, correct_head=False),
            out=room / "plain.edgetl",
            progress=Told(),
        )
    except GateError as error:
        print(f"plain per-tensor int8: refused, exit code {error.exit_code}: {error}\n")
        return True
    print("plain per-tensor int8: not refused\n")
    return False


class Told(Progress):
    """Prints what the export has to say."""

    def note(self, text: str) -> None:
        """A rung, or a variant's score."""
        print(text, flush=True)


if __name__ == "__main__":
    sys.exit(main())
