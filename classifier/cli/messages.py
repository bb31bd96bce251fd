"""Messages that commands print beside their results: one line each, on standard error, after the command's name."""

from __future__ import annotations

import sys


def line(message: str) -> str:
    """A message as the line that is printed."""
    return f"classifier: {message}"


def say(message: str) -> None:
    """Writes a message to standard error, if that is open."""
    if sys.stderr:
        print(line(message), file=sys.stderr, flush=True)
