"""The small models every engine is tested with."""

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import support
import tiny_models
from numpy.typing import NDArray

from edgetl import isolated
from edgetl.contract import Contract
from edgetl.runtime.engines import ENGINES, EngineRow

SIZE, CLASSES = 16, 5
LABELS = ("red", "yellow", "green", "cyan", "blue")


@pytest.fixture(scope="session")
def models() -> dict[str, tiny_models.Files]:
    """Files by variant name; see ``tiny_models.build``.

    ``EDGETL_TEST_MODELS`` names a folder where they stand ready: a board has no TensorFlow to build them.
    """
    if ready := os.environ.get("EDGETL_TEST_MODELS"):
        return {
            # model.xml before model.bin, and the formats in the order in which they are built.
            folder.name: {file.name: file.read_bytes() for file in sorted(folder.iterdir(), reverse=True)}
            for folder in sorted(
                Path(ready).iterdir(), key=lambda folder: (folder.name[0] != "t", folder.name)
            )
        }
    built: dict[str, tiny_models.Files] = isolated.call(
        "tiny_models:build", SIZE, CLASSES, doing="building the tests' models"
    )
    return built


@pytest.fixture(scope="session")
def pixels() -> NDArray[np.uint8]:
    """Pictures of different colours, uint8 (n, SIZE, SIZE, 3)."""
    generator = np.random.default_rng(1)
    colours = generator.integers(0, 256, (12, 1, 1, 3))
    noise = generator.integers(-20, 21, (12, SIZE, SIZE, 3))
    return (colours + noise).clip(0, 255).astype(np.uint8)


@pytest.fixture
def needs() -> Callable[[str], EngineRow]:
    """Takes an engine's name: skips the test where it is not installed, or fails it where it must be.

    ``EDGETL_TEST_ENGINES=litert,onnxruntime`` names those that must be.
    """

    def row_of(name: str) -> EngineRow:
        row = ENGINES[name]
        if not row.installed:
            if name in os.environ.get("EDGETL_TEST_ENGINES", "").split(","):
                pytest.fail(f"EDGETL_TEST_ENGINES names {name}, and it is not installed")
            pytest.skip(f"{name} is not installed: pip install 'edgetl[{row.extra}]'")
        return row

    return row_of


@pytest.fixture(scope="session")
def colour_bundle(models: dict[str, tiny_models.Files], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle of all the small models, whose pick is ``tflite-int8``."""
    contract = Contract(SIZE, SIZE, labels=LABELS)
    pictures = [support.encoded(support.scene(seed=seed)) for seed in range(3)]
    decoded = np.stack([support.images.decode(picture, contract) for picture in pictures])
    answers = tiny_models.reference(decoded, CLASSES).astype(np.float32)
    return support.write_bundle(
        tmp_path_factory.mktemp("bundle") / "colours.edgetl",
        models,
        dict.fromkeys(models, answers),
        contract,
        pictures=pictures,
        pick="tflite-int8",
        tolerance=0.02,
    )
