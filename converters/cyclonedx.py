"""The frame of a bill of materials: CycloneDX 1.6 as plain JSON values.

CycloneDX's own library (11.12) cannot say model cards; the tests have it hold the result against the official
schema.
"""

import json
import re
import uuid
from collections.abc import Mapping
from typing import Any, TypeAlias

Component: TypeAlias = "dict[str, Any]"


def sealed(
    subject: Component,
    components: list[Component],
    depends: Mapping[str, list[str]],
    *,
    created: str | None,
    edgetl: str,
) -> dict[str, Any]:
    """A whole document around components.

    Args:
        subject: what the document is about.
        components: what it is made of.
        depends: by ``bom-ref``: those of what it needs. Components that are not named need nothing known.
        created: UTC, ISO 8601; None says nothing of it.
        edgetl: the version that says all this.

    Returns:
        JSON values. The serial number is a name of the content: other content, another number.
    """
    value = {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            **({"timestamp": created} if created else {}),
            "tools": {"components": [{"type": "application", "name": "edgetl", "version": edgetl}]},
            "component": subject,
        },
        "components": components,
        "dependencies": [{"ref": ref, "dependsOn": needed} for ref, needed in sorted(depends.items())],
    }
    text = json.dumps(value, sort_keys=True, allow_nan=False)
    return {**value, "serialNumber": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_OID, text)}"}


def library(name: str, version: str, *, scope: str) -> Component:
    """A distribution of the Python package index; ``scope`` is ``required``, ``optional`` or ``excluded``."""
    purl = package_url(name, version)
    parts = {"name": name, "version": version, "scope": scope, "purl": purl}
    return {"type": "library", "bom-ref": purl, **parts}


def package_url(name: str, version: str) -> str:
    """How a distribution is named across tools: ``pkg:pypi/NAME@VERSION``, the name as PEP 503 writes it."""
    return f"pkg:pypi/{re.sub(r'[-_.]+', '-', name).lower()}@{version.replace('+', '%2B')}"


def properties(values: Mapping[str, object]) -> list[dict[str, str]]:
    """What the format has no word for, under our prefix; unknown values are left out."""
    return [
        {"name": f"edgetl:{name}", "value": str(value)} for name, value in values.items() if value is not None
    ]


def hashes(sha256: str) -> list[dict[str, str]]:
    """The hash of a file, 64 hexadecimal digits."""
    return [{"alg": "SHA-256", "content": sha256}]
