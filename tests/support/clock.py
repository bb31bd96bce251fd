"""A clock that goes on only when a test says so."""

from __future__ import annotations


class Clock:
    """Gives the time in seconds."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now
