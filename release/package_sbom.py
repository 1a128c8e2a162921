"""Write edgetl's own bill of materials, CycloneDX 1.6, beside its wheel.

    .venv/bin/python release/package_sbom.py dist/edgetl-0.1.0-py3-none-any.whl    # as make wheels does

What ``edgetl`` and its extras declare, all the way down: name, version and licence of each distribution as it
is installed here, where the release was tested, and what it needs itself. A board's versions are those of
``locks/``. What is declared and not installed here has no version, but the range that it may have.
"""

import hashlib
import importlib.metadata
import sys
from email import message_from_string
from email.message import Message
from email.parser import BytesParser
from pathlib import Path
from typing import Any
from zipfile import ZipFile

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from edgetl import files
from edgetl.converters import cyclonedx

LEFT_OUT = ("dev", "train-gpu")
"""Extras that are no part of the product, or another build of one that is."""


def main() -> int:
    """Write the document of the wheel that was named."""
    if len(sys.argv) != 2:
        sys.exit(
            "error: name edgetl's wheel, as in release/package_sbom.py dist/edgetl-0.1.0-py3-none-any.whl"
        )
    wheel = Path(sys.argv[1])
    place = wheel.with_name("-".join(wheel.name.split("-")[:2]) + ".cdx.json")
    files.write_json(place, document(wheel))
    print(place)
    return 0


def document(wheel: Path) -> dict[str, Any]:
    """The bill of materials of a wheel of edgetl, as JSON values."""
    metadata = metadata_of(wheel)
    own = cyclonedx.package_url("edgetl", metadata["Version"])
    components: dict[str, cyclonedx.Component] = {}
    depends: dict[str, set[str]] = {own: set()}
    offered = metadata.get_all("Provides-Extra") or []
    # Those that are required come last and are taken first: what is reached from both is required.
    left = [
        (own, line, "optional" if extra else "required")
        for extra in [*(name for name in offered if name not in LEFT_OUT), ""]
        for line in wanted(metadata, extra)
        if line.name != "edgetl"  # an extra that names others, which are gone through as they are
    ]
    seen = set()
    while left:
        needed_by, requirement, scope = left.pop()
        component, needs = described(requirement, scope)
        ref = component["bom-ref"]
        components.setdefault(ref, component)
        depends.setdefault(ref, set())
        depends[needed_by].add(ref)
        if (ref, *sorted(requirement.extras)) not in seen:
            seen.add((ref, *sorted(requirement.extras)))
            left += [(ref, line, scope) for line in needs]
    return cyclonedx.sealed(
        {
            "type": "application",
            "bom-ref": own,
            "name": "edgetl",
            "version": metadata["Version"],
            "description": metadata["Summary"],
            "hashes": cyclonedx.hashes(hashlib.sha256(wheel.read_bytes()).hexdigest()),
            "licenses": [{"expression": metadata["License-Expression"]}],
            "purl": own,
        },
        [components[ref] for ref in sorted(components)],
        {ref: sorted(needed) for ref, needed in depends.items()},
        # No time: the same wheel in the same environment gives the same document.
        created=None,
        edgetl=metadata["Version"],
    )


def metadata_of(wheel: Path) -> Message:
    """What a wheel says of itself."""
    with ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        return BytesParser().parsebytes(archive.read(name))


def wanted(metadata: Message, extra: str) -> list[Requirement]:
    """What a distribution requires in this environment, without an extra or by one alone."""
    lines = map(Requirement, metadata.get_all("Requires-Dist") or ())
    return [line for line in lines if holds(line, extra) and not (extra and holds(line, ""))]


def holds(requirement: Requirement, extra: str) -> bool:
    """Whether a requirement's marker holds here."""
    return requirement.marker is None or requirement.marker.evaluate({"extra": extra})


def described(requirement: Requirement, scope: str) -> tuple[cyclonedx.Component, list[Requirement]]:
    """A distribution as a component, and what it requires itself."""
    name = canonicalize_name(requirement.name)
    try:
        text = importlib.metadata.distribution(name).read_text("METADATA") or ""
    except importlib.metadata.PackageNotFoundError:
        range_ = cyclonedx.properties({"range": str(requirement.specifier) or None, "installed": "no"})
        purl = f"pkg:pypi/{name}"
        parts = {"name": name, "scope": scope, "purl": purl, "properties": range_}
        return {"type": "library", "bom-ref": purl, **parts}, []
    metadata = message_from_string(text)
    component = cyclonedx.library(name, metadata["Version"], scope=scope)
    needs = [line for extra in ("", *sorted(requirement.extras)) for line in wanted(metadata, extra)]
    return component | licences(metadata), needs


def licences(metadata: Message) -> cyclonedx.Component:
    """The licence as the distribution tells it: SPDX's expression, or its own words."""
    if expression := metadata["License-Expression"]:
        return {"licenses": [{"expression": expression}]}
    told = metadata["License"] or ""
    classifiers = metadata.get_all("Classifier") or ()
    # "License :: OSI Approved" alone names none.
    names = [
        parts[2]
        for line in classifiers
        if line.startswith("License ::") and len(parts := line.split(" :: ")) > 2
    ]
    # Some put the whole text of the licence there, instead of its name.
    names = names or ([told] if told not in ("", "UNKNOWN") and "\n" not in told else [])
    if not names:
        return {"properties": cyclonedx.properties({"licence": "unknown"})}
    return {"licenses": [{"license": {"name": name}} for name in sorted(set(names))]}


if __name__ == "__main__":
    sys.exit(main())
