"""The only package that writes: a file or folder is whole or absent, also after a kill or a power cut.

| module | says |
| --- | --- |
| ``single.py`` | files: written beside their place, flushed to the disk, renamed |
| ``folders.py`` | the same for folders, which change places with the old one in one step |
| ``log.py`` | a file that grows, and a place that one process holds |
| ``leftovers.py`` | how half-written things are called, and how those of a dead process go |
| ``explaining.py`` | what the operating system refuses, in a sentence |

All of them change the disk through ``edgetl.disk`` alone, in whose place the tests put a failing one.
"""

from edgetl.files.folders import new_folder, refuse_place, remove_folder, scratch_folder
from edgetl.files.leftovers import recover, remove_leftovers, remove_stale
from edgetl.files.log import Log, lock
from edgetl.files.single import (
    make_folders,
    move,
    new_array,
    new_file,
    remove,
    remove_empty,
    try_file,
    write_arrays,
    write_bytes,
    write_json,
    write_pieces,
    write_text,
)

__all__ = [
    "Log",
    "lock",
    "make_folders",
    "move",
    "new_array",
    "new_file",
    "new_folder",
    "recover",
    "refuse_place",
    "remove",
    "remove_empty",
    "remove_folder",
    "remove_leftovers",
    "remove_stale",
    "scratch_folder",
    "try_file",
    "write_arrays",
    "write_bytes",
    "write_json",
    "write_pieces",
    "write_text",
]
