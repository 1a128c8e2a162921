"""Rightly hashed and damaged models, through the process with limits: the parent lives, and tells each in a
sentence. None passes whose answers are not the recorded ones.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tiny_models
from click.testing import CliRunner
from damaged_models import damaged
from deep import CORPUS, SEED, cases
from numpy.typing import NDArray
from warm_engine import WarmEngine

import edgetl
from edgetl.bundle import MANIFEST, Bundle
from edgetl.cli.info import command as info
from edgetl.converters.anatomy import reading as anatomy
from edgetl.errors import EdgetlError, ModelError
from edgetl.runtime import confined, engines, limited, onnx_external
from edgetl.runtime.engines import EngineRow
from edgetl.sealing import sealed

SIZE, CLASSES, TOLERANCE = 16, 5, 0.02
_WARM = {  # OpenVINO takes 0.1 s to compile the smallest model, the others 2 ms
    "tflite-float32": cases(915, 9_000),
    "tflite-int8": cases(915, 9_000),
    "onnx-float32": cases(895, 9_200),
    "openvino-float32": cases(240, 2_200),
}
_FRESH = {"tflite-int8": cases(15, 250), "onnx-float32": cases(12, 250), "openvino-float32": cases(8, 100)}
_PLACE = CORPUS / "models"
_FORMATS = {"litert": "tflite", "onnxruntime": "onnx", "openvino": "openvino"}

pytestmark = pytest.mark.usefixtures("no_core")


@pytest.fixture(scope="module")
def no_core() -> Iterator[None]:
    resource = pytest.importorskip("resource")
    before = resource.getrlimit(resource.RLIMIT_CORE)
    resource.setrlimit(resource.RLIMIT_CORE, (0, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_CORE, before)


def fate_of(run: Callable[[], confined.Ran], recorded: NDArray[np.float32]) -> str:
    """What became of a model; whatever is no such fate is an error of the test."""
    try:
        outputs = run().outputs
    except confined.ConfinedError as error:
        words = str(error)
        assert words
        assert words.isprintable(), words
        assert len(words) < 500
        return error.fate
    assert np.isfinite(outputs).all()
    same = outputs.shape == recorded.shape and bool(np.abs(outputs - recorded).max() <= TOLERANCE)
    return "same" if same else "differs"


def engine_of(name: str) -> str:
    return {row: engine for engine, row in _FORMATS.items()}[name.partition("-")[0]]


def keep(name: str, number: int, files: tiny_models.Files, fate: str) -> None:
    """Lay a model that crashed or hung its engine into the corpus, of which each test run replays all."""
    folder = _PLACE / f"{name}-{SEED}-{number}-{fate}"
    folder.mkdir(parents=True, exist_ok=True)
    for file, content in files.items():
        (folder / file).write_bytes(content)


def test_damaged_models_leave_the_parent_alive(
    models: dict[str, tiny_models.Files], pixels: NDArray[np.uint8], needs: Callable[[str], EngineRow]
) -> None:
    for engine in _FORMATS:
        needs(engine)
    few = pixels[:3]

    def try_all(name: str) -> Counter[str]:
        warm, fates = WarmEngine(engine_of(name)), Counter[str]()
        try:
            recorded = warm.run(models[name], few, CLASSES).outputs
            for number in range(_WARM[name]):
                random = np.random.default_rng([SEED, number])
                _, files = damaged(models[name], name.partition("-")[0], random)
                fate = fate_of(lambda files=files: warm.run(files, few, CLASSES), recorded)  # type: ignore[misc]
                fates[fate] += 1
                if fate in ("crashed", "hung"):
                    keep(name, number, files, fate)
        finally:
            warm.close()
        return fates

    with ThreadPoolExecutor(4) as pool:
        found = dict(zip(_WARM, pool.map(try_all, _WARM), strict=True))
    print(json.dumps({name: dict(fates) for name, fates in found.items()}))  # noqa: T201 - the figures, with -s
    for name, fates in found.items():
        assert fates.total() == _WARM[name]
        assert fates["refused"] > fates.total() / 4, f"the damage to {name} does little: {fates}"


@pytest.fixture
def altered(colour_bundle: Path) -> Callable[[str, tiny_models.Files], Bundle]:
    """Takes a variant's name and other files for it: the bundle with them, rightly hashed."""

    def bundle(name: str, files: tiny_models.Files) -> Bundle:
        opened = Bundle.open(colour_bundle)
        variant = opened.variant(name)
        entries = tuple(
            replace(entry, sha256=hashlib.sha256(content).hexdigest(), size_bytes=len(content))
            for entry in variant.files
            if (content := files[Path(entry.path).name]) is not None
        )
        changed = replace(variant, files=entries)
        variants = tuple(changed if one.name == name else one for one in opened.manifest.variants)
        opened = Bundle(opened.path, replace(opened.manifest, variants=variants))
        contents = {f"{name}/{file}": content for file, content in files.items()}
        read = opened.read
        # Read from memory: the folder is shared, and to be kept as it is.
        object.__setattr__(
            opened,
            "read",
            lambda entry: contents[entry.path] if entry.path in contents else read(entry),
        )
        return opened

    return bundle


