"""Score EfficientNet-Lite with its own ImageNet head: the proof that architecture and weights are right.

    python benchmarks/peers/lite0_imagenet.py [efficientnet_lite0]

Runs the Keras model over ``../shared/data/imagenet_even`` (500 pictures, the file name starts with the
class index), decoded by ``edgetl.images`` as in training and on the device. Ends with code 1 below 87 %.
"""

import os
import sys
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np

from edgetl import images
from edgetl.training import architectures, backbones, weights

PICTURES = Path(__file__).parents[2].parent / "shared/data/imagenet_even"
WANTED = 0.87


def score(name: str, pictures: list[Path]) -> float:
    """Share of pictures whose most probable class is the one in their file name."""
    backbone = backbones.get(name)
    source = weights.find(backbone, 1.0, None)
    model = architectures.build(
        backbone, size=backbone.default_size, width=1.0, weights=source, include_imagenet_head=True
    )
    contract = backbone.contract()
    pixels = np.stack([images.decode(picture, contract) for picture in pictures])
    truth = np.array([int(picture.name.split("_")[0]) for picture in pictures])
    return float(np.mean(model.predict(pixels, batch_size=50, verbose=0).argmax(axis=1) == truth))


def main(name: str = "efficientnet_lite0") -> int:
    """Print the score and how long it took."""
    pictures = sorted(PICTURES.glob("*.jpg"))
    if not pictures:
        print(f"no pictures in {PICTURES}")
        return 1
    start = time.perf_counter()
    top1 = score(name, pictures)
    print(f"{name}: top-1 {top1:.1%} on {len(pictures)} pictures, {time.perf_counter() - start:.0f} s in all")
    return int(top1 < WANTED)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
