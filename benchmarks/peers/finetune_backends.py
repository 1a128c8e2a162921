"""The same fine-tuning under each back end of Keras: its curve, its weights, and a kill in the middle.

    python benchmarks/peers/finetune_backends.py [--backends tensorflow torch jax] [--photos 200] [--epochs 3]
                                                 [--precision float32|mixed]

Trains solar cells at 96 pixels (last blocks) with ``KERAS_BACKEND`` set to each in turn, once undisturbed and
once killed after its first checkpoint and resumed. Prints the loss on held-out photos after each epoch, the
seconds of the whole command, how far the weights lie from those of the first back end, and whether the
resumed training ended with the same weights, to the bit. The Python that runs it needs all the back ends.
"""

import argparse
import hashlib
import io
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import kill_finetune
import numpy as np
from numpy.typing import NDArray

from edgetl import cache

# The folder of a training is removed once the run is written; its last checkpoint is read here, so it stays.
KEEPING = (
    "from edgetl.training.tuning.tune import Tuned\n"
    "Tuned.clean = lambda self: None\n"
    "from edgetl.cli import main\n"
    "main()"
)


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--backends", nargs="+", default=["tensorflow", "torch", "jax"])
    parser.add_argument("--photos", type=int, default=200)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--precision", default="float32")
    wanted = parser.parse_args()
    first: list[NDArray[Any]] = []
    with tempfile.TemporaryDirectory() as folder:
        os.environ["EDGETL_CACHE"] = str(Path(folder) / "cache")
        data, out = Path(folder) / "solar.csv", Path(folder) / "run"
        data.write_text(kill_finetune.photos_csv(wanted.photos))
        line = kill_finetune.command(data, out, wanted.epochs, "--precision", wanted.precision)
        command = [sys.executable, "-c", KEEPING, *line[3:]]
        for name in wanted.backends:
            environment = {**os.environ, "KERAS_BACKEND": name}
            start = time.monotonic()
            subprocess.run(command, check=True, capture_output=True, env=environment)
            took = time.monotonic() - start
            tuning = json.loads((out / "run.json").read_text("utf-8"))["fine_tuning"]
            losses = ", ".join(f"{epoch['val_loss']:.4f}" for epoch in tuning["epochs"])
            print(f"{tuning['backend']}: held-out loss {losses}; {took:.0f} s", flush=True)
            ended = best(newest())
            first = first or ended
            apart = max(float(np.abs(one - other).max()) for one, other in zip(first, ended, strict=True))
            print(f"    weights at most {apart:.2g} from those of {wanted.backends[0]}", flush=True)
            undisturbed = kill_finetune.found(out)
            killed(command, environment)
            subprocess.run([*command, "--resume"], check=True, capture_output=True, env=environment)
            same = kill_finetune.found(out) == undisturbed
            print(f"    killed and resumed: {'the same weights' if same else 'OTHER weights'}", flush=True)


def newest() -> Path:
    """The checkpoint that was written last."""
    return max((cache.folder() / "tuning").glob("*/fine-tune/*.checkpoint"), key=os.path.getmtime)


def best(checkpoint: Path) -> list[NDArray[Any]]:
    """The best weights in it: as many arrays at its end as stand in front of the optimizer's counter."""
    with np.load(io.BytesIO(checkpoint.read_bytes()[hashlib.sha256().digest_size :])) as content:
        arrays = [content[name] for name in sorted(content.files) if name != "head"]
    count = next(place for place, array in enumerate(arrays) if array.ndim == 0)
    return arrays[-count:]


def killed(command: list[str], environment: dict[str, str]) -> None:
    """Begin anew, and kill it all when the first checkpoint is there."""
    for folder in (cache.folder() / "tuning").iterdir():
        shutil.rmtree(folder)
    process = subprocess.Popen(
        command,
        env=environment,
        start_new_session=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    while not list((cache.folder() / "tuning").glob("*/fine-tune/*.checkpoint")):
        if process.poll() is not None:
            sys.exit("the training ended before it had a checkpoint")
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()


if __name__ == "__main__":
    main()
