"""One budget for the bytes of all pictures in memory: those arriving, those worked on, and those that visits hold.

Each request has a limit of its own; this bounds what all of them take together. A request that does not fit is refused
at once, since a waiting one would need memory, too. Everything here runs on the event loop.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache
from typing import Self

from classifier.errors import ClassifierError
from web.errors import TooMuchSentError
from web.models import models
from web.streamlit_internals.sessions import upload_bytes

FRAMING = 100 * 1024
"""Boundaries and part headers of a form, for which the limits in bytes make room: about 1 kB for each of 100 files."""


class Budget:
    """Bytes that may be in memory at a time: reserved by requests under way, or held elsewhere.

    Attributes:
        full: makes the error to raise when the budget is full.
        reserved: bytes reserved by requests under way; see `Reservation`.
    """

    def __init__(
        self,
        size: int | Callable[[], int],
        full: Callable[[], ClassifierError],
        held: Callable[[], float] = lambda: 0,
    ) -> None:
        """Takes nothing yet.

        Args:
            size: the most bytes, or a function that returns them.
            full: makes the error to raise when the budget is full.
            held: returns how many bytes are held elsewhere; NaN if unknown.
        """
        self._size = size
        self.full = full
        self.reserved = 0
        self._held = held

    @property
    def size(self) -> int:
        """The most bytes there may be."""
        return self._size() if callable(self._size) else self._size

    @property
    def used(self) -> int:
        """Bytes reserved and held."""
        held = self._held()
        return self.reserved + (0 if math.isnan(held) else int(held))


class Reservation:
    """What one request takes of one or several budgets, all of it given back at the end of a `with` block."""

    def __init__(self, *budgets: Budget) -> None:
        """Takes nothing yet."""
        self._budgets = budgets
        self._count = 0

    def grow(self, count: int) -> None:
        """Raises the reservation to `count` bytes in all; does nothing if it is not smaller already.

        Raises:
            ClassifierError: from `full` of a budget that has no room; then nothing more is taken from any budget.
        """
        more = count - self._count
        if more <= 0:
            return
        for budget in self._budgets:
            if budget.used + more > budget.size:
                raise budget.full()
        for budget in self._budgets:
            budget.reserved += more
        self._count = count

    def release(self) -> None:
        """Gives everything back."""
        for budget in self._budgets:
            budget.reserved -= self._count
        self._count = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()


def max_bytes() -> int:
    """The most bytes that the pictures of one request may have, by the memory plan."""
    return models().plan.max_bytes


@cache
def budget() -> Budget:
    """This process's budget, for page and API: the memory plan's share for uploads, at least one largest request."""
    return Budget(lambda: max(models().plan.uploads, max_bytes() + FRAMING), TooMuchSentError, held=upload_bytes)