@pytest.mark.parametrize("name", list(_FRESH))
def test_the_way_that_load_and_verify_take_does_so_too(
    models: dict[str, tiny_models.Files],
    pixels: NDArray[np.uint8],
    altered: Callable[[str, tiny_models.Files], Bundle],
    needs: Callable[[str], EngineRow],
    name: str,
) -> None:
    row = needs(engine_of(name))
    recorded = Bundle.expected(altered(name, models[name]))[name]
    verdicts = Counter[str]()
    for number in range(_FRESH[name]):
        random = np.random.default_rng([SEED, 1, number])
        _, files = damaged(models[name], name.partition("-")[0], random)
        bundle = altered(name, files)
        trial = limited.try_variant(bundle, name, timeout_s=20)
        verdicts[trial.verdict] += 1
        assert trial.passed == (trial.reason is None)
        if trial.verdict in ("crashed", "hung"):
            keep(name, 10**6 + number, files, trial.verdict)
        if trial.passed:  # then the answers, got once more, are really the recorded ones
            ran = confined.run(row, files, Bundle.expected(bundle)["pixels"], values=CLASSES)
            assert np.abs(ran.outputs - recorded).max() <= TOLERANCE
    print(name, dict(verdicts))  # noqa: T201
    assert verdicts["refused"] > 0


def replayed() -> list[Path]:
    return sorted(path for path in _PLACE.iterdir() if path.is_dir()) if _PLACE.is_dir() else []


@pytest.mark.parametrize("place", replayed(), ids=lambda place: place.name)
def test_what_once_took_an_engine_down_is_one_failed_line(
    place: Path, altered: Callable[[str, tiny_models.Files], Bundle], needs: Callable[[str], EngineRow]
) -> None:
    format_name, precision, *_ = place.name.split("-")
    name = f"{format_name}-{precision}"
    needs(engine_of(name))
    files = {path.name: path.read_bytes() for path in sorted(place.iterdir(), reverse=True)}
    trial = limited.try_variant(altered(name, files), name, timeout_s=20)
    assert not trial.passed
    assert trial.reason


# --- what is wrong in a known way --------------------------------------------------------------------------


