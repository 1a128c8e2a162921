"""A solved head in a Keras file answers as it did when it was solved."""

from pathlib import Path

import numpy as np

from edgetl import files, isolated
from edgetl.progress import SILENT
from edgetl.training import features, keras_file, prepare
from edgetl.training.heads.head import Head
from edgetl.training.run import Run


def test_a_hidden_layer_answers_in_keras_as_in_numpy(solar_run: Run, tmp_path: Path) -> None:
    choice = prepare.choose("efficientnet_lite0", size=None, width=1.0, weights_file=None)
    engine = prepare.choose_engine()
    prepared = prepare.prepare(choice, engine=engine, classes=2, progress=SILENT)
    photos = solar_run.dataset.split("test")[:6]
    table, _ = features.extract(photos, prepared, SILENT)
    random = np.random.default_rng(0)
    head = Head(
        kernel=random.normal(size=(8, 2)).astype(np.float32),
        bias=random.normal(size=2).astype(np.float32),
        strength=1.0,
        chosen_on="val",
        class_weights="none",
        temperature=1.0,
        reject_threshold=0.0,
        hidden_kernel=random.normal(0, 0.05, (1280, 8)).astype(np.float32),
        hidden_bias=random.normal(size=8).astype(np.float32),
    )
    template = prepare.build_classifier(prepared, 2, 8, SILENT)
    files.write_bytes(tmp_path / "model.keras", keras_file.with_head(template, head))
    contract = choice.contract.with_labels(solar_run.contract.labels)
    pixels = np.stack([picture for _, picture in features.decode_all(photos, contract, {})])
    np.save(tmp_path / "pixels.npy", pixels)
    answers = isolated.call(
        "edgetl.converters.graphs:predict",
        tmp_path / "model.keras",
        contract,
        tmp_path / "pixels.npy",
        doing="predicting",
    )
    expected = head.probabilities(np.stack([table[photo.sha256] for photo in photos]))
    assert np.abs(answers - expected).max() < 0.02
