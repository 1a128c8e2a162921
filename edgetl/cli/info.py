"""``edgetl info``: what is in a run, a bundle or a model file."""

import hashlib
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from edgetl import extras, limits
from edgetl.bundle import MANIFEST, Bundle
from edgetl.cli import output, scored
from edgetl.errors import ModelError, UsageError
from edgetl.manifest import Variant
from edgetl.reports.units import (
    UNKNOWN,
    format_duration,
    format_number,
    format_share,
    format_share_interval,
    format_size,
)
from edgetl.runtime.teaching import load_learned
from edgetl.signing import NOT_ASKED
from edgetl.updating import state
from edgetl.wording import shown

if TYPE_CHECKING:
    from edgetl.converters.anatomy.reading import Anatomy, Operator, SlowOperator, TensorFacts

_RUN = "run.json"
_MODELS = (".tflite", ".onnx", ".xml")
_SHOWN = 6  # of a list that may be long
_WIDTH = 100  # of a text found inside


@click.command("info", short_help="Tell what a path is.")
@click.argument("path", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print it as JSON.")
def command(path: Path, as_json: bool) -> None:
    """Tell what PATH is: a run, a bundle, the active version of a store, or a model file."""
    try:
        is_there, is_file = path.exists(), path.is_file()
    except OSError as error:  # a name that is too long, a folder that is not ours
        raise UsageError(f"{path} cannot be read: {error.strerror}") from error
    if not is_there:
        raise UsageError(f"{path} does not exist: give a run, a bundle, a store or a model file")
    if is_file:
        facts, everything = _of_model(path)
        facts = everything if as_json else facts
    elif (path / MANIFEST).is_file():
        facts = _of_bundle(path)
    elif (path / _RUN).is_file():
        facts = _of_run(path)
    elif state.is_store(path):
        facts = _of_bundle(path)
    else:
        raise UsageError(
            f"{path} is neither a run nor a bundle nor a store: it has no {_RUN} and no {MANIFEST}"
        )
    if as_json:
        output.result_json(facts)
        return
    for name, value in facts.items():
        lines = value if isinstance(value, list) else [value]
        for number, line in enumerate(lines):
            output.result(f"{name if number == 0 else '':<11} {line}")


def _of_bundle(path: Path) -> dict[str, Any]:
    bundle = Bundle.open(path)
    manifest = bundle.manifest
    learned = load_learned(bundle) if manifest.exemplars is not None else None
    contract, provenance = manifest.contract, manifest.provenance
    facts = {
        "bundle": manifest.name,
        "created": f"{manifest.created} by edgetl {manifest.edgetl}",
        "signatures": _signatures(bundle),
        "input": f"uint8 {contract.height} x {contract.width} RGB, {contract.resize}",
        "labels": ", ".join(contract.labels) if not manifest.tasks else None,
        "tasks": [scored.task(task) for task in manifest.tasks],
        "embedding": "a second output of every variant" if manifest.embedding else "none",
        "exemplars": manifest.exemplars and f"{format_size(manifest.exemplars.size_bytes)}: it can be taught",
        "taught": learned
        and [
            f"{label}, {count} pictures"
            for label, count in zip(learned.labels, learned.pictures, strict=True)
        ],
        "variants": [_variant(variant) for variant in manifest.variants],
        "refused": [variant.refused for variant in manifest.variants if variant.refused],
        "measured": manifest.measured_on and f"latency on {manifest.measured_on}, the machine that exported",
        "pick": manifest.pick_reason,
        "unknown": None
        if manifest.tasks
        else "not set"
        if manifest.reject_threshold is None
        else f"below {100 * manifest.reject_threshold:.1f} %",
        "provenance": [shown(f"{key}: {value}") for key, value in provenance.items()],
    }
    return {name: value for name, value in facts.items() if value}


def _signatures(bundle: Bundle) -> str:
    if bundle.signatures is not None and bundle.signed == NOT_ASKED:
        return f"not checked, which needs securesystemslib: pip install {extras.requirement('signatures')}"
    return str(bundle.signed)


def _variant(variant: Variant) -> str:
    score, arithmetic = variant.score, variant.arithmetic
    words = [
        f"{variant.name:<17}{format_size(variant.size_bytes):>9}",
        f"accuracy {format_share(score.accuracy.value)}" if score else "",
        f"latency {format_duration(variant.latency_s)}" if variant.latency_s is not None else "",
        f"int8 {format_share(arithmetic.int8_macs)}" if arithmetic else "",
        "REFUSED" if variant.refused else "",
        variant.recipe,
    ]
    return "  ".join(word for word in words if word)


def _of_run(path: Path) -> dict[str, Any]:
    from edgetl.training.run import Run

    run = Run.open(path)
    backbone, weights = run.description["backbone"], run.description["weights"]
    return {
        "run": run.name,
        "created": f"{run.description['created']} by edgetl {run.description['edgetl']}",
        "backbone": f"{backbone['name']}, {backbone['size']} pixels, width {backbone['width']:g}",
        "weights": f"{weights['source']}; licence: {weights['licence'] or 'unknown'}",
        "photos": ", ".join(
            f"{split} {count}" for split, count in run.description["dataset"]["photos"].items()
        ),
        "labels": ", ".join(run.contract.labels),
        scored.figure(
            run.metrics
        ): f"{format_share(run.accuracy.value)} on {run.metrics['images']} {run.metrics['split']} "
        f"photos ({format_share_interval(run.accuracy)})",
        **dict(scored.lines(run.metrics)),
    }


def _of_model(path: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """What people read, and everything."""
    from edgetl.converters.anatomy import reading as anatomies

    files = _read(path)
    anatomy = anatomies.read(files)
    hints = anatomies.hints(anatomy)
    execution = anatomy.execution
    hashes = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
    everything = {
        "model": str(path),
        "files": [
            {"name": name, "bytes": len(content), "sha256": hashes[name]} for name, content in files.items()
        ],
        **anatomy.facts(),
        "hints": list(hints),
    }
    facts = {
        "model": str(path),
        "format": anatomy.format,
        "size": format_size(sum(map(len, files.values()))),
        "sha256": list(hashes.values()),
        "input": [_tensor(tensor) for tensor in anatomy.inputs],
        "outputs": [_tensor(tensor) for tensor in anatomy.outputs],
        "precision": anatomy.precision,
        **_arithmetic(anatomy),
        "work": f"{_count(anatomy.macs)} multiply-accumulates, {_count(anatomy.parameters)} parameters",
        "weights": _listed(f"{dtype} {format_size(size)}" for dtype, size in anatomy.weight_bytes.items()),
        "operators": _listed(f"{kind} {count}" for kind, count in anatomy.op_counts.items()),
        "in float": _lines(_named(item, anatomy.macs) for item in anatomy.fallbacks),
        "engine": f"{execution.engine} {execution.summary}" if execution else UNKNOWN,
        "not fast": _not_fast(anatomy),
        "inside": _lines(f"{key}: {_shortened(value)}" for key, value in anatomy.metadata.items()),
        "notes": list(hints),
    }
    return {name: value for name, value in facts.items() if value}, everything


def _tensor(tensor: "TensorFacts") -> str:
    shape = ", ".join("?" if size is None else str(size) for size in tensor.shape)
    scale = "" if tensor.scale is None else f", scale {tensor.scale:.7g}, zero point {tensor.zero_point}"
    return f"{tensor.name}  {tensor.dtype} ({shape}){scale}"


def _arithmetic(anatomy: "Anatomy") -> dict[str, str]:
    """A line for each arithmetic: its share of the work and of the operators."""
    counts = Counter(operator.arithmetic for operator in anatomy.computing)
    shares = anatomy.mac_shares()
    return {
        str(name): f"{format_share(shares.get(str(name), 0.0) if shares else None)} of multiply-accumulates, "
        f"{count} of {anatomy.operators} operators"
        for name, count in sorted(counts.items(), key=lambda item: -shares.get(str(item[0]), 0.0))
    }


def _not_fast(anatomy: "Anatomy") -> list[str]:
    """A line for each reason, with the operators it holds for."""
    reasons: dict[str, list[str]] = {}
    for item in anatomy.not_accelerated or ():
        reasons.setdefault(item.why, []).append(_named(item, anatomy.macs))
    return [f"{why}: {_listed(names)}" for why, names in reasons.items()]


def _named(item: "Operator | SlowOperator", total: int | None) -> str:
    from edgetl.converters.anatomy.reading import label

    share = f" ({format_share(item.macs / total)})" if item.macs and total else ""
    return f"{label(item)}{share}"


def _count(number: int | None) -> str:
    if number is None:
        return UNKNOWN
    return f"{format_number(number / 1e6)} million" if number >= 100_000 else str(number)


def _listed(words: Iterable[str]) -> str:
    every = list(words)
    return ", ".join([*every[:_SHOWN], *([f"{len(every) - _SHOWN} more"] if len(every) > _SHOWN else [])])


def _lines(lines: Iterable[str]) -> list[str]:
    every = list(lines)
    more = [f"and {len(every) - _SHOWN} more: see --json"] if len(every) > _SHOWN else []
    return [*every[:_SHOWN], *more]


def _shortened(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _WIDTH else f"{line[:_WIDTH]} …"


def _read(path: Path) -> dict[str, bytes]:
    if path.suffix.lower() not in _MODELS:
        hint = ": give the .xml beside it" if path.suffix == ".bin" else ""
        raise UsageError(
            f"{path} is no model file{hint}: edgetl knows {', '.join(_MODELS)}, a run and a bundle"
        )
    paths = [path]
    if path.suffix.lower() == ".xml":
        paths.append(path.with_suffix(".bin"))
        if not paths[1].is_file():
            raise UsageError(f"{path} needs {paths[1].name} beside it")
    try:
        size, most = sum(part.stat().st_size for part in paths), limits.current().model_bytes
        if size > most:
            raise ModelError(
                f"{path} has {size} bytes and the limit for a model is {most}: "
                f"set {limits.variable('model_bytes')} higher"
            )
        return {part.name: part.read_bytes() for part in paths}
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}") from error
