"""One budget for the bytes of all pictures in memory: those arriving and those worked on.

Each request has a limit of its own; this bounds what all of them take together, and what each client takes of it. Bytes
count from when they have arrived. What does not fit is refused at once, since a waiting request would need memory, too;
so nothing waits for anything else here. Everything runs on the event loop.

Not counted: what Uvicorn has read of a body that nobody has asked it for yet, 64 kB or a little more on each
connection; and the second copy of a body while its pieces are put together, which is one body at a time.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Self

from classifier.errors import ClassifierError, ShareError
from classifier.machine.clients import Clients, Shares
from web.clients import CLIENTS
from web.errors import TooMuchSentError
from web.models import models

FRAMING = 100 * 1024
"""Boundaries and part headers of a form, for which the limits in bytes make room: about 1 kB for each of 100 files."""


class Budget:
    """Bytes that requests under way may have in memory at a time.

    Attributes:
        full: makes the error to raise when the budget is full.
        reserved: bytes reserved by requests under way; see `Reservation`.
    """

    def __init__(
        self,
        size: int | Callable[[], int],
        full: Callable[[], ClassifierError],
    ) -> None:
        """Takes nothing yet.

        Args:
            size: the most bytes, or a function that returns them.
            full: makes the error to raise when the budget is full.
        """
        self._size = size
        self.full = full
        self.reserved = 0

    @property
    def size(self) -> int:
        """The most bytes there may be."""
        return self._size() if callable(self._size) else self._size

    def expect(self, _: Reservation, length: int) -> None:
        """Refuses at once a body that will not fit; nothing is taken for it.

        Raises:
            ClassifierError: there is no room for so many bytes.
        """
        if self.reserved + length > self.size:
            raise self.full()

    def make_room(self, _: Reservation, more: int) -> None:
        """Makes sure that a reservation can grow.

        Raises:
            ClassifierError: there is no room for so many bytes more.
        """
        if self.reserved + more > self.size:
            raise self.full()

    def change(self, reservation: Reservation, more: int) -> None:
        """Notes that a reservation grows by some bytes, or shrinks if they are negative."""
        self.reserved += more


class SharedBudget(Budget):
    """A budget of which no client takes what others need.

    While others are present, a client may have its share; alone, all but a share; and one largest request always. When
    the budget is full, the client that has most gives way to one that has less: the oldest of its bodies that are still
    arriving is refused, until there is room. So what one client has filled while it was alone is open to the next.
    Bodies that have arrived are not taken back.
    """

    def __init__(
        self,
        size: int | Callable[[], int],
        full: Callable[[], ClassifierError],
        *,
        least: Callable[[], int] = lambda: 1,
        clients: Clients = CLIENTS,
    ) -> None:
        """Takes nothing yet.

        Args:
            size: as for `Budget`.
            full: as for `Budget`.
            least: returns the bytes that nobody may be denied for their share alone: the largest request.
            clients: knows who is present.
        """
        super().__init__(size, full)
        self._least = least
        self._clients = clients
        self._shares = Shares(clients)
        self._arriving: dict[Reservation, None] = {}  # the oldest first

    def expect(self, reservation: Reservation, length: int) -> None:
        """As for `Budget`; what others send at the moment is no reason to refuse, since it may have to give way."""
        self._check_share(reservation.client, length)
        others = sum(other.count for other in self._arriving if other.client != reservation.client)
        if self.reserved - others + length > self.size:
            raise self.full()

    def make_room(self, reservation: Reservation, more: int) -> None:
        """As for `Budget`; bodies of another client are refused if that makes the room.

        Raises:
            ShareError: the client would have more than its share, and others are present.
            ClassifierError: there is no room for so many bytes more.
        """
        wanted = self._check_share(reservation.client, more)
        while self.reserved + more > self.size:
            others = {other.client for other in self._arriving} - {reservation.client}
            most, largest = max(((self._has(other), other) for other in others), default=(0, ""))
            if most <= wanted:
                raise self.full()
            next(other for other in self._arriving if other.client == largest).evict()

    def change(self, reservation: Reservation, more: int) -> None:
        """As for `Budget`."""
        super().change(reservation, more)
        self._shares.add(reservation.client, more)
        if reservation.arriving and reservation.count:
            self._arriving.setdefault(reservation)
        else:
            self._arriving.pop(reservation, None)

    def _has(self, client: str) -> int:
        return self._shares.held(client)

    def _check_share(self, client: str, more: int) -> int:
        wanted = self._has(client) + more
        if wanted > max(self._least(), self._shares.bound(client, self.size)):
            raise ShareError if self._clients.others(client) else self.full()
        return wanted


class Reservation:
    """What one request takes of one or several budgets, all of it given back at the end of a `with` block.

    Attributes:
        client: who sends the request.
        count: bytes that are reserved.
        arriving: whether the body is not complete yet.
        evicted: whether the bytes were taken back for another client; then it must not grow any more.
        on_eviction: called when that happens; to be set by whoever reads the body.
    """

    def __init__(self, *budgets: Budget, client: str = "") -> None:
        """Takes nothing yet."""
        self._budgets = budgets
        self.client = client
        self.count = 0
        self.arriving = True
        self.evicted = False
        self.on_eviction: Callable[[], None] = lambda: None

    def expect(self, length: int) -> None:
        """Refuses at once a body for which there will not be room, by its announced length; takes nothing.

        Raises:
            ClassifierError: from the budget that has no room.
        """
        for budget in self._budgets:
            budget.expect(self, length)

    def grow(self, count: int) -> None:
        """Raises the reservation to `count` bytes in all; does nothing if it is not smaller already.

        Raises:
            ShareError: it was evicted, or its client has its share already.
            ClassifierError: from a budget that has no room. Then nothing more is taken from any budget.
        """
        if self.evicted:
            raise ShareError
        more = count - self.count
        if more <= 0:
            return
        for budget in self._budgets:
            budget.make_room(self, more)
        self._change(more)

    def complete(self) -> None:
        """Says that the body has arrived; from now on it is not taken back."""
        self.arriving = False
        self._change(0)

    def release(self) -> None:
        """Gives everything back."""
        self._change(-self.count)

    def evict(self) -> None:
        """Gives everything back, and has the request refused."""
        self.release()
        self.evicted = True
        self.on_eviction()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()

    def _change(self, more: int) -> None:
        self.count += more
        for budget in self._budgets:
            budget.change(self, more)


def max_bytes() -> int:
    """The most bytes that the pictures of one request may have, by the memory plan."""
    return models().plan.max_bytes


def _largest() -> int:
    return max_bytes() + FRAMING


@cache
def budget() -> Budget:
    """This process's budget, for page and API: the memory plan's share for uploads, at least one largest request."""
    return SharedBudget(
        lambda: max(models().plan.uploads, _largest()),
        TooMuchSentError,
        least=_largest,
    )
