"""What ``run.json`` and ``environment.json`` say, whatever kind of head was solved."""

import hashlib
import os
import platform
import sys
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import edgetl
from edgetl.contract import Contract
from edgetl.training import run
from edgetl.training.counts import outputs
from edgetl.training.dataset import SPLITS, Dataset
from edgetl.training.prepare import Prepared


def basis(
    prepared: Prepared,
    contract: Contract,
    photos: Dataset,
    unreadable: Mapping[Path, str],
    model: bytes,
    seed: int,
) -> dict[str, Any]:
    """All of ``run.json`` that does not depend on how the head was solved."""
    choice = prepared.choice
    return {
        "schema": run.SCHEMA,
        "created": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "edgetl": edgetl.__version__,
        "contract": contract.to_dict(),
        "backbone": {"name": choice.name, "size": choice.size, "width": choice.width},
        "weights": {**asdict(choice.weights), "path": str(choice.weights.path)},
        "features": {"engine": prepared.engine, "key": prepared.key},
        "dataset": _of_dataset(photos, unreadable),
        "model_sha256": hashlib.sha256(model).hexdigest(),
        "seed": seed,
    }


def environment() -> dict[str, Any]:
    """The machine and the libraries of a training."""
    return {
        "python": sys.version.split()[0],
        "platform": platform.platform(),
        "machine": platform.machine(),
        "cores": os.cpu_count(),
        "libraries": run.library_versions(),
    }


def _of_dataset(photos: Dataset, unreadable: Mapping[Path, str]) -> dict[str, Any]:
    counts = Counter(label for photo in photos.photos for label in outputs(photos, photo))
    return {
        "root": str(photos.root.resolve()),
        "fingerprint": photos.fingerprint,
        "photos": {split: len(photos.split(split)) for split in SPLITS},
        "classes": {photos.labels[label]: count for label, count in sorted(counts.items())},
        "skipped": {str(path): reason for path, reason in unreadable.items()},
    }
