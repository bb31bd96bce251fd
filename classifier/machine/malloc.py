"""What the C library keeps of memory that was freed, where that is glibc: as little as serves the next picture."""

from __future__ import annotations

import ctypes
import sys
from contextlib import suppress

LARGE = 4 << 20
"""Bytes from which a block, an upload say, goes back to the system by itself as soon as it is freed."""
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3


def return_large_blocks() -> None:
    """Fixes what is large. glibc would count as large, and return, only what is larger than all that was freed before.

    After an upload of 9 MB it kept the place of the next one for good.
    """
    _call("mallopt", _M_MMAP_THRESHOLD, LARGE)
    # Else it would now return, and ask for again, every bit at the end.
    _call("mallopt", _M_TRIM_THRESHOLD, 2 * LARGE)


def trim() -> None:
    """Returns all that is free."""
    _call("malloc_trim", 0)


def _call(name: str, *arguments: int) -> None:
    if sys.platform == "linux":
        with suppress(OSError, AttributeError):  # musl has no such calls
            getattr(ctypes.CDLL(None), name)(*arguments)
