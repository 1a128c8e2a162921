"""Photos that show the same: byte for byte, as altered copies, or taken at nearly the same moment.

1. ``thumbnails.py`` decodes each photo once, 128 x 128 grey.
2. ``space.py`` learns from the dataset which coarse structure tells its photos apart and survives a crop;
   ``candidates.py`` takes each photo's nearest in it, mirrored, turned and cropped too.
3. ``places.py`` says how one of a pair lies in the other, ``alignment.py`` makes that exact.
4. ``judging.py`` compares fine structure, tile by tile, and ``groups.py`` joins the pairs found.
"""

from edgetl.training.checking.duplicates.finding import find
from edgetl.training.checking.duplicates.groups import Group, Kind

__all__ = ["Group", "Kind", "find"]
