"""Tells clients apart, and knows what each has used lately, so that none can take what the others need.

A client is whatever has one name here: on a server an address, or an IPv6 network.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from classifier.machine import forks

SECONDS = 30.0
"""Seconds for which a client that has asked for something counts as present."""

_HALF_LIFE = 10.0  # seconds after which half of a cost is forgotten
_SHARE = 0.25


@dataclass(slots=True)
class _Client:
    seen: float = 0.0
    cost: float = 0.0
    longest: float = 0.0
    charged: float = 0.0
    served: dict[str, float] = field(default_factory=dict)


class Clients:
    """The clients of the last seconds; safe to use from many threads.

    Attributes:
        share: the part of a bounded resource that one client may hold while others are present.
    """

    def __init__(self, share: float = _SHARE, clock: Callable[[], float] = time.monotonic) -> None:
        """Args: share: see the class; clock: gives the time in seconds."""
        self.share = share
        self._clock = clock
        self.forked()
        forks.renew(self)

    def forked(self) -> None:
        """See `forks`: nobody is known in a new process."""
        self._lock = threading.Lock()
        self._known: dict[str, _Client] = {}
        self._cleared = 0.0

    def seen(self, client: str) -> None:
        """Notes that a client is asking for something now."""
        with self._lock:
            self._get(client).seen = self._clock()

    def others(self, client: str) -> bool:
        """Whether any other client is present: has asked within the last `SECONDS`."""
        since = self._clock() - SECONDS
        with self._lock:
            return any(other.seen > since for name, other in self._known.items() if name != client)

    def charge(self, client: str, seconds: float) -> None:
        """Adds one piece of work to what a client has used: the seconds for which it was worked on."""
        with self._lock:
            known = self._get(client)
            left = self._left(known)
            known.cost, known.longest = known.cost * left + seconds, max(known.longest * left, seconds)
            known.charged = self._clock()

    def cost(self, client: str) -> float:
        """Seconds of work for a client lately: those of 10 s ago count half, and so on."""
        with self._lock:
            known = self._known.get(client)
            return known.cost * self._left(known) if known else 0.0

    def longest(self, client: str) -> float:
        """Seconds of the longest piece of work for a client lately; one of 10 s ago counts half, and so on."""
        with self._lock:
            known = self._known.get(client)
            return known.longest * self._left(known) if known else 0.0

    def serve(self, client: str, kind: str) -> None:
        """Notes that a piece of a client's work of this kind begins now. There must be but a few kinds."""
        with self._lock:
            self._get(client).served[kind] = self._clock()

    def served(self, client: str, kind: str) -> float:
        """When a client's latest piece of work of this kind began, in seconds of the clock; 0 if that is not known."""
        with self._lock:
            known = self._known.get(client)
            return known.served.get(kind, 0.0) if known else 0.0

    def _left(self, known: _Client) -> float:
        """What is left of a cost by now, from 0 to 1."""
        return float(0.5 ** ((self._clock() - known.charged) / _HALF_LIFE))

    def _get(self, client: str) -> _Client:
        now = self._clock()
        if now - self._cleared > SECONDS:  # addresses are many: those that have long gone are forgotten
            self._cleared = now
            long_ago = now - 4 * SECONDS
            gone = [name for name, known in self._known.items() if max(known.seen, known.charged) < long_ago]
            for name in gone:
                del self._known[name]
        return self._known.setdefault(client, _Client())


class Shares:
    """How much of one bounded resource each client holds, in any unit; safe to use from many threads.

    While other clients are present, one may hold the share that `Clients` says. One that is alone may hold all but
    that share, which is left for whoever comes next.
    """

    def __init__(self, clients: Clients) -> None:
        """Nothing is held yet."""
        self._clients = clients
        self._lock = threading.Lock()
        self._held: dict[str, int] = {}

    def bound(self, client: str, total: int, least: int = 1) -> int:
        """The most that a client may hold now.

        Args:
            client: who asks.
            total: how much there is.
            least: what nobody may be denied for their share alone, such as one picture.
        """
        share = max(least, int(total * self._clients.share))
        return share if self._clients.others(client) else max(share, total - share)

    def held(self, client: str) -> int:
        """How much a client holds."""
        return self._held.get(client, 0)

    def add(self, client: str, amount: int) -> None:
        """Notes that a client holds more, or less if the amount is negative."""
        with self._lock:
            now = self._held.get(client, 0) + amount
            if now:
                self._held[client] = now
            else:
                self._held.pop(client, None)
