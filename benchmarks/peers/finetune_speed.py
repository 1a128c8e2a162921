"""Images a second of edgetl's fine-tuning loop, under any back end of Keras and on any device.

    python benchmarks/peers/finetune_speed.py [--blocks last|all] [--backbone ...] [--size 224] [--batch 32]
                                              [--precision float32|mixed]
    KERAS_BACKEND=torch python benchmarks/peers/finetune_speed.py --blocks all --batch 256

Pixels and, with ``--blocks last``, activations are random numbers of the true shapes, and so are the weights:
no photos, no weights package and, under another back end, no TensorFlow is needed. What is timed is the loop
that training runs, batches and augmentation included, after two steps of warm-up. The median of the steps
counts. ``--xla`` compiles with XLA.
"""

import argparse
import statistics
import tempfile
import time
from pathlib import Path

import keras
import numpy as np

from edgetl.training import architectures, backbones
from edgetl.training.tuning import backend, loop, network, precision
from edgetl.training.tuning.batches import Batches, Table
from edgetl.training.tuning.checkpoint import Checkpoints
from edgetl.training.tuning.options import TuningOptions, views

WARM_UP = 2
CLASSES = 10


def main() -> None:
    """Run and print a line."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--backbone", default="efficientnet_lite0")
    parser.add_argument("--size", type=int, default=224)
    parser.add_argument("--blocks", choices=("last", "all"), default="last")
    parser.add_argument("--augment", choices=("none", "light", "turns", "strong"), default="light")
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--precision", choices=("float32", "mixed"), default="float32")
    parser.add_argument("--xla", action="store_true")
    wanted = parser.parse_args()
    base = architectures.bare(backbones.get(wanted.backbone), size=wanted.size, width=1.0)
    answers = keras.layers.Dense(CLASSES, name=network.HEAD)(base.output)
    classifier = keras.Model(base.input, keras.layers.Softmax(name="probabilities")(answers))
    cut = network.cut_of(classifier, wanted.blocks)
    upper = network.upper(classifier, cut)
    photos = wanted.batch * 4
    random = np.random.default_rng(0)
    shape = upper.model.input_shape[1:]
    if wanted.blocks == "all":
        rows = random.integers(0, 256, (photos, 1, *shape), np.uint8)
    else:
        rows = random.random((photos, views(wanted.augment), *shape), np.float32).astype(np.float16)
    targets = np.eye(CLASSES, dtype=np.float32)[random.integers(CLASSES, size=photos)]
    table = Table(rows, np.arange(photos), targets, np.ones(photos, np.float32))
    epochs = -(-(wanted.steps + WARM_UP) // 4)
    options = TuningOptions(
        wanted.blocks,
        epochs=epochs,
        augment=wanted.augment,
        batch_size=wanted.batch,
        precision=wanted.precision,
    )
    moments = [time.perf_counter()]
    processor = [time.process_time()]

    def heard(_: int) -> None:
        moments.append(time.perf_counter())
        processor.append(time.process_time())

    with tempfile.TemporaryDirectory() as folder:
        loop.fit(
            upper,
            Batches(table, options),
            options,
            Checkpoints(Path(folder), "speed"),
            held_out=None,
            heard=heard,
            jit=wanted.xla,
        )
    # The first step of an epoch waits for its batch, and for the checkpoint of the one before.
    steps = [
        later - earlier for earlier, later in zip(moments[WARM_UP:], moments[WARM_UP + 1 :], strict=False)
    ]
    spent = [
        later - earlier for earlier, later in zip(processor[WARM_UP:], processor[WARM_UP + 1 :], strict=False)
    ]
    median, cpu = statistics.median(steps), statistics.median(spent)
    print(
        f"{backend.described()}, "
        f"{wanted.backbone} {wanted.size} px, "
        f"{wanted.blocks} (from {cut}, {upper.model.count_params():,} parameters), batch {wanted.batch}, "
        f"{wanted.augment}, {precision.policy(wanted.precision) or 'float32'}"
        f"{', XLA' if wanted.xla else ''}: {wanted.batch / median:.1f} images/s, "
        f"{1000 * median:.0f} ms a step, {1000 * cpu:.0f} ms of processor time"
    )


if __name__ == "__main__":
    main()