def test_weights_in_another_file_are_refused(
    models: dict[str, tiny_models.Files], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    onnx = pytest.importorskip("onnx")
    model = onnx.load_from_string(models["onnx-float32"]["model.onnx"])
    onnx_external.refuse(model.SerializeToString())
    weights = next(constant for constant in model.graph.initializer if constant.name == "weights")
    (tmp_path / "weights.bin").write_bytes(weights.raw_data)
    size = str(len(weights.raw_data))
    monkeypatch.chdir(tmp_path)  # where ONNX Runtime looks for them

    def without_data() -> None:
        weights.ClearField("raw_data")
        weights.data_location = onnx.TensorProto.EXTERNAL
        for key, value in (("location", "weights.bin"), ("offset", "0"), ("length", size)):
            entry = weights.external_data.add()
            entry.key, entry.value = key, value

    without_data()
    with pytest.raises(ModelError, match="keeps weights in other files"):
        engines.start(engines.get("onnxruntime"), {"model.onnx": model.SerializeToString()})
    # OpenVINO reads ONNX models too, whatever their name, and takes weights from any place.
    if engines.get("openvino").installed:
        disguised = {"model.xml": model.SerializeToString(), "model.bin": bytes(16)}
        with pytest.raises(
            ModelError, match=r"cannot load model\.xml: it begins with neither <\?xml nor <net"
        ):
            engines.start(engines.get("openvino"), disguised)
    # Within a branch of a graph within a branch.
    for _ in range(2):
        outer = onnx.GraphProto()
        outer.node.append(onnx.helper.make_node("If", ["a"], ["b"], then_branch=model.graph))
        model.graph.CopyFrom(outer)
    with pytest.raises(ModelError, match="keeps weights in other files"):
        onnx_external.refuse(model.SerializeToString())


def test_a_model_that_speaks_of_a_location_is_no_such_model(models: dict[str, tiny_models.Files]) -> None:
    onnx = pytest.importorskip("onnx")
    model = onnx.load_from_string(models["onnx-float32"]["model.onnx"])
    model.doc_string = "made at a location"
    onnx_external.refuse(model.SerializeToString())
    for cut in range(1, 60):
        with pytest.raises(ModelError):
            onnx_external.refuse(b"location" + model.SerializeToString()[:-cut])


@pytest.mark.parametrize("levels", [1000, 100_000])
@pytest.mark.parametrize("where", ["<net ", "<data ", "<rt_info>"])
def test_deeply_nested_xml_takes_nobody_down(
    models: dict[str, tiny_models.Files],
    altered: Callable[[str, tiny_models.Files], Bundle],
    where: str,
    levels: int,
    needs: Callable[[str], EngineRow],
) -> None:
    needs("openvino")
    files = dict(models["openvino-float32"])
    head, mark, rest = files["model.xml"].decode().partition(where)
    start, end, rest = (mark + rest).partition(">")
    closing = "" if start.endswith("/") else f"</{where.strip('<> ')}>"
    open_tag = (start.rstrip("/") + end) if closing == "" else start + end
    deep = open_tag + "<a>" * levels + "</a>" * levels
    tail = f"</{where.strip('<> ')}>" if closing == "" else ""
    files["model.xml"] = (head + deep + tail + rest).encode()
    bundle = altered("openvino-float32", files)
    trial = limited.try_variant(bundle, "openvino-float32", timeout_s=30)
    assert trial.passed or trial.reason
    with pytest.raises(ModelError, match="nests too deeply"):
        anatomy.read(files, ask_engine=False)


# --- what the workstation reads of it ----------------------------------------------------------------------


def test_looking_into_a_damaged_model_is_a_sentence_or_an_answer(
    models: dict[str, tiny_models.Files], tmp_path: Path
) -> None:
    pytest.importorskip("onnx")
    tried = Counter[str]()
    for name, files in models.items():
        for number in range(cases(100, 1500)):
            random = np.random.default_rng([SEED, 2, number])
            _, other = damaged(files, name.partition("-")[0], random)
            try:
                anatomy.read(other, ask_engine=False)
                tried["read"] += 1
            except EdgetlError:
                tried["refused"] += 1
    print(dict(tried))  # noqa: T201
    assert tried["refused"] > 20


def test_info_of_a_damaged_model_is_a_sentence(models: dict[str, tiny_models.Files], tmp_path: Path) -> None:
    place = tmp_path / "model.tflite"
    place.write_bytes(models["tflite-int8"]["model.tflite"][:700])
    done = CliRunner().invoke(info, [str(place)], standalone_mode=False)
    assert isinstance(done.exception, EdgetlError)


@pytest.mark.parametrize("name", ["tflite-int8", "onnx-float32", "openvino-float32"])
def test_load_of_a_damaged_bundle_is_a_model_error(
    colour_bundle: Path,
    models: dict[str, tiny_models.Files],
    tmp_path: Path,
    name: str,
    needs: Callable[[str], EngineRow],
) -> None:
    import shutil

    needs(engine_of(name))
    place = Path(shutil.copytree(colour_bundle, tmp_path / "damaged.edgetl"))
    main = "model." + {"tflite": "tflite", "onnx": "onnx", "openvino": "xml"}[name.partition("-")[0]]
    content = models[name][main][:300]
    (place / name / main).write_bytes(content)
    manifest: dict[str, Any] = json.loads((place / MANIFEST).read_text())
    for variant in manifest["variants"]:
        for entry in variant["files"]:
            if entry["path"] == f"{name}/{main}":
                entry["sha256"], entry["size_bytes"] = hashlib.sha256(content).hexdigest(), len(content)
    (place / MANIFEST).write_text(sealed(manifest))
    with pytest.raises(ModelError):
        edgetl.load(place, name)
    assert not list(tmp_path.glob("*.threads.json"))
    found = edgetl.verify(place, variants=[name])
    assert [check.passed for check in found.variants] == [False]
