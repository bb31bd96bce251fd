"""One budget for the bytes of all pictures in memory: those arriving, those worked on, and those that visits hold.

Each request has a limit of its own; this bounds what all of them take together. What does not fit is refused at
once: whoever waited would have to be kept, too. Everything here happens on the event loop.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Self

from classifier.settings import Settings
from web.models import models
from web.problems import Problem, problem
from web.streamlit_internals.sessions import upload_bytes

FRAMING = 100 * 1024
"""Boundaries and part headers of a form, for which the limits in bytes make room: about 1 kB for each of 100 files."""

RETRY_SECONDS = 5
_USUAL = 400_000_000
_SHARE = 4  # of the free memory: decoding and the models need the rest


class Budget:
    """Bytes that may be in memory at a time: reserved by requests under way, or held elsewhere.

    Attributes:
        full: what is answered when they are.
        reserved: by requests under way; see `Reservation`.
    """

    def __init__(self, size: int | Callable[[], int], full: Problem, held: Callable[[], float] = lambda: 0) -> None:
        """Takes nothing yet.

        Args:
            size: the most bytes, or what says it.
            full: see above.
            held: says how many bytes are held besides; not a number if unknown.
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


class FullError(Exception):
    """There is no room in a budget."""

    def __init__(self, budget: Budget) -> None:
        """Args: budget: which one."""
        super().__init__(budget.full.detail)
        self.budget = budget


class Reservation:
    """What one request takes of one or several budgets, all of it given back at the end of a `with` block."""

    def __init__(self, *budgets: Budget) -> None:
        """Takes nothing yet."""
        self._budgets = budgets
        self._count = 0

    def grow(self, count: int) -> None:
        """Takes as many bytes in all; fewer than before change nothing.

        Raises:
            FullError: one of the budgets has no room; nothing more was taken of any.
        """
        more = count - self._count
        if more <= 0:
            return
        for budget in self._budgets:
            if budget.used + more > budget.size:
                raise FullError(budget)
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


def largest_request(settings: Settings) -> int:
    """The most bytes that the body of one request may have."""
    return settings.max_bytes + FRAMING


def budget_size(settings: Settings, free: int | None) -> int:
    """Bytes for all requests and visits together: room for one of the largest requests, at least.

    Args:
        settings: `uploads` is what the operator wants.
        free: bytes of memory free once the default model is loaded, if known.
    """
    usual = _USUAL if free is None else min(_USUAL, free // _SHARE)
    return max(settings.uploads or usual, largest_request(settings))


# This process's, for page and API alike.
budget = Budget(
    lambda: budget_size(models.settings, models.free),
    problem(503, "Too many pictures are being sent or held right now. Try again in a few seconds.", "busy"),
    held=upload_bytes,
)
