"""A semaphore that nobody waits for longer than their work is wanted."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from classifier.machine.cancellation import Cancellation


class Semaphore:
    """A counting semaphore whose waiting ends when the work is cancelled; safe to use from many threads."""

    def __init__(self, count: int) -> None:
        """Args: count: how many may hold it at a time."""
        self._changed = threading.Condition()
        self._free = count

    @contextmanager
    def hold(self, cancellation: Cancellation) -> Iterator[None]:
        """Waits until it is free, and holds it within the `with` block.

        Raises:
            AbandonedError: nobody waits for the work any more.
        """
        with cancellation.stopped_by(self._wake), self._changed:
            self._changed.wait_for(lambda: self._free or cancellation.cancelled)
            if cancellation.cancelled:
                self._changed.notify()  # this thread may have been woken in place of another one
            cancellation.check()
            self._free -= 1
        try:
            yield
        finally:
            with self._changed:
                self._free += 1
                self._changed.notify()

    def _wake(self) -> None:
        with self._changed:
            self._changed.notify_all()
