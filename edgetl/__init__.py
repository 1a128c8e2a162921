"""From a folder of photos to a verified model on the board, and to numbers you can believe.

On a device: ``edgetl.load("flowers.edgetl").classify("photo.jpg")``. On a workstation:
:func:`edgetl.check`, :func:`edgetl.explore`, :func:`edgetl.train`, :func:`edgetl.export`,
:func:`edgetl.verify`, :func:`edgetl.bench`, :func:`edgetl.compare`, :func:`edgetl.estimate`,
:func:`edgetl.sign`, :func:`edgetl.pack`, :func:`edgetl.push`. For updates on a device:
:func:`edgetl.install`, :func:`edgetl.activate`, :func:`edgetl.rollback`, :func:`edgetl.status`,
:func:`edgetl.gc`. Importing edgetl loads none of the engines and nothing of TensorFlow.
"""

import importlib
from typing import TYPE_CHECKING, Any

from edgetl.errors import EdgetlError

if TYPE_CHECKING:
    from edgetl.benchmarks.comparing.compare import compare as compare
    from edgetl.benchmarks.estimate.predicting import estimate as estimate
    from edgetl.benchmarks.measure import bench as bench
    from edgetl.converters.export import export as export
    from edgetl.fleet.push import push as push
    from edgetl.runtime.classifier import load as load
    from edgetl.runtime.doctor import doctor as doctor
    from edgetl.runtime.verify import verify as verify
    from edgetl.signing.signer import sign as sign
    from edgetl.training.checking.check import check as check
    from edgetl.training.exploring.explore import explore as explore
    from edgetl.training.train import train as train
    from edgetl.updating.activate import activate as activate
    from edgetl.updating.activate import rollback as rollback
    from edgetl.updating.install import install as install
    from edgetl.updating.pack import pack as pack
    from edgetl.updating.store import gc as gc
    from edgetl.updating.store import status as status

__version__ = "0.1.0"

# Loaded when first asked for, so that `import edgetl` stays light on a board.
_LAZY = {
    "activate": "edgetl.updating.activate",
    "bench": "edgetl.benchmarks.measure",
    "check": "edgetl.training.checking.check",
    "compare": "edgetl.benchmarks.comparing.compare",
    "doctor": "edgetl.runtime.doctor",
    "explore": "edgetl.training.exploring.explore",
    "estimate": "edgetl.benchmarks.estimate.predicting",
    "export": "edgetl.converters.export",
    "gc": "edgetl.updating.store",
    "install": "edgetl.updating.install",
    "load": "edgetl.runtime.classifier",
    "pack": "edgetl.updating.pack",
    "push": "edgetl.fleet.push",
    "rollback": "edgetl.updating.activate",
    "sign": "edgetl.signing.signer",
    "status": "edgetl.updating.store",
    "train": "edgetl.training.train",
    "verify": "edgetl.runtime.verify",
}

__all__ = ["EdgetlError", "__version__", *_LAZY]


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module 'edgetl' has no attribute {name!r}")
    return getattr(importlib.import_module(_LAZY[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_LAZY})
