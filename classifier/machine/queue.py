"""A bounded queue: limits how many pictures are worked on at once, and how many may wait."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from classifier.errors import BusyError, StoppingError


@dataclass(frozen=True, slots=True)
class Turn:
    """A place among the pictures that are worked on.

    Attributes:
        asked: when the turn was asked for, in seconds of `time.perf_counter`.
        waited: ms from then until the turn came.
    """

    asked: float
    waited: float


class WorkQueue:
    """A bounded queue in front of decoding and inference.

    More threads than CPUs only compete for memory and time; in a queue without a bound, everybody would wait for
    pictures whose visitors have long gone. When the queue is full, `take` raises `BusyError` at once.
    """

    def __init__(self, running: int, waiting: int) -> None:
        """Args: running: pictures worked on at once; waiting: pictures that may queue for that."""
        self._free = threading.Semaphore(running)
        self._lock = threading.Lock()
        self.bound = running + waiting
        """The most pictures that may be worked on or waiting."""
        self._running = running
        self._inside = 0
        self._closed = False

    @property
    def busy(self) -> int:
        """Pictures being worked on now."""
        return min(self._inside, self._running)

    @property
    def waiting(self) -> int:
        """Pictures queued now."""
        return max(0, self._inside - self._running)

    def close(self) -> None:
        """Lets pictures that are worked on finish, and refuses all waiting and new ones; for a server that stops."""
        self._closed = True
        self._free.release(self.bound)  # wakes all waiting threads

    @contextmanager
    def take(self) -> Iterator[Turn]:
        """Waits for a turn and holds it.

        Raises:
            BusyError: at once, when the queue is full.
            StoppingError: the queue is closed.
        """
        with self._lock:
            if self._inside >= self.bound:
                raise BusyError
            self._inside += 1
        try:
            asked = time.perf_counter()
            with self._free:
                if self._closed:
                    raise StoppingError
                yield Turn(asked, (time.perf_counter() - asked) * 1000)
        finally:
            with self._lock:
                self._inside -= 1
