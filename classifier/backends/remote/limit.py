"""How many pictures an engine takes in one request, where it does not say so: found out by what it refuses."""

from __future__ import annotations

import threading
import time

_SECONDS = 60.0  # after which twice as many are tried again


class Limit:
    """The most pictures in one request; safe to use from many threads."""

    def __init__(self) -> None:
        """Nothing is known yet."""
        self._lock = threading.Lock()
        self._most: int | None = None
        self._until = 0.0

    def within(self, most: int) -> int:
        """The most pictures in one request, where everything else allows so many."""
        with self._lock:
            if self._most is not None and time.monotonic() >= self._until:
                self._set(2 * self._most)
            if self._most is not None and self._most >= most:
                self._most = None
            return most if self._most is None else self._most

    @property
    def known(self) -> int | None:
        """The most pictures that were not refused; None if none were."""
        return self._most

    def lower(self, most: int) -> None:
        """Notes that an engine takes so many at most."""
        with self._lock:
            if self._most is None or most < self._most:
                self._set(most)

    def restore(self, known: int | None) -> None:
        """Forgets a refusal: it was not for the number of pictures."""
        with self._lock:
            self._most = known

    def _set(self, most: int) -> None:
        self._most, self._until = most, time.monotonic() + _SECONDS
