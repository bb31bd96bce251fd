"""Makes glibc, the C library of most Linux systems, return freed memory to the system instead of keeping it."""

from __future__ import annotations

import ctypes
import sys
from contextlib import suppress

LARGE = 4 << 20
"""Blocks of at least this many bytes, such as an upload, go back to the system as soon as they are freed."""
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3


def return_large_blocks() -> None:
    """Fixes the size from which freed blocks go back to the system at `LARGE`.

    By default glibc raises this size to that of the largest block freed so far: after an upload of 9 MB, it never
    returned the memory of the next one.
    """
    _call("mallopt", _M_MMAP_THRESHOLD, LARGE)
    # The call above also ends the automatic adjustment of this one, which would stay at its default of 128 KiB: small
    # amounts at the end of the heap would be returned and requested again all the time.
    _call("mallopt", _M_TRIM_THRESHOLD, 2 * LARGE)


def trim() -> None:
    """Returns all free memory to the system."""
    _call("malloc_trim", 0)


def _call(name: str, *arguments: int) -> None:
    if sys.platform == "linux":
        with suppress(OSError, AttributeError):  # musl does not have these functions
            getattr(ctypes.CDLL(None), name)(*arguments)
