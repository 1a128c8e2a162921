"""Every section a page can have. All take plain values and give a ``page.Section``."""

from edgetl.reports.accuracy import accuracy
from edgetl.reports.bench import bench
from edgetl.reports.confusion import confusion, confusion_svg
from edgetl.reports.facts import facts
from edgetl.reports.pictures import pictures
from edgetl.reports.variants import variants

__all__ = ["accuracy", "bench", "confusion", "confusion_svg", "facts", "pictures", "variants"]
