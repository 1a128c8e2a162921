"""``edgetl demo``: the whole path on real photos, with what each step does and each number means."""

import csv
import io
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

import edgetl
from edgetl import extras, files
from edgetl.errors import GateError
from edgetl.progress import SILENT, Progress
from edgetl.reports import pages
from edgetl.reports.units import format_share, format_share_interval
from edgetl.training.dataset import hash_all

_TEST_SHARE = 0.25
_DEFECTIVE_ABOVE = 0.5
_PAPER = "SVM 82.4 %, fine-tuned VGG-19 88.4 % (Deitsch et al., Solar Energy 2019)"


def solar_csv() -> str:
    """The solar-cell photos of the package ``elpv-dataset`` as a dataset file.

    2,624 electroluminescence photos of solar cells, 300 x 300 pixels, grey, of 44 modules, each with the
    probability that experts gave to a defect (Buerhop-Lutz et al. 2018; Deitsch et al. 2019, 2021; CC
    BY-NC-SA 4.0). A cell above 0.5 is called defective. Three quarters of each class are train, one
    quarter is test, in the order of the photos' SHA-256.

    Returns:
        CSV text with the columns ``path,label,split``.

    Raises:
        MissingPackageError: the package is not installed.
    """
    package = extras.load("elpv_dataset", extra="demo", purpose="the demo")
    folder = Path(str(package.__file__)).parent / "data"
    by_label: dict[str, list[Path]] = defaultdict(list)
    for line in (folder / "labels.csv").read_text("utf-8").splitlines():
        picture, probability, _ = line.split()
        label = "defective" if float(probability) > _DEFECTIVE_ABOVE else "functional"
        by_label[label].append(folder / picture)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["path", "label", "split"])
    for label, paths in sorted(by_label.items()):
        ordered = sorted(zip(hash_all(paths), paths, strict=True))
        tests = round(len(ordered) * _TEST_SHARE)
        for place, (_, path) in enumerate(ordered):
            writer.writerow([path, label, "test" if place < tests else "train"])
    return text.getvalue()


def demo(out: str | Path, *, say: Callable[[str], object] = str, progress: Progress = SILENT) -> Path:
    """Train, export, verify, run and bench on the solar cells.

    Args:
        out: folder to work in; what an earlier demo left there is replaced.
        say: gets each sentence of the story; the default drops them.
        progress: hears of each step.

    Returns:
        The report to open.

    Raises:
        MissingPackageError: the package with the photos is not installed.
        GateError: the bundle does not answer as it did when it was exported.
    """
    place = Path(out)
    say(
        "1/5  Photos. 2,624 electroluminescence photos of solar cells, from the package elpv-dataset. Label: "
        "defective when experts gave a defect more than 50 %. A quarter is set aside as test photos."
    )
    files.write_text(place / "solar.csv", solar_csv())
    say(
        "2/5  Train. A network pretrained on ImageNet turns each photo into features, once; on these a "
        "linear head is solved. Nothing of the test photos is used."
    )
    run = edgetl.train(place / "solar.csv", out=place / "solar", force=True, progress=progress)
    say(
        f"     Accuracy {format_share(run.accuracy.value)} on {run.metrics['images']} test photos; another "
        f"sample of cells would give {format_share_interval(run.accuracy)} (95 % interval). "
        f"The dataset's paper, on its own split: {_PAPER}."
    )
    say(
        "3/5  Export. The trained model becomes TFLite, ONNX and OpenVINO files, in float32 and in int8, "
        "which is a quarter of the size. Each file then answers all test photos in its own engine. Drop: "
        "points of accuracy lost. Agreement: how often it gives the trained model's answer."
    )
    exported = edgetl.export(run.path, force=True, progress=progress)
    say(f"     Recommended: {exported.bundle.manifest.pick_reason}.")
    say("4/5  Verify and run, as on the board: hashes, golden pictures, then one photo to a label.")
    verification = edgetl.verify(exported.bundle.path)
    if not verification.passed:
        raise GateError(f"{exported.bundle.path} does not answer as it did when it was exported")
    picture = run.dataset.split("test")[0].path
    with edgetl.load(exported.bundle.path) as model:
        answer = model.classify(picture)
    say(f"     {verification.files} files whole, decoder and engines answer as recorded.")
    say(f"     {picture.name} -> {answer.label} {100 * answer.score:.1f} %")
    say("5/5  Bench. Latency: how long one picture takes, once warm; p95: 19 of 20 are faster.")
    report = edgetl.bench(exported.bundle.path, progress=progress)
    say(f"     Measured on {report.machine.label}; a Raspberry Pi is slower: run edgetl bench there.")
    page = place / "report.html"
    files.write_text(page, pages.demo_page(run, exported.bundle.manifest, report))
    return page
