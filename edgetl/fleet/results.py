"""What came of a push, device by device."""

import re
from dataclasses import asdict, dataclass
from typing import Any, Literal, TypeAlias

from edgetl import strict_json
from edgetl.errors import BundleError, DeviceError, EdgetlError, GateError, HostKeyError
from edgetl.wording import said

State: TypeAlias = Literal["active", "up to date", "refused", "failed", "untrusted", "untouched"]
"""``active``: installed, tested and used now. ``up to date``: it was used before already. ``refused``: the
self-test or the latency budget said no, and the version before is used on. ``failed``: it could not be
reached, or could not install. ``untrusted``: its host key is not. ``untouched``: its wave did not begin."""
MOST_ANSWER_BYTES = 64_000
STOPPED = "stopped from here"
"""Why a device failed or is untouched when somebody ended the push."""
_DIGEST = re.compile("[0-9a-f]{64}")


@dataclass(frozen=True)
class Pushed:
    """One device."""

    device: str
    """As it was asked for."""
    wave: int
    """From 1."""
    state: State
    active: str | None = None
    """SHA-256 of the manifest of the version that is used there now; None: unknown or none."""
    previous: str | None = None
    """Likewise of the version that ``edgetl rollback`` goes back to there."""
    store: str | None = None
    """Folder on the device; None: unknown."""
    seconds: float | None = None
    """From the connection to the answer; None where there was none."""
    reason: str | None = None
    """Why it is not active, in a sentence."""
    error: EdgetlError | None = None
    """The same as an error with the device's name; None where all is well, or nothing was tried."""

    @property
    def is_well(self) -> bool:
        """Whether the device uses the version that was pushed."""
        return self.state in ("active", "up to date")

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        value = asdict(self)
        del value["error"]
        return value


@dataclass(frozen=True)
class PushReport:
    """All devices of a push, in the order of their waves."""

    bundle: str
    digest: str
    """SHA-256 of the manifest that was pushed."""
    devices: tuple[Pushed, ...]

    @property
    def errors(self) -> list[EdgetlError]:
        """One for each device that was tried and is not well."""
        return [one.error for one in self.devices if one.error is not None]

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        devices = [one.to_dict() for one in self.devices]
        return {"bundle": self.bundle, "digest": self.digest, "devices": devices}


class PushStopped(KeyboardInterrupt):
    """Somebody ended the push."""

    def __init__(self, report: PushReport) -> None:
        """Keep what was done.

        Args:
            report: has every device: those that were under way ``failed``, those that had not begun
                ``untouched``.
        """
        super().__init__(STOPPED)
        self.report = report


def failed(device: str, wave: int, error: DeviceError) -> Pushed:
    """The result of a device that was lost or not reached.

    Args:
        device: as it was asked for.
        wave: from 1.
        error: its sentence begins with the device.
    """
    state: State = "untrusted" if isinstance(error, HostKeyError) else "failed"
    return Pushed(device, wave, state, reason=str(error).removeprefix(f"{device} "), error=error)


def answered(
    device: str, wave: int, digest: str, code: int, output: bytes, last_words: str, seconds: float
) -> Pushed:
    """The result of a device whose ``edgetl install`` ended.

    Args:
        device: as it was asked for.
        wave: from 1.
        digest: of the version that was pushed.
        code: exit code.
        output: its stdout: one JSON object.
        last_words: the last line of its stderr.
        seconds: that it took.
    """
    try:
        value = strict_json.read(output, "its answer", max_bytes=MOST_ANSWER_BYTES) if output.strip() else {}
        if not isinstance(value, dict):
            raise BundleError("its answer is no object")
    except BundleError as nonsense:
        value, last_words, code = {}, f"answers nonsense: {said(nonsense)}", code or 1
    active, previous = _digest(value.get("active")), _digest(value.get("previous"))
    store = said(value["store"]) if isinstance(value.get("store"), str) else None
    words = last_words.removeprefix("error: ").removeprefix("Error: ")
    if code == 0 and active == digest:
        state: State = "up to date" if value.get("state") == "up to date" else "active"
        return Pushed(device, wave, state, active, previous, store, seconds)
    if code == 0:
        words = "says that it is done, and does not use the version that was sent"
    elif isinstance(value.get("reason"), str):
        words = said(value["reason"])
    reason = words or f"edgetl install ended there with code {code}"
    kind, state = (GateError, "refused") if code == GateError.exit_code else (DeviceError, "failed")
    error = kind(f"{device}: {reason}")
    return Pushed(device, wave, state, active, previous, store, seconds, reason, error)


def _digest(value: object) -> str | None:
    return value if isinstance(value, str) and _DIGEST.fullmatch(value) else None
