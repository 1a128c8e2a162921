"""What the backbone says of each picture: computed once, on all cores, and kept on disk.

| module | says |
| --- | --- |
| ``extraction.py`` | which pictures are still to be computed, and how |
| ``decoding.py`` | how work on pictures is spread over the cores |
| ``views.py`` | which views of a picture there are: as it is, mirrored, a part of it |
| ``table.py`` | rows by the SHA-256 of the picture, read as they are asked for |
| ``shards.py``, ``merging.py`` | the files, which survive a kill, and how many become few |
"""

from edgetl.training.features.decoding import decode_all, on_all_cores
from edgetl.training.features.extraction import extract, warn_unreadable
from edgetl.training.features.table import FeatureTable

__all__ = ["FeatureTable", "decode_all", "extract", "on_all_cores", "warn_unreadable"]
