"""Head training: edgetl beside the standard Keras recipe, on the same photos and the same backbone.

The recipe is that of Keras' guide "Transfer learning & fine-tuning": ``image_dataset_from_directory``, the
backbone frozen, a dense softmax on top, Adam at 1e-3, batches of 32, 5 epochs of ``fit`` with
``validation_data``. edgetl computes the features of the same train and validation photos once and solves
the head. Both are timed from photos on disk to a head with its validation accuracy; imports and the building
of the backbone are left out. Beside it, both as whole commands, with everything, from an empty cache.

    python benchmarks/peers/keras_recipe.py [DATA]      # default: the solar cells of elpv-dataset
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

EPOCHS = 5


def recipe(data: str) -> None:
    """The standard recipe; prints its figures as JSON on the last line."""
    begin = time.perf_counter()
    import keras

    from edgetl.training import architectures, dataset, prepare

    choice = prepare.choose("efficientnet_lite0", size=None, width=1.0, weights_file=None)
    base = architectures.build(choice.row, size=choice.size, width=choice.width, weights=choice.weights)
    base.trainable = False
    photos = dataset.read(data)
    outputs = keras.layers.Dense(len(photos.labels), activation="softmax")(base(base.input, training=False))
    model = keras.Model(base.input, outputs)
    model.compile(keras.optimizers.Adam(1e-3), "sparse_categorical_crossentropy", metrics=["accuracy"])
    with tempfile.TemporaryDirectory() as folder:
        for number, photo in enumerate(photos.photos):
            place = Path(folder) / photo.split / photos.labels[photo.label]
            place.mkdir(parents=True, exist_ok=True)
            (place / f"{number}{photo.path.suffix}").symlink_to(photo.path.resolve())
        start = time.perf_counter()
        train, held_out = (
            keras.utils.image_dataset_from_directory(
                f"{folder}/{split}", image_size=(choice.size, choice.size), batch_size=32, verbose=False
            ).prefetch(2)
            for split in ("train", photos.scored_split)
        )
        history = model.fit(train, validation_data=held_out, epochs=EPOCHS, verbose=0)
        seconds = time.perf_counter() - start
    accuracy = history.history["val_accuracy"][-1]
    print(json.dumps({"seconds": seconds, "whole": time.perf_counter() - begin, "accuracy": accuracy}))


def ours(data: str) -> None:
    """edgetl's features and head alone; prints its figures as JSON on the last line."""
    from edgetl.progress import SILENT
    from edgetl.training import dataset, features, head, prepare
    from edgetl.training.train import rows_of

    choice = prepare.choose("efficientnet_lite0", size=None, width=1.0, weights_file=None)
    photos = dataset.read(data)
    engine = prepare.choose_engine("auto")
    prepared = prepare.prepare(choice, engine=engine, classes=len(photos.labels), progress=SILENT)
    start = time.perf_counter()
    table, _ = features.extract(photos.photos, prepared, SILENT)
    solved = head.fit(*rows_of(photos, table, "train"), held_out=None)
    rows, truth = rows_of(photos, table, photos.scored_split)
    accuracy = float((solved.probabilities(rows).argmax(axis=1) == truth).mean())
    seconds = time.perf_counter() - start
    print(json.dumps({"seconds": seconds, "accuracy": accuracy}))


def in_process(side: str, data: str) -> dict[str, float]:
    """Run one side in a fresh process with an empty cache."""
    with tempfile.TemporaryDirectory() as cache:
        done = subprocess.run(
            [sys.executable, __file__, side, data],
            env={**os.environ, "EDGETL_CACHE": cache, "TF_CPP_MIN_LOG_LEVEL": "3"},
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            check=True,
            text=True,
        )
    figures: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return figures


def whole_command(data: str) -> float:
    """Seconds of ``edgetl train`` from an empty cache, process start included."""
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        subprocess.run(
            [sys.executable, "-m", "edgetl", "train", data, "--out", f"{folder}/run"],
            env={**os.environ, "EDGETL_CACHE": f"{folder}/cache"},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            check=True,
        )
        return time.perf_counter() - start


def main() -> None:
    """Run both and print the table."""
    with tempfile.TemporaryDirectory() as folder:
        data = sys.argv[1] if len(sys.argv) > 1 else f"{folder}/solar.csv"
        if len(sys.argv) == 1:
            from edgetl.demo import solar_csv

            Path(data).write_text(solar_csv(), encoding="utf-8")
        keras, edgetl = in_process("recipe", data), in_process("ours", data)
        whole = whole_command(data)
    print(f"{'':<34}{'head training':>16}{'whole command':>16}{'accuracy':>12}")
    for name, head, command, accuracy in (
        (f"Keras, {EPOCHS} epochs of fit", keras["seconds"], keras["whole"], keras["accuracy"]),
        ("edgetl, features once + solved head", edgetl["seconds"], whole, edgetl["accuracy"]),
    ):
        print(f"{name:<34}{head:>14.1f} s{command:>14.1f} s{100 * accuracy:>10.1f} %")
    head, command = keras["seconds"] / edgetl["seconds"], keras["whole"] / whole
    print(f"edgetl is {head:.1f} times faster, as a whole command {command:.1f} times")


if __name__ == "__main__":
    {"recipe": recipe, "ours": ours}[sys.argv[1]](sys.argv[2]) if sys.argv[1:2] in (
        ["recipe"],
        ["ours"],
    ) else main()
