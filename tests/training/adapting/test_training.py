"""``edgetl train --unlabelled`` from end to end, on real photos."""

import json
import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import edgetl
from edgetl.progress import SILENT
from edgetl.training import features, prepare
from edgetl.training.adapting import batchnorm, judging
from edgetl.training.adapting.judging import Verdict
from edgetl.training.dataset import Photo, hash_all
from edgetl.training.run import Run


@pytest.fixture(scope="module")
def there(solar_photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The test cells under another camera, darker and softer: 24 of them labelled."""
    folder = tmp_path_factory.mktemp("there")
    for label in ("defective", "functional"):
        for number, place in enumerate(sorted((solar_photos / "test" / label).iterdir())):
            with Image.open(place) as image:
                dark = image.convert("L").resize((110, 110)).point(lambda value: 20 + value // 3)
            target = folder / (label if number < 12 else "monday") / f"{label}-{place.name}"
            target.parent.mkdir(exist_ok=True)
            dark.save(target)
    return folder


def test_without_a_judge_the_run_is_the_one_without_the_pictures(
    solar_photos: Path, solar_run: Run, there: Path, tmp_path: Path
) -> None:
    options = {"unlabelled": str(there / "monday"), "layers": "last"}
    run = edgetl.train(solar_photos, out=tmp_path / "run", **options)
    told = run.description["adaptation"]
    assert (told["pictures"], told["labelled"], told["adopted"]) == (36, 0, None)
    assert run.description["head"] == solar_run.description["head"]
    assert run.metrics == solar_run.metrics
    assert "Adapting to unlabelled pictures" in (run.path / "report.html").read_text("utf-8")
    assert 'unlabelled = "' in (run.path / "run.toml").read_text("utf-8")


@pytest.mark.slow
def test_all_methods_are_judged_and_an_adopted_backbone_is_the_one_that_is_scored_and_exported(
    solar_photos: Path, there: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def batch_norm(verdicts: Sequence[Verdict]) -> Verdict:
        return next(verdict for verdict in verdicts if verdict.name == "batch norm")

    monkeypatch.setattr(judging, "best", batch_norm)
    data = tmp_path / "data"
    shutil.copytree(solar_photos, data)
    run = edgetl.train(data, out=tmp_path / "run", unlabelled=str(there))
    told = json.loads((run.path / "run.json").read_text("utf-8"))
    methods = [one["name"] for one in told["adaptation"]["methods"]]
    assert methods == ["means", "CORAL", "self-training", "batch norm"]
    assert told["weights"]["source"].endswith("with batch-norm statistics of the unlabelled pictures")
    assert run.metrics["cross_validation"] is None
    exported = edgetl.export(run.path, formats=("onnx",), precisions=("float32",))
    (variant,) = exported.bundle.manifest.variants
    assert variant.score is not None
    assert variant.score.agreement == 1.0
    assert variant.score.accuracy.value == pytest.approx(run.accuracy.value, abs=0.02)


@pytest.mark.slow
def test_batch_norm_statistics_of_other_pictures_give_another_backbone_that_stays_the_same(
    there: Path,
) -> None:
    choice = prepare.choose("efficientnet_lite0", size=None, width=1.0, weights_file=None)
    prepared = prepare.prepare(choice, engine="openvino", classes=2, progress=SILENT)
    paths = sorted((there / "monday").iterdir())
    pictures = [Photo(path, -1, "x", digest) for path, digest in zip(paths, hash_all(paths), strict=True)]

    def adapted() -> prepare.Prepared:
        found = batchnorm.adapted(prepared, pictures, classes=2, name="here", seed=0, progress=SILENT)
        assert found is not None
        return found

    first = adapted()
    assert first.key != prepared.key
    assert first.choice.weights.source.endswith("with batch-norm statistics of here")
    rows, plain = (
        features.extract(pictures, one, SILENT)[0].rows([photo.sha256 for photo in pictures])
        for one in (first, prepared)
    )
    assert np.isfinite(rows).all()
    assert np.abs(rows - plain).mean() > 0.01
    place = first.choice.weights.path
    assert place is not None
    place.unlink()
    assert adapted().choice.weights.sha256 == first.choice.weights.sha256
