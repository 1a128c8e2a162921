"""edgetl's own bill of materials."""

import json
import shutil
from pathlib import Path
from typing import Any

import package_sbom
import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packaging.requirements import Requirement

from edgetl import extras


@pytest.fixture(scope="module")
def document(wheel: Path) -> dict[str, Any]:
    return package_sbom.document(wheel)


def test_it_fits_the_official_schema(document: dict[str, Any]) -> None:
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(json.dumps(document)) is None


def test_the_same_wheel_gives_the_same_document(
    wheel: Path, document: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = shutil.copy(wheel, tmp_path)
    monkeypatch.setattr("sys.argv", ["package_sbom.py", str(copy)])
    assert package_sbom.main() == 0
    written = json.loads((tmp_path / "edgetl-0.1.0.cdx.json").read_text("utf-8"))
    assert written == document


def test_everything_that_is_declared_is_there_with_the_installed_version(
    wheel: Path, document: dict[str, Any]
) -> None:
    listed = {component["name"]: component for component in document["components"]}
    declared = [Requirement(line) for line in package_sbom.metadata_of(wheel).get_all("Requires-Dist") or ()]
    offered = package_sbom.metadata_of(wheel).get_all("Provides-Extra") or []
    for line in declared:
        here = [extra for extra in offered if extra not in package_sbom.LEFT_OUT]
        if line.name == "edgetl" or not any(package_sbom.holds(line, extra) for extra in ["", *here]):
            continue
        assert listed[line.name].get("version") == extras.version(line.name), line.name
    required = {name for name, component in listed.items() if component["scope"] == "required"}
    assert {"numpy", "pillow", "click"} <= required
    assert not {"tensorflow-cpu", "keras", "ai-edge-litert"} & required
    assert not {"pytest", "ruff", "uv"} & set(listed)


def test_every_reference_leads_to_a_component_and_every_component_is_needed(
    document: dict[str, Any],
) -> None:
    own = document["metadata"]["component"]["bom-ref"]
    refs = {own, *(component["bom-ref"] for component in document["components"])}
    graph = {row["ref"]: row["dependsOn"] for row in document["dependencies"]}
    assert set(graph) == refs
    reached, left = set(), [own]
    while left:
        if (ref := left.pop()) not in reached:
            reached.add(ref)
            left += graph[ref]
    assert reached == refs


def test_it_names_the_licences_as_the_packages_do(document: dict[str, Any]) -> None:
    licences = {component["name"]: component.get("licenses") for component in document["components"]}
    assert licences["click"] == [{"expression": "BSD-3-Clause"}]
    assert document["metadata"]["component"]["licenses"] == [{"expression": "Apache-2.0"}]
    silent = [component for component in document["components"] if not component.get("licenses")]
    assert all(component["properties"] for component in silent)
