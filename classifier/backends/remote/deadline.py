"""When an answer must be there: one point in time for all steps of a call, however many there are."""

from __future__ import annotations

import time
from typing import NamedTuple


class Deadline(NamedTuple):
    """A point in time, in seconds of `time.monotonic`."""

    at: float

    @classmethod
    def after(cls, seconds: float) -> Deadline:
        """So many seconds from now."""
        return cls(time.monotonic() + seconds)

    @property
    def left(self) -> float:
        """Seconds that are left, 0 when it has passed."""
        return max(0.0, self.at - time.monotonic())

    def sooner(self, seconds: float) -> Deadline:
        """This deadline, or so many seconds from now if that is sooner."""
        return min(self, Deadline.after(seconds))
