"""Units at the edge: seconds, bytes and shares inside, words for people here."""

from edgetl.manifest import Interval

UNKNOWN = "–"


def format_duration(seconds: float | None) -> str:
    """``38.2 ms``: three digits, in milliseconds below a second; ``1.24 s`` above."""
    if seconds is None:
        return UNKNOWN
    if seconds < 0.9995:
        return f"{format_number(seconds * 1000)} ms"
    return f"{format_number(seconds)} s"


def format_duration_interval(interval: Interval | None) -> str:
    """``38.1 – 38.4 ms``: both ends in the unit of the larger."""
    if interval is None:
        return UNKNOWN
    scale, unit = (1000, "ms") if interval.high < 0.9995 else (1, "s")
    return f"{format_number(interval.low * scale)} – {format_number(interval.high * scale)} {unit}"


def format_size(size_bytes: int | None) -> str:
    """``4.6 MB``: decimal units, as storage is sold and files are listed."""
    if size_bytes is None:
        return UNKNOWN
    for unit, scale in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if size_bytes >= 0.9995 * scale:
            return f"{format_number(size_bytes / scale)} {unit}"
    return f"{size_bytes} bytes"


def format_share(share: float | None) -> str:
    """``94.8 %`` from 0.948."""
    return UNKNOWN if share is None else f"{100 * share:.1f} %"


def format_share_interval(interval: Interval | None) -> str:
    """``91.3 – 97.0 %`` from a share's interval."""
    return UNKNOWN if interval is None else f"{100 * interval.low:.1f} – {100 * interval.high:.1f} %"


def format_points(points: float | None) -> str:
    """``−0.3``: percentage points with their sign; 0 has none."""
    if points is None:
        return UNKNOWN
    text = f"{points:+.1f}"
    return "0.0" if text in ("+0.0", "-0.0") else text.replace("-", "−")


def format_number(value: float) -> str:
    """Three significant digits without exponent: ``0.214``, ``3.12``, ``38.2``, ``412``, ``12000``."""
    size = abs(value)
    digits = 0 if size >= 99.95 else 1 if size >= 9.995 else 2 if size >= 0.9995 else 3
    return f"{value:.{digits}f}"
