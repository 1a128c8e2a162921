"""Arrays from a file that may be damaged or hostile."""

import io
import zipfile
from collections.abc import Iterable, Mapping

import numpy as np
from numpy.typing import NDArray

Arrays = Mapping[str, NDArray[np.generic]]


class Archive:
    """An ``.npz`` whose arrays are read when they are asked for."""

    def __init__(self, data: bytes, names: Iterable[str], *, most_bytes: int) -> None:
        """Look into the archive.

        Args:
            data: the bytes of the file.
            names: the arrays it has, no more and no fewer.
            most_bytes: how large all of them may be together, unpacked.

        Raises:
            ValueError: it is no such archive.
        """
        try:
            with zipfile.ZipFile(io.BytesIO(data)) as archive:
                sizes = {item.filename: item.file_size for item in archive.infolist()}
        except Exception as error:
            raise ValueError(f"it is no NumPy archive: {error}") from error
        if set(sizes) != {f"{name}.npy" for name in names}:
            raise ValueError(f"it holds {', '.join(sorted(sizes)) or 'nothing'}")
        if sum(sizes.values()) > most_bytes:
            raise ValueError(f"it unpacks to {sum(sizes.values())} bytes, more than {most_bytes}")
        self._data = data

    def read(self, name: str, dtype: type[np.generic], dimensions: int) -> NDArray[np.generic]:
        """One array of that type and number of dimensions, all of it numbers and finite.

        Raises:
            ValueError: it is damaged, or another kind of array.
        """
        try:
            # Its checksum (CRC-32) is compared when it has been read to the end.
            with np.load(io.BytesIO(self._data), allow_pickle=False) as arrays:
                values: NDArray[np.generic] = arrays[name]
        except Exception as error:
            raise ValueError(f"{name} cannot be read: {error}") from error
        if values.dtype != dtype or values.ndim != dimensions:
            raise ValueError(f"{name} is {values.dtype} {values.shape}")
        if np.issubdtype(values.dtype, np.floating) and not np.isfinite(values).all():
            raise ValueError(f"{name} has values that are no numbers")
        return values
