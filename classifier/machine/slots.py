"""Who may be worked on at once: pictures that are decoded, pictures that are with the model, and what each cost."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field

from classifier.machine.cancellation import Cancellation
from classifier.machine.clients import Clients
from classifier.machine.semaphore import Semaphore

SLOW = 0.1
"""Seconds: a client that lately had a picture worked on for longer leaves some slots to others while they are there."""


def _at_once() -> AbstractContextManager[float]:
    return nullcontext(0.0)


@dataclass(frozen=True, slots=True)
class Turn:
    """A place among the pictures that are worked on.

    Attributes:
        asked: when the turn was asked for, in seconds of `time.perf_counter`.
        waited: ms from then until the turn came.
        cancellation: tells whether anybody still waits for the picture.
        decoded: to be called once the picture is decoded. Its `with` block is for what comes next; it begins once a
            slot is free for that, and is given the ms that this took. Another picture may be decoded meanwhile.
    """

    asked: float
    waited: float
    cancellation: Cancellation = field(default_factory=Cancellation)
    decoded: Callable[[], AbstractContextManager[float]] = _at_once


@dataclass(slots=True, eq=False)
class Place:
    """A picture's place in the queue, from `WorkQueue.ask` to `WorkQueue.leave`.

    Attributes:
        client: whose picture it is.
        cancellation: tells whether anybody still waits for the picture.
        asked: when it was asked for, in seconds of the queue's clock.
        kind: what it is for; its client's kinds take turns.
        turn: done when the turn has come, or with an error when it never will.
        first: since when it counts as waiting: not while another of its client's was ahead of it.
        started: what `Slots` had worked when the turn came.
        decoding: whether the turn has come, and the picture is not decoded yet.
        slow: whether its client's pictures took long when the turn came.
    """

    client: str
    cancellation: Cancellation
    asked: float
    kind: str = ""
    turn: Future[Turn] = field(default_factory=Future)
    first: float = 0.0
    started: float | None = None
    decoding: bool = False
    slow: bool = False


class Slots:
    """The pictures that are worked on. Its user holds a lock in all calls but `inferring`.

    Between two steps of a picture there are moments in which no CPU works on it: its pixels come back from a decoder's
    process, a thread waits for the interpreter's lock. With one picture for each CPU two CPUs stood idle for a seventh
    of the time. So as many more may be under way: for each CPU one that is decoded, and one that is with the model.
    Where more come than can be worked on, only half as many: whoever is accepted waits for all that are there.
    """

    def __init__(self, each: int, ahead: int, clients: Clients, clock: Callable[[], float]) -> None:
        """Nobody is there yet.

        Args:
            each: the most pictures that are decoded at once, and the most that are with the model.
            ahead: the most pictures beyond those in all.
            clients: who is present, and what they have used.
            clock: gives the time in seconds.
        """
        self.each = each
        self._ahead = ahead
        self._clients = clients
        self._clock = clock
        self._places: set[Place] = set()
        self._inferring = Semaphore(each)
        self._worked = self._until = clock()

    @property
    def busy(self) -> int:
        """Pictures being worked on now."""
        return len(self._places)

    def ahead(self, overloaded: bool) -> int:
        """The most pictures beyond one for each CPU."""
        return self._ahead // 2 if overloaded else self._ahead

    def free_for(self, client: str, overloaded: bool) -> bool:
        """Whether there is a slot that this client may take.

        Those whose pictures take long have as many slots as there are CPUs, and one of them has its share of these: a
        picture that takes little does not wait for two that take long.
        """
        decoding = sum(place.decoding for place in self._places)
        if decoding >= self.each or self.busy >= self.each + self.ahead(overloaded):
            return False
        if self._clients.longest(client) < SLOW or not self._clients.others(client):
            return True
        share = max(1, int(self.each * self._clients.share))
        slow = sum(place.slow for place in self._places)
        own = sum(place.client == client for place in self._places)
        return slow < self.each and own < max(share, self.each - share)

    def start(self, place: Place) -> None:
        """Has a picture worked on from now."""
        self._work()
        place.started, place.decoding = self._worked, True
        place.slow = self._clients.longest(place.client) >= SLOW
        self._places.add(place)

    def decoded(self, place: Place) -> None:
        """Lets another picture be decoded."""
        place.decoding = False

    @contextmanager
    def inferring(self, cancellation: Cancellation) -> Iterator[float]:
        """Waits until the model has time, for as long as the `with` block lasts; gives the ms that it waited.

        Raises:
            AbandonedError: nobody waits for the picture any more.
        """
        start = time.perf_counter()
        with self._inferring.hold(cancellation):
            yield (time.perf_counter() - start) * 1000

    def leave(self, place: Place) -> float:
        """Ends the work on a picture that was started; returns the seconds of work that it took.

        Where more pictures are under way than there are CPUs, a second is so much less work for each.
        """
        assert place.started is not None  # noqa: S101
        self._work()
        seconds, place.started = self._worked - place.started, None
        self._places.remove(place)
        return seconds

    def _work(self) -> None:
        """Counts the work done for each picture since the last call."""
        now = self._clock()
        self._worked += (now - self._until) * self.each / max(self.each, self.busy, 1)
        self._until = now
