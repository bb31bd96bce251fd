"""Counts the messages that are arriving on a connection, so that they take room of the budget as bodies do over HTTP.

gRPC's server gives a message once it is complete, and lets through a few kB of those that nobody has asked it for. So
the bytes of a connection are counted for the call that has waited longest for its message, and for the next one when
that has as many as a message may have; when a message has come, its size is known, and the rest goes to the others.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable

from classifier.errors import ClassifierError, ShareError
from web.errors import RequestTooLargeError, SlowRequestError
from web.uploads.body import BODY_SECONDS, IDLE_SECONDS, LEAST_RATE
from web.uploads.budget import FRAMING, Reservation, max_bytes

_TICK = 1.0  # seconds between two looks at how fast bytes arrive


class Arrivals:
    """The messages that are arriving on one connection."""

    def __init__(self) -> None:
        """None yet."""
        self._waiting: dict[_Arrival, None] = {}  # the oldest first
        self._received = 0

    def count(self, size: int) -> None:
        """Notes that bytes came."""
        self._received += size
        self._spread(size)

    async def read(self, message: Awaitable[bytes], room: Reservation) -> bytes:
        """Waits for a message, and takes room for it.

        Args:
            message: gives it, when it is complete.
            room: takes the room; it is kept.

        Raises:
            ShareError, TooMuchSentError: there is no room for it.
            RequestTooLargeError, SlowRequestError: it is too large, or comes too slowly.
        """
        reading = asyncio.ensure_future(message)
        arrival = _Arrival(room, reading)
        room.on_eviction = arrival.stop
        self._waiting[arrival] = None
        try:
            await self._watch(arrival)
            data = reading.result()
            if len(data) > max_bytes() + FRAMING:
                raise RequestTooLargeError(limit=max_bytes())
            excess = max(0, room.count - len(data))
            room.release()
            arrival.grow(len(data))
        finally:
            del self._waiting[arrival]
            reading.cancel()
        if arrival.error:
            raise arrival.error
        room.complete()
        self._spread(excess)
        return data

    def _spread(self, size: int) -> None:
        """Counts bytes for the messages that may be theirs."""
        most = max_bytes() + FRAMING
        for arrival in list(self._waiting):
            if size <= 0:
                break
            size -= arrival.count(size, most)

    async def _watch(self, arrival: _Arrival) -> None:
        """Returns when the message is complete."""
        end, patience = time.monotonic() + BODY_SECONDS, IDLE_SECONDS
        while not arrival.reading.done():
            begin, before = time.monotonic(), self._received
            await asyncio.wait({arrival.reading}, timeout=_TICK)
            waited = time.monotonic() - begin
            patience = min(IDLE_SECONDS, patience - waited + (self._received - before) / LEAST_RATE)
            if arrival.error:
                raise arrival.error
            if not arrival.reading.done() and (patience <= 0 or time.monotonic() > end):
                raise SlowRequestError
        if arrival.error:
            raise arrival.error


class _Arrival:
    """One message that is awaited.

    Attributes:
        reading: gives it.
        error: why it is not awaited any more.
    """

    def __init__(self, room: Reservation, reading: asyncio.Future[bytes]) -> None:
        self.reading = reading
        self.error: ClassifierError | None = None
        self._room = room

    def count(self, size: int, most: int) -> int:
        """Takes bytes that are probably its, but no more in all than a message may have; returns how many."""
        if self.error:
            return 0
        before = self._room.count
        self.grow(min(before + size, most))
        return self._room.count - before

    def grow(self, size: int) -> None:
        """Takes room for so many bytes, or notes why there is none."""
        try:
            self._room.grow(size)
        except ClassifierError as full:
            self._refuse(full)

    def stop(self) -> None:
        """Called when the room was given to another client."""
        self._refuse(ShareError())

    def _refuse(self, error: ClassifierError) -> None:
        self.error = self.error or error
        self.reading.cancel()
