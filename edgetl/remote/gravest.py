"""One ending for several devices: the gravest of theirs."""

from collections.abc import Sequence

from edgetl.errors import DeviceError, EdgetlError, GateError, HostKeyError


def gravest(errors: Sequence[EdgetlError], sentence: str | None = None) -> EdgetlError:
    """All sentences in one error, whose exit code is the one that a script must hear of first.

    A host key that is not trusted (4) may be an attack, which no other device's broken cable may hide; then
    come failures (1); that a gate said no (3) is the ending only where nothing else went wrong.

    Args:
        errors: of the devices, at least one.
        sentence: to say instead, where each device's own was told already.
    """
    sentence = sentence or "; ".join(map(str, errors))
    if any(isinstance(error, HostKeyError) for error in errors):
        return HostKeyError(sentence)
    if all(isinstance(error, GateError) for error in errors):
        return GateError(sentence)
    return DeviceError(sentence)
