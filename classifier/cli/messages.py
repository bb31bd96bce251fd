"""What commands say beside their results: one line each, on standard error, with the command's name before it."""

from __future__ import annotations

import sys


def line(message: str) -> str:
    """The line that a message becomes."""
    return f"classifier: {message}"


def say(message: str) -> None:
    """Writes a message to standard error, if that is open."""
    if sys.stderr:
        print(line(message), file=sys.stderr, flush=True)
