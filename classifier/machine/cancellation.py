"""Ends work that nobody waits for any more: the caller says so once, whatever step the work is in."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from classifier.errors import AbandonedError


class Cancellation:
    """Whether some work is still wanted; safe to use from many threads."""

    def __init__(self) -> None:
        """It is wanted."""
        self._lock = threading.Lock()
        self._stops: list[Callable[[], None]] = []
        self.cancelled = False
        """Whether `cancel` was called."""

    def cancel(self) -> None:
        """Says that nobody waits for the work any more, and stops the step it is in; later calls do nothing."""
        with self._lock:
            if self.cancelled:
                return
            self.cancelled = True
            for stop in self._stops:
                stop()

    def check(self) -> None:
        """Raises `AbandonedError` if nobody waits any more; call it between two steps."""
        if self.cancelled:
            raise AbandonedError

    @contextmanager
    def stopped_by(self, stop: Callable[[], None]) -> Iterator[None]:
        """Within the `with` block, `cancel` calls `stop`, which must be quick, from the thread that cancels.

        Once the block has ended, `stop` is not called and not running any more.

        Raises:
            AbandonedError: at the start, if nobody waits any more.
        """
        with self._lock:
            self.check()
            self._stops.append(stop)
        try:
            yield
        finally:
            with self._lock:
                self._stops.remove(stop)
