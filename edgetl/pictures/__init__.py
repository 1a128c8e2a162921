"""What :mod:`edgetl.images` knows of picture files: read, walk and turn into 8 bits.

``jpeg``, ``png``, ``gif``, ``webp``, ``bmp`` and ``tiff`` each have ``check(data, limits)``, which walks the
structure of a file before Pillow sees it, in time and memory that do not depend on what the file claims.
Pillow parses most structures in Python and trusts counts and offsets, so some files of a few
megabytes keep it busy for a quarter of a minute; such a structure is refused. What is damaged is left to it.
"""
