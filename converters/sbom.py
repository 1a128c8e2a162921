"""The bundle's bill of materials, CycloneDX 1.6: what its models were made of, each file with its SHA-256.

A function of the manifest alone, so one manifest gives the same bytes. It names every file that the
manifest's fields name; not the manifest itself, which may name this file.
"""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from edgetl import files
from edgetl.converters.cyclonedx import Component, hashes, library, package_url, properties, sealed
from edgetl.manifest import FileEntry, Interval, Manifest, Variant
from edgetl.training import backbones

NAME = "sbom.cdx.json"
_PACKAGE = re.compile(r"package (?P<name>[A-Za-z0-9._-]+) (?P<version>[A-Za-z0-9.!+_-]+)")
_BUNDLE = "bundle"


def write(folder: Path, manifest: Manifest) -> None:
    """Write ``sbom.cdx.json`` into the folder that becomes the bundle.

    Raises:
        WriteError: the disk is full.
    """
    files.write_json(folder / NAME, document(manifest))


def document(manifest: Manifest) -> dict[str, Any]:
    """The bill of materials of the bundle with this manifest, as JSON values."""
    sources = [*_base(manifest.provenance), *_data(manifest)]
    models = [_model(manifest, variant) for variant in manifest.variants]
    golden = manifest.golden
    beside = [*golden.pictures, golden.expected, *([manifest.exemplars] if manifest.exemplars else [])]
    kept = [_file(entry) for entry in beside]
    libraries = [
        # Excluded: they made the models and are not in the bundle.
        library(name, version, scope="excluded")
        for name, version in sorted(manifest.provenance.get("libraries", {}).items())
        if name != "edgetl"
    ]
    return sealed(
        {
            "type": "machine-learning-model",
            "bom-ref": _BUNDLE,
            "name": manifest.name,
            "version": manifest.created,
            "description": f"A bundle of edgetl: {len(models)} variants of one image classifier.",
            "properties": properties({"pick": manifest.pick, "seed": manifest.provenance.get("seed")}),
        },
        [*models, *sources, *kept, *libraries],
        {
            _BUNDLE: sorted(component["bom-ref"] for component in (*models, *kept)),
            **{f"variant:{variant.name}": _made_of(variant, sources) for variant in manifest.variants},
        },
        created=manifest.created,
        edgetl=manifest.edgetl,
    )


def _model(manifest: Manifest, variant: Variant) -> Component:
    contract, score, arithmetic = manifest.contract, variant.score, variant.arithmetic
    parameters: dict[str, Any] = {"task": "image classification"}
    if backbone := manifest.provenance.get("backbone"):
        parameters["modelArchitecture"] = (
            f"{backbone['name']}, {backbone['size']} px, width {backbone['width']:g}"
        )
    parameters["datasets"] = [
        {"ref": component["bom-ref"]}
        for component in _data(manifest)
        if component["bom-ref"] in ("data:dataset", "data:scored")
    ]
    parameters["inputs"] = [{"format": f"uint8 (n, {contract.height}, {contract.width}, 3), RGB"}]
    parameters["outputs"] = [{"format": f"float32 (n, {len(contract.labels)}), probabilities"}]
    card: dict[str, Any] = {"modelParameters": parameters}
    if score is not None:
        kind = "F1" if manifest.tasks else "accuracy"
        card["quantitativeAnalysis"] = {
            "performanceMetrics": [
                _metric(kind, score.split, score.accuracy),
                _metric(f"drop of {kind} from the float model, percentage points", score.split, score.drop),
            ]
        }
    return {
        "type": "machine-learning-model",
        "bom-ref": f"variant:{variant.name}",
        "name": f"{manifest.name}/{variant.name}",
        "version": manifest.created,
        "components": [_file(entry) for entry in variant.files],
        "modelCard": card,
        "properties": properties(
            {
                "format": variant.format,
                "precision": variant.precision,
                "recipe": variant.recipe or None,
                "arithmetic": arithmetic and arithmetic.precision,
                "int8_macs": arithmetic and arithmetic.int8_macs,
                "refused": variant.refused,
            }
        ),
    }


def _made_of(variant: Variant, sources: Sequence[Component]) -> list[str]:
    # Float32 is the one precision whose weights nobody rounds by photos.
    left_out = {"data:scored", *(["data:calibration"] if variant.precision == "float32" else [])}
    return sorted({component["bom-ref"] for component in sources} - left_out)


def _metric(kind: str, split: str, figure: Interval) -> dict[str, Any]:
    bounds = {"lowerBound": repr(figure.low), "upperBound": repr(figure.high)}
    return {"type": kind, "value": repr(figure.value), "slice": split, "confidenceInterval": bounds}


def _file(entry: FileEntry) -> Component:
    return {
        "type": "file",
        "bom-ref": f"file:{entry.path}",
        "name": entry.path,
        "hashes": hashes(entry.sha256),
        "properties": properties({"size_bytes": entry.size_bytes}),
    }


def _base(provenance: Mapping[str, Any]) -> list[Component]:
    """What the model began with: the weights of a run's backbone, or the user's own model."""
    if "weights" in provenance:
        weights, name = provenance["weights"], provenance.get("backbone", {}).get("name", "backbone")
        package = _PACKAGE.fullmatch(weights["source"])
        return [
            {
                "type": "machine-learning-model",
                "bom-ref": "weights",
                "name": name,
                **({"version": package["version"]} if package else {}),
                "description": f"Weights the training began with: {weights['source']}",
                **_hashed(weights.get("sha256")),
                **_licensed(weights.get("licence")),
                **({"purl": package_url(package["name"], package["version"])} if package else {}),
            }
        ]
    if "model" in provenance:
        model = provenance["model"]
        return [
            {
                "type": "machine-learning-model",
                "bom-ref": "model",
                "name": model["file"],
                "description": f"The user's own model ({model['kind']}), of unknown making",
                **_hashed(model.get("sha256")),
                **_licensed(None),
            }
        ]
    return []


def _data(manifest: Manifest) -> list[Component]:
    told = {
        "dataset": "The photos and labels it was trained on",
        "calibration": "The photos that chose how weights are rounded, and the ranges of int8",
        "scored": "The photos that each variant was scored on",
    }
    found = []
    for key, description in told.items():
        facts = manifest.provenance.get(key, {})
        if facts and facts.get("images") != 0:
            counts = {name: value for name, value in facts.items() if not isinstance(value, dict)}
            photos = {f"photos.{split}": count for split, count in facts.get("photos", {}).items()}
            contents = {"properties": properties({**counts, **photos})}
            found.append(
                {
                    "type": "data",
                    "bom-ref": f"data:{key}",
                    "name": f"{manifest.name}: {key}",
                    "description": description,
                    "data": [{"type": "dataset", "name": key, "contents": contents}],
                }
            )
    return found


def _licensed(licence: str | None) -> Component:
    if licence is None:
        return {"properties": properties({"licence": "unknown"})}
    # Those of our table are SPDX's names; of another nobody has said so.
    known = {backbone.licence for backbone in backbones.TABLE.values()}
    return {"licenses": [{"license": {"id" if licence in known else "name": licence}}]}


def _hashed(sha256: str | None) -> Component:
    return {"hashes": hashes(sha256)} if sha256 else {}
