"""Writes arrays as an `.npz` file whose bytes depend on nothing but the arrays: NumPy's own writer adds the time."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

_DATES = (1980, 1, 1, 0, 0, 0)


def packed(arrays: Mapping[str, NDArray[Any]], *, compress: bool = True) -> bytes:
    """The content of the file.

    Args:
        arrays: by name; none of objects.
        compress: whether it is compressed, which float16 numbers that look random hardly are.
    """
    how = zipfile.ZIP_DEFLATED if compress else zipfile.ZIP_STORED
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w", how) as archive:
        for name, array in arrays.items():
            one = io.BytesIO()
            np.lib.format.write_array(one, np.ascontiguousarray(array).reshape(array.shape), allow_pickle=False)
            entry = zipfile.ZipInfo(f"{name}.npy", _DATES)
            entry.create_system, entry.external_attr = 3, 0o644 << 16
            archive.writestr(entry, one.getvalue(), how, 9)
    return whole.getvalue()
