"""Bounds how many runs of the page are under way at a time, and gives each client its turn to begin one.

A run takes a thread and, most of its time, Python's one lock. Of three hundred that begin at once each takes a minute,
and so does whatever else the server is asked meanwhile.
"""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Callable
from typing import Any

from google.protobuf.message import DecodeError
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

from classifier.machine.clients import Clients
from classifier.machine.cpus import cpu_count
from web.clients import CLIENTS, client_of

LONGEST = 1.0
"""Seconds after which a run gives its place up: then it waits for something, most likely for a picture's turn."""

STOPPING = 0.1
"""Seconds that a run whose visitor has gone still keeps its place, until Streamlit has stopped it."""


class Turns:
    """A few places, which those who wait get in turn by client. Everything here runs on one event loop.

    While others are present, a client holds no more than its share of the places; alone, it may hold all.
    """

    def __init__(self, places: int, clients: Clients) -> None:
        """Args: places: how many may be held at a time; clients: all clients."""
        self._places = places
        self._free = places
        self._clients = clients
        self._held: Counter[str] = Counter()
        self._waiting: dict[str, deque[asyncio.Future[None]]] = {}  # the client whose turn is next comes first

    def take(self, client: str) -> asyncio.Future[None]:
        """A future that is done when a place has been taken for the client; to be cancelled when it is not wanted."""
        self._clients.seen(client)
        place: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(client, deque()).append(place)
        self._hand_out()
        return place

    def release(self, client: str) -> None:
        """Gives a client's place back."""
        self._free += 1
        self._held[client] -= 1
        if not self._held[client]:
            del self._held[client]
        self._hand_out()

    def _hand_out(self) -> None:
        while self._free and (client := self._next()) is not None:
            places = self._waiting.pop(client)
            place = places.popleft()
            if places:
                self._waiting[client] = places  # behind all others
            if not place.done():
                self._free -= 1
                self._held[client] += 1
                place.set_result(None)

    def _next(self) -> str | None:
        """The client who has waited longest of those who may hold another place."""
        share = max(1, int(self._places * self._clients.share))
        for client in self._waiting:
            if self._held[client] < share or not self._clients.others(client):
                return client
        return None


def _places() -> int:
    # Twice the CPUs, since a run may wait for its picture, which is decoded and classified without Python's lock.
    return max(4, 2 * cpu_count())


class RunTurns:
    """ASGI middleware that holds back a message that starts a run until there is a place for it."""

    def __init__(self, app: ASGIApp, places: Callable[[], int] = _places, clients: Clients = CLIENTS) -> None:
        """Args: app; places: returns how many runs may be under way, asked at the first visit; clients: all clients."""
        self.app = app
        self._clients = clients
        self._places = places
        self._turns: Turns | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes a connection on."""
        if scope["type"] != "websocket":
            await self.app(scope, receive, send)
            return
        self._turns = self._turns or Turns(self._places(), self._clients)
        visit = _Visit(client_of(scope), self._turns, receive, send)
        try:
            await self.app(scope, visit.receive, visit.send)
        finally:
            visit.end()


class _Visit:
    """One connection, and the place of its run."""

    def __init__(self, client: str, turns: Turns, receive: Receive, send: Send) -> None:
        self._client = client
        self._turns = turns
        self._receive = receive
        self._send = send
        self._next: asyncio.Task[Message] | None = None  # what has come while a message was held back
        self._expiry: asyncio.TimerHandle | None = None  # there is one while a place is held

    async def receive(self) -> Message:
        """The next message; one that starts a run comes when there is a place, unless a run has one already."""
        if self._next is not None:
            message = await self._next
            self._next = None
        else:
            message = await self._receive()
        if self._expiry is None and _starts_run(message):
            gone = await self._wait()
            return gone or message
        return message

    async def send(self, message: Message) -> None:
        """Passes a message on; the place of a run that has ended is free for the next one."""
        if self._expiry is not None and _ends_run(message):
            self._give_back()
        await self._send(message)

    def end(self) -> None:
        """Lets go of everything; a run that goes on is being stopped."""
        if self._next is not None:
            self._next.cancel()
        if self._expiry is not None:
            self._expiry.cancel()
            asyncio.get_running_loop().call_later(STOPPING, self._turns.release, self._client)
            self._expiry = None

    async def _wait(self) -> Message | None:
        """Waits for a place; gives the message by which the visitor has gone, if one comes first."""
        place = self._turns.take(self._client)
        try:
            if not place.done() and self._next is None:
                self._next = asyncio.ensure_future(self._receive())
            while not place.done():
                assert self._next is not None  # noqa: S101
                either: set[asyncio.Future[Any]] = {place, self._next}
                await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
                if not place.done() and self._next.done():
                    gone = self._next.result()
                    if gone["type"] == "websocket.disconnect":
                        self._next = None
                        return gone
                    await place
        finally:
            if place.done() and not place.cancelled():
                self._expiry = asyncio.get_running_loop().call_later(LONGEST, self._give_back)
            else:
                place.cancel()
        return None

    def _give_back(self) -> None:
        if self._expiry is not None:
            self._expiry.cancel()
            self._expiry = None
            self._turns.release(self._client)


def _starts_run(message: Message) -> bool:
    data = message.get("bytes")
    if not data:
        return False
    try:
        return bool(BackMsg.FromString(data).WhichOneof("type") == "rerun_script")
    except DecodeError:
        return False  # Streamlit closes the connection


def _ends_run(message: Message) -> bool:
    data = message.get("bytes")
    if not data:
        return False
    sent = ForwardMsg.FromString(data)
    finished = sent.WhichOneof("type") == "script_finished"
    return finished and bool(sent.script_finished != ForwardMsg.FINISHED_EARLY_FOR_RERUN)
