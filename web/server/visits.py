"""The visits to the page: how many there may be, who each is from, and what is being worked on for it.

A visit lasts as long as its WebSocket. Streamlit runs the page in threads that know the headers of their visit's
WebSocket, but not whether it is still open. So each WebSocket gets a header that no visitor can send, with a name under
which the page finds its visit here.
"""

from __future__ import annotations

import asyncio
import secrets
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from starlette.types import ASGIApp, Receive, Scope, Send

from classifier.errors import ClassifierError, ShareError
from classifier.machine.cancellation import Cancellation
from classifier.machine.clients import Clients, Shares
from web.clients import CLIENTS, client_of
from web.errors import TooManyVisitsError
from web.problems import respond_to
from web.server.capacity import capacity

HEADER = "x-visit"
"""The header with a visit's name."""

_open: dict[str, Visit] = {}


class Visit:
    """One visit: ends with its WebSocket."""

    def __init__(self, client: str = "") -> None:
        """Args: client: see `web.clients`."""
        self.client = client
        self._lock = threading.Lock()
        self._work: set[Cancellation] = set()
        self._ended = False

    @contextmanager
    def work(self) -> Iterator[Cancellation]:
        """Something is worked on for the visit, and called off when the visit ends."""
        cancellation = Cancellation()
        with self._lock:
            self._work.add(cancellation)
            ended = self._ended
        if ended:
            cancellation.cancel()
        try:
            yield cancellation
        finally:
            with self._lock:
                self._work.discard(cancellation)

    def end(self) -> None:
        """Calls off what is worked on for the visit."""
        with self._lock:
            self._ended = True
            work = list(self._work)
        for cancellation in work:
            cancellation.cancel()


def visit(name: str | None) -> Visit:
    """The visit with a name; one of nobody in particular if there is none, as when its WebSocket has just ended."""
    return _open.get(name or "") or Visit()


class Visits:
    """ASGI middleware that knows the visits."""

    def __init__(self, app: ASGIApp) -> None:
        """Args: app: Streamlit's app."""
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes a request on; a WebSocket with the name of its visit."""
        if scope["type"] != "websocket":
            await self.app(scope, receive, send)
            return
        name, here = secrets.token_hex(16), Visit(client_of(scope))
        sent = [(key, value) for key, value in scope["headers"] if key.decode("latin-1").lower() != HEADER]
        _open[name] = here
        try:
            await self.app({**scope, "headers": [*sent, (HEADER.encode(), name.encode())]}, receive, send)
        finally:
            del _open[name]
            here.end()


class VisitLimit:
    """ASGI middleware that answers the handshake of a WebSocket with an error when there are too many.

    A visit lasts as long as its WebSocket; each takes memory, also when it never draws a page.
    """

    def __init__(
        self, app: ASGIApp, bound: Callable[[], int] = lambda: capacity().visits, clients: Clients = CLIENTS
    ) -> None:
        """Args: app: Streamlit's app; bound: returns the most visits; clients: all clients."""
        self.app = app
        self._bound = bound
        self._clients = clients
        self._shares = Shares(clients)
        self._total = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes a connection on, or answers why not."""
        if scope["type"] != "websocket":
            await self.app(scope, receive, send)
            return
        client = client_of(scope)
        why_not = self._why_not(client)
        if why_not is not None:
            await respond_to(why_not)(scope, receive, send)
            await _lost(receive)
            return
        self._clients.seen(client)
        self._total += 1
        self._shares.add(client, 1)
        try:
            await self.app(scope, receive, send)
        finally:
            self._total -= 1
            self._shares.add(client, -1)

    def _why_not(self, client: str) -> ClassifierError | None:
        bound = self._bound()
        if self._total >= bound:
            return TooManyVisitsError()
        if self._shares.held(client) >= self._shares.bound(client, bound):
            return ShareError()
        return None


async def _lost(receive: Receive) -> None:
    """Waits a moment until the connection of a refused handshake is lost: Uvicorn logs an error if we return before."""
    with suppress(TimeoutError):
        async with asyncio.timeout(1):
            for _ in range(3):  # the handshake, the end that follows its answer, the loss
                await receive()
