"""From a user's own model to one that takes ``pixels`` and gives ``probabilities``, as ours do.

Runs in a process of its own (``edgetl.isolated``): the libraries that read the models are loaded here.
"""

import hashlib
import importlib
from dataclasses import dataclass
from pathlib import Path

from edgetl.contract import Contract
from edgetl.converters.adoption.checks import Rewritten
from edgetl.converters.adoption.options import Kind, ModelOptions, kind_of

_MODULES = {kind: f"edgetl.converters.adoption.{kind}" for kind in ("keras", "saved_model", "onnx")}


@dataclass(frozen=True)
class Adopted:
    """A user's model, rewritten."""

    model: Path
    """``model.keras``, the SavedModel folder ``saved_model`` or ``model.onnx``."""
    kind: Kind
    contract: Contract
    """With its labels."""
    classes: int
    input_found: str
    """What the user's own model takes, in words: ``float32 (1, 96, 128, 3), NHWC``."""
    notes: tuple[str, ...]
    """What the user should know: what was found out, and what was assumed."""
    source_sha256: str
    """Of the user's file, or over all files of the folder."""
    embedding_available: bool
    """The model ends in a matrix product, whose input can be a second output."""


def adopt(model: Path, options: ModelOptions, labels: tuple[str, ...], out: Path) -> Adopted:
    """Write a convention model that answers like the user's, with its pre-processing inside.

    Args:
        model: ``.keras`` or ``.h5`` file, SavedModel folder or ``.onnx`` file.
        options: what the user says of it.
        labels: class names in the order of its outputs.
        out: an empty folder to write into.

    Raises:
        UsageError: the options leave something open or contradict the model, or the labels do not fit.
        ConversionError: it is no image classifier, or has layers that cannot be exported; the message
            names the layer and its place.
    """
    kind = kind_of(model)
    rewritten: Rewritten = importlib.import_module(_MODULES[kind]).adopt(model, options, labels, out)
    contract = Contract(
        height=rewritten.source.height,
        width=rewritten.source.width,
        resize=options.resize or Contract.resize,
        crop_fraction=options.crop_fraction or Contract.crop_fraction,
        interpolation=options.interpolation or Contract.interpolation,
        labels=labels,
    )
    return Adopted(
        model=out / rewritten.file,
        kind=kind,
        contract=contract,
        classes=rewritten.classes,
        input_found=rewritten.source.text,
        notes=(*rewritten.notes, *_assumed(options, contract)),
        source_sha256=sha256_of(model),
        embedding_available=rewritten.embedding_available,
    )


def sha256_of(model: Path) -> str:
    """SHA-256 of a file; of a folder, over the names and hashes of all that is in it."""
    if model.is_file():
        digest = hashlib.sha256()
        with model.open("rb") as file:
            while block := file.read(1 << 20):
                digest.update(block)
        return digest.hexdigest()
    files = sorted(path for path in model.rglob("*") if path.is_file())
    lines = [f"{sha256_of(path)} {path.relative_to(model).as_posix()}" for path in files]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def _assumed(options: ModelOptions, contract: Contract) -> tuple[str, ...]:
    if options.resize is not None:
        return ()
    note = (
        f"pictures are cut to the model's shape around their centre and resized ({contract.interpolation}): "
        "if it was trained on whole pictures squashed into that shape, as by Keras' "
        "image_dataset_from_directory, say --resize squash"
    )
    return (note,)
