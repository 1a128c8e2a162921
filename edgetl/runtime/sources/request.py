"""What the parent asks of the child process that takes the pictures."""

import dataclasses
import json
from typing import Any, Literal, TypeAlias

from edgetl.errors import CameraError, DatasetError, EdgetlError

Kind: TypeAlias = Literal["picamera", "device", "rtsp", "http", "video"]


@dataclasses.dataclass(frozen=True)
class Request:
    """Which pictures are wanted."""

    kind: Kind
    name: str
    """For messages and frames; holds no password."""
    where: str = dataclasses.field(repr=False)
    """The device, file or URL; a URL may hold a password, so this is never shown."""
    width: int
    height: int
    paced: bool = False
    """Whether a video is played at its own speed."""

    @property
    def live(self) -> bool:
        """Whether the pictures come at their own pace."""
        return self.kind != "video"

    @property
    def error(self) -> type[EdgetlError]:
        """What to raise when it gives no pictures."""
        return CameraError if self.live else DatasetError

    def to_line(self) -> bytes:
        """As one line of JSON."""
        return json.dumps(dataclasses.asdict(self)).encode() + b"\n"

    @classmethod
    def from_line(cls, line: bytes) -> "Request":
        """The inverse of :meth:`to_line`."""
        values: dict[str, Any] = json.loads(line)
        return cls(**values)
