"""How many file descriptors this process may have open: sockets, files, pipes."""

from __future__ import annotations

import os
from pathlib import Path

try:
    import resource
except ImportError:  # Windows, where there is no such limit
    resource = None  # type: ignore[assignment]

_UNLIMITED = 1 << 16  # asked for where there is no hard limit


def raise_limit() -> int:
    """Raises the limit as far as this process may raise it.

    Returns:
        The limit that now holds.
    """
    if resource is None:
        return _UNLIMITED
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _UNLIMITED if hard == resource.RLIM_INFINITY else hard
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return _UNLIMITED if soft == resource.RLIM_INFINITY else soft
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    except (OSError, ValueError):  # macOS takes less than what it calls the hard limit
        return soft
    return wanted


def open_descriptors(folder: Path = Path("/dev/fd")) -> int:
    """How many are open now; a guess where the system does not tell.

    Args:
        folder: which has an entry for each.
    """
    try:
        return len(os.listdir(folder)) - 1  # one of them is the listing's own
    except OSError:
        return 32
