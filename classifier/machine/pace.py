"""A rate for each client: how often something may happen, and how long the next time is off."""

from __future__ import annotations

import time
from collections.abc import Callable


class Pace:
    """Times of each client, apart from each other by at least an interval, but for some at the beginning.

    This is the generic cell rate algorithm: ITU-T I.371.
    """

    def __init__(self, interval: float, burst: int = 1, clock: Callable[[], float] = time.monotonic) -> None:
        """Nothing has happened yet.

        Args:
            interval: seconds between two times.
            burst: how many times may come at once after a while without any.
            clock: gives the time in seconds.
        """
        self._interval = interval
        self._slack = (burst - 1) * interval
        self._clock = clock
        self._due: dict[str, float] = {}
        self._cleared = 0.0

    def wait(self, client: str) -> float:
        """Seconds until the client's next time is due; 0 if it is due now."""
        return max(0.0, self._due.get(client, 0.0) - self._slack - self._clock())

    def count(self, client: str) -> float:
        """Takes the client's next time, and gives the seconds until it is due."""
        now = self._clock()
        self._clear(now)
        wait = self.wait(client)
        self._due[client] = max(self._due.get(client, now), now) + self._interval
        return wait

    def _clear(self, now: float) -> None:
        """Forgets the clients whose times have long passed, at most once a second, since they may be many."""
        if now - self._cleared >= 1:
            self._cleared = now
            self._due = {client: due for client, due in self._due.items() if due > now}
