"""What is really inside a model file: its true types, and which of its arithmetic is int8.

The file is read by a parser of its format (``tflite``, ``onnx``, ``openvino``), which
trusts no name and no note in it; then the engine, where it is installed, is asked what it makes of the
file (``execution``). Nothing is timed or run on pictures.
"""

import importlib
from collections.abc import Mapping
from dataclasses import replace

from edgetl.converters.anatomy.facts import (
    NAMED_FROM,
    Anatomy,
    Execution,
    Operator,
    SlowOperator,
    TensorFacts,
    label,
)
from edgetl.errors import ConversionError, EdgetlError, ModelError, UsageError

__all__ = [
    "NAMED_FROM",
    "Anatomy",
    "Execution",
    "Operator",
    "SlowOperator",
    "TensorFacts",
    "check",
    "hints",
    "label",
    "read",
]

CALLED_FROM = 0.5
"""A mixed model may still be called after an arithmetic that does at least this share of them."""

_READERS = {".tflite": "tflite", ".onnx": "onnx", ".xml": "openvino"}


def read(files: Mapping[str, bytes], *, ask_engine: bool = True) -> Anatomy:
    """Read a model file back.

    Args:
        files: its bytes by file name: ``model.tflite``; ``model.onnx``; ``model.xml`` and ``model.bin``.
        ask_engine: whether the engine is asked too what it makes of the file, in a process of its own.
            Without, or when the engine is not installed, what its fast path takes is unknown.

    Raises:
        UsageError: these are not the files of a model.
        ModelError: the file is damaged, or is no model of that format.
        MissingPackageError: the package that reads the format is not installed; the message names the extra.
    """
    name, format_ = _format(files)
    reader = importlib.import_module(f"edgetl.converters.anatomy.{format_}")
    try:
        anatomy: Anatomy = reader.read(files)
    except EdgetlError:
        raise
    except Exception as error:  # whatever a parser stumbles over in damaged bytes
        raise ModelError(
            f"{name} is damaged, or no {format_} model: {type(error).__name__}: {error}"
        ) from error
    if not ask_engine:
        return anatomy
    from edgetl.converters.anatomy import execution

    return replace(anatomy, execution=execution.ask(anatomy, files))


def check(anatomy: Anatomy, precision: str) -> None:
    """Refuse a file that is not what it is called.

    A file passes when :attr:`Anatomy.precision` is the precision it is called, or when it is mixed and at
    least :data:`CALLED_FROM` of its multiply-accumulates are of that precision.

    Raises:
        ConversionError: it is something else; the message has the share and the largest operators at fault.
    """
    share = anatomy.shares().get(precision, 0.0)
    if anatomy.precision == precision or (anatomy.precision == "mixed" and share >= CALLED_FROM):
        return
    at_fault = sorted(
        (operator for operator in anatomy.computing if operator.arithmetic != precision),
        key=lambda operator: -(operator.macs or 0),
    )
    total = anatomy.macs or 0
    named = ", ".join(
        f"{label(operator)} in {operator.arithmetic}"
        + (f" ({100 * (operator.macs or 0) / total:.1f} %)" if total else "")
        for operator in at_fault[:3]
    )
    more = f" and {len(at_fault) - 3} more" if len(at_fault) > 3 else ""
    raise ConversionError(
        f"the {anatomy.format} file is called {precision} and is {anatomy.precision}: "
        f"{100 * share:.1f} % of its {'multiply-accumulates' if total else 'operators'} are {precision}, "
        f"and at least {100 * CALLED_FROM:.0f} % must be; the largest others: {named}{more}"
    )


def hints(anatomy: Anatomy) -> tuple[str, ...]:
    """What a user of a model that edgetl did not write should know, in sentences."""
    found = []
    if len(anatomy.inputs) != 1:
        found.append(f"it has {len(anatomy.inputs)} inputs, so it is no plain image classifier")
    for tensor in anatomy.inputs:
        if None in tensor.shape[1:]:
            found.append(
                f"{tensor.name} has no fixed size, so engines cannot plan beforehand: export it with one"
            )
        if tensor.dtype.startswith(("float", "bfloat")):
            found.append(
                f"{tensor.name} takes {tensor.dtype}: the normalisation of pixels is outside the file"
            )
        elif tensor.dtype == "int8":
            found.append(f"{tensor.name} takes int8: pixels must be quantized outside the file")
        if len(tensor.shape) == 4 and tensor.shape[1] in (1, 3) and tensor.shape[3] not in (1, 3):
            found.append(f"{tensor.name} is NCHW, channels first: pixels come as (height, width, channels)")
        if tensor.shape and (tensor.shape[0] or 1) > 1 and len(tensor.shape) == 4:
            found.append(
                f"{tensor.name} takes {tensor.shape[0]} pictures at once, and the figures are for all"
            )
    if anatomy.outputs and len(anatomy.outputs[0].shape) != 2:
        found.append(f"{anatomy.outputs[0].name} is no list of classes, so it is no plain image classifier")
    return tuple(found)


def _format(files: Mapping[str, bytes]) -> tuple[str, str]:
    """The main file's name and its format."""
    for name, content in files.items():
        suffix = name[name.rfind(".") :].lower() if "." in name else ""
        if suffix in _READERS:
            if not content:
                raise ModelError(f"{name} is empty: copy or export it again")
            return name, _READERS[suffix]
    raise UsageError(f"{', '.join(files) or 'nothing'} is no model file: edgetl reads {', '.join(_READERS)}")
