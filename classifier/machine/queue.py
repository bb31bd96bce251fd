"""A bounded queue: limits how many pictures are worked on at once and how many may wait, and serves clients in turn."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial

from classifier.errors import AbandonedError, BusyError, ShareError, StoppingError
from classifier.machine import forks
from classifier.machine.cancellation import Cancellation
from classifier.machine.clients import Clients
from classifier.machine.slots import SLOW, Place, Slots, Turn

OVERLOAD = 5.0
"""Seconds for which a queue that was full counts as overloaded, if it is never empty."""

EMPTY = 0.1
"""Seconds for which a queue must be empty to be no longer overloaded, at least."""

PICTURES = 8
"""And as long as so many pictures take: a queue to which too many come is hardly ever empty for that time."""

AGING = 5.0
"""Seconds of work that a second of waiting makes up for: whoever has used much waits longer, but not forever."""


class WorkQueue:
    """A bounded queue in front of decoding and inference; safe to use from many threads.

    More threads than `Slots` allows only compete for memory and time; in a queue without a bound, everybody would wait
    for pictures whose visitors have long gone. So when the queue is full, a picture is refused at once.

    The next turn is that of the client that has used the least time lately, so a few slow pictures count like many
    fast ones; how long it has waited counts, too. While other clients are present, one has its share of the places that
    wait; when the queue is full, the last of a client that has more than its share makes room for one that has not.
    Within a share, kinds take turns: whatever a client had its latest turn for goes behind, and makes room, for what it
    has waited for longer. So a camera or hundreds of pictures under way do not hold up the one that somebody looks at.

    Where more pictures come than can be worked on, a long queue makes everybody wait and nobody be served sooner. So
    from the moment when it was full until it has been empty, only as many may be there as twice the CPUs, and one more.
    Where callers come at random, twice as many as can be served, that keeps 98 % of two CPUs and 93 % of one busy
    (M/M/c/K); without the one more it would be 95 % and 86 %.
    """

    def __init__(
        self,
        running: int,
        waiting: int,
        clients: Clients | None = None,
        clock: Callable[[], float] = time.perf_counter,
        *,
        ahead: int = 0,
    ) -> None:
        """Nobody is in it yet.

        Args:
            running: pictures worked on at once in each step: as many as CPUs, where these do the work.
            waiting: pictures that may queue for that.
            clients: who is present, and what they have used; new ones if None.
            clock: gives the time in seconds.
            ahead: pictures worked on beyond those, see `Slots`.
        """
        self.bound = running + ahead + waiting
        """The most pictures that may be worked on or waiting."""
        self._each = running
        self._ahead = ahead
        self._most_waiting = waiting
        self._clients = clients or Clients()
        self._clock = clock
        self._closed = False
        self.forked()
        forks.renew(self)

    def forked(self) -> None:
        """See `forks`: nobody is in it in a new process."""
        self._lock = threading.Lock()
        self._slots = Slots(self._each, self._ahead, self._clients, self._clock)
        self._waiting: dict[str, deque[Place]] = {}
        self._overloaded_until = self._empty_since = self._clock()
        self._mean = 0.0  # seconds of the latest turns

    @property
    def busy(self) -> int:
        """Pictures being worked on now."""
        return self._slots.busy

    @property
    def waiting(self) -> int:
        """Pictures queued now."""
        return sum(map(len, list(self._waiting.values())))

    @property
    def crowded(self) -> bool:
        """Whether several pictures are there."""
        return self.busy + self.waiting > 1

    def close(self) -> None:
        """Lets pictures that are worked on finish, and refuses all waiting and new ones; for a server that stops."""
        with self._lock:
            self._closed = True
            refused = [place for places in self._waiting.values() for place in places]
            self._waiting.clear()
        for place in refused:
            place.turn.set_exception(StoppingError())

    @contextmanager
    def take(self, client: str = "", cancellation: Cancellation | None = None) -> Iterator[Turn]:
        """Waits for a turn and holds it.

        Args:
            client: whose picture it is.
            cancellation: when it is cancelled, the wait ends.

        Raises:
            BusyError: as `ask` does, or `ShareError` when the place was given to another client.
            StoppingError: the queue is closed.
            AbandonedError: it was cancelled while it waited.
        """
        place = self.ask(client, cancellation)
        try:
            with place.cancellation.stopped_by(lambda: self.give_up(place)):
                turn = place.turn.result()
            yield turn
        finally:
            self.leave(place)

    def ask(self, client: str = "", cancellation: Cancellation | None = None, kind: str = "") -> Place:
        """Takes a place, and does not wait for the turn. Whoever got a place calls `leave` in the end.

        Args:
            client: whose picture it is.
            cancellation: is in the turn; nothing is done here when it is cancelled, see `give_up`.
            kind: see `Place`; there must be but a few.

        Raises:
            BusyError: the queue is full.
            ShareError: others are present, and this client has its share of the places.
            StoppingError: the queue is closed.
        """
        self._clients.seen(client)
        now = self._clock()
        place = Place(client, cancellation or Cancellation(), now, kind, first=now)
        evicted = None
        with self._beginning():
            if self._closed:
                raise StoppingError
            if not self.busy + self.waiting and now - self._empty_since >= self._empty_for:
                self._overloaded_until = now
            if not self._may_run(client) and (evicted := self._to_evict(client, kind)):
                self._remove(evicted)
            self._line_up(place)
        if evicted:
            evicted.turn.set_exception(ShareError())
        return place

    def check(self, client: str, kind: str = "") -> None:
        """Raises what `ask` would, in a queue that is overloaded: whoever is to be refused need not send a picture."""
        with self._lock:
            if self._overloaded and not self._may_run(client):
                self._to_evict(client, kind)

    def give_up(self, place: Place) -> None:
        """Ends the wait for a turn with `AbandonedError`, if it has not come yet."""
        with self._lock:
            waited = self._remove(place)
        if waited:
            place.turn.set_exception(AbandonedError())

    def leave(self, place: Place) -> None:
        """Gives back a place, whether its turn has come or not; later calls do nothing."""
        with self._beginning():
            self._remove(place)
            if place.started is not None:
                seconds = self._slots.leave(place)
                if place.cancellation.cancelled:  # it is slow, since its decoder has to be replaced
                    seconds = max(seconds, SLOW)
                self._clients.charge(place.client, seconds)
                self._mean += (seconds - self._mean) / PICTURES
            if not self.busy + self.waiting:
                self._empty_since = self._clock()

    @contextmanager
    def _beginning(self) -> Iterator[None]:
        """Holds the lock while something changes; then what may run now begins."""
        with self._lock:
            yield
            started = self._start_next()
        for place in started:
            waited = (self._clock() - place.asked) * 1000
            place.turn.set_result(Turn(place.asked, waited, place.cancellation, partial(self._decoded, place)))

    def _may_run(self, client: str) -> bool:
        """Whether a slot is free that this client may take, with the lock held."""
        return not self._closed and self._slots.free_for(client, self._overloaded)

    def _to_evict(self, client: str, kind: str) -> Place | None:
        """The place that must go for this client's next, if one must; raises if there is no room."""
        most = self._most_waiting
        if self._overloaded:
            most = min(most, max(1, self._each + 1 - self._slots.ahead(overloaded=True)))
        share = max(1, int(most * self._clients.share))
        own = self._waiting.get(client, deque[Place]())
        yielding = own[-1] if own and self._goes_behind(own[-1], kind) else None
        if len(own) >= share and self._clients.others(client):
            if yielding:
                return yielding
            raise ShareError
        if self.waiting < most:
            return None
        self._overloaded_until = self._clock() + OVERLOAD
        heaviest = max(self._waiting.values(), key=len, default=deque[Place]())
        if len(heaviest) > max(share, len(own)):
            return heaviest[-1]
        if yielding:
            return yielding
        raise BusyError

    def _line_up(self, place: Place) -> None:
        """Puts a place behind its client's others, though before those of a kind that had its turn later."""
        places = self._waiting.setdefault(place.client, deque())
        at = next((at for at, one in enumerate(places) if self._goes_behind(one, place.kind)), len(places))
        if places and not at:
            place.first = places[0].first  # or a client would wait longer for having asked once more
        places.insert(at, place)

    def _goes_behind(self, place: Place, kind: str) -> bool:
        """Whether a place is of a kind that had its turn later than this one of its client's."""
        served = self._clients.served
        return served(place.client, place.kind) > served(place.client, kind)

    @property
    def _overloaded(self) -> bool:
        """Whether only as many may be there as twice the CPUs, and one more."""
        return self._clock() < self._overloaded_until

    @property
    def _empty_for(self) -> float:
        """Seconds for which it must be empty to be no longer overloaded."""
        return max(EMPTY, PICTURES * self._mean / max(1, self._each))

    def _start(self, place: Place) -> None:
        self._slots.start(place)
        self._clients.serve(place.client, place.kind)
        for behind in list(self._waiting.get(place.client, ()))[:1]:
            behind.first = self._clock()

    def _start_next(self) -> list[Place]:
        """Starts what may run now, and returns it; of several clients, those that have used the least come first."""
        started = []
        for client in sorted(self._waiting, key=self._weight):
            while client in self._waiting and self._may_run(client):
                place = self._waiting[client][0]
                self._remove(place)
                self._start(place)
                started.append(place)
        return started

    def _weight(self, client: str) -> float:
        """What a client has used, less what it has waited for; the least comes next."""
        return self._clients.cost(client) - AGING * (self._clock() - self._waiting[client][0].first)

    def _remove(self, place: Place) -> bool:
        """Takes a place out of those that wait; returns whether it was one."""
        places = self._waiting.get(place.client, deque())
        if place not in places:
            return False
        if place is places[0]:  # one that gives up does not make its next older than itself
            for behind in list(places)[1:2]:
                behind.first = max(behind.first, place.first)
        places.remove(place)
        if not places:
            del self._waiting[place.client]
        return True

    def _decoded(self, place: Place) -> AbstractContextManager[float]:
        """See `Turn`."""
        with self._beginning():
            self._slots.decoded(place)
        return self._slots.inferring(place.cancellation)
