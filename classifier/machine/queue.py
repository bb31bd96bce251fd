"""How many pictures are worked on at once, and how many may wait: a bounded queue that never grows in silence."""

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
        asked: when it was asked for, in seconds of `time.perf_counter`.
        waited: ms from then until it came.
    """

    asked: float
    waited: float


class WorkQueue:
    """A bounded queue in front of decoding and inference.

    More threads than CPUs only take memory and time from each other; a queue without bound makes everybody wait
    for pictures whose visitors have long gone. Over the bound, `BusyError` comes at once.
    """

    def __init__(self, running: int, waiting: int) -> None:
        """Args: running: pictures worked on at once; waiting: pictures that may queue for that."""
        self._free = threading.Semaphore(running)
        self._lock = threading.Lock()
        self.bound = running + waiting
        """Pictures that may be inside, worked on or waiting."""
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
        """Lets what is worked on finish, and sends away all who wait and all who come; for a server that stops."""
        self._closed = True
        self._free.release(self.bound)  # wakes all who wait

    @contextmanager
    def take(self) -> Iterator[Turn]:
        """Waits for a turn and holds it.

        Raises:
            BusyError: at once, when as many are waiting already as may.
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
