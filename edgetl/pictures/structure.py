"""What the walks over picture files have in common."""

from edgetl import limits


class StructureError(ValueError):
    """A file is refused; the message goes on after its name. Never reaches the user as it is."""


def check_pixels(width: int, height: int, allowed: limits.Limits) -> None:
    """Refuse more pixels than are allowed.

    Raises:
        StructureError: there are more.
    """
    if width * height > allowed.picture_pixels:
        raise too_many_pixels(allowed, f"{width} x {height} pixels, ")


def too_many_pixels(allowed: limits.Limits, size: str = "") -> StructureError:
    """The error for a picture that is larger than allowed."""
    return StructureError(
        f"has {size}more than the limit of {allowed.picture_pixels / 1e6:g} million pixels: "
        f"make it smaller first, or set {limits.variable('picture_pixels')}"
    )


def damaged(reason: str) -> StructureError:
    """The error for a file that does not hold what it says."""
    return StructureError(f"cannot be decoded ({reason}): it is truncated or damaged")


def cut_off(reason: str) -> StructureError:
    """The error for a JPEG whose end is missing: the one kind that is taken where the caller says so."""
    return StructureError(
        f"cannot be decoded ({reason}): it is truncated or damaged; allow_truncated=True, or edgetl run "
        "--allow-truncated, takes it with grey for what is missing"
    )


def hostile(what: str) -> StructureError:
    """The error for what no camera or program writes and would take too long, or too much memory."""
    return StructureError(f"has {what}, as no camera writes it: open it in another program and save it anew")
