"""A job on one device, whatever becomes of it: the answer, or one kind of error with the device's name."""

from typing import TYPE_CHECKING

from edgetl.errors import DeviceError
from edgetl.progress import Progress
from edgetl.remote.address import Address
from edgetl.wording import said

if TYPE_CHECKING:
    from edgetl.remote.session import Ended, Job


async def attempt(address: Address, job: "Job", connect_s: float, progress: Progress) -> "Ended":
    """Log in and run a job.

    Args:
        address: the device.
        job: what to do.
        connect_s: seconds for a connection, from the name to the login.
        progress: hears what the device says, with its name.

    Raises:
        HostKeyError: the device's key is not trusted, and it got nothing.
        DeviceError: anything else; the sentence begins with the device.
    """
    from edgetl.remote import connection, session  # asyncssh, which may not be there

    def tell(line: str) -> None:
        if line.strip() and not line.startswith("next:"):
            progress.note(f"{address.text}: {line.strip()}")

    try:
        async with connection.connected(address, connect_s) as connected:
            return await session.run(connected, job, tell)
    except DeviceError as error:
        raise type(error)(f"{address.text} {error}") from error
    except Exception as error:  # whatever one device makes of a library costs no other's result
        words = f"{type(error).__name__}: {said(error)}"
        raise DeviceError(f"{address.text} failed in an unknown way ({words})") from error
