"""The visits to the page: how many there may be. A visit lasts as long as its WebSocket."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress

from starlette.types import ASGIApp, Receive, Scope, Send

from classifier.errors import ClassifierError, ShareError
from classifier.machine.clients import Clients, Shares
from web.clients import CLIENTS, client_of
from web.errors import TooManyVisitsError
from web.problems import respond_to
from web.server.capacity import capacity


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
