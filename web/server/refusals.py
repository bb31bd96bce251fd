"""Answers 429 at a bounded rate to each client, so that being refused in a loop costs the others nothing.

A client that asks again as soon as it is refused, on many connections, would otherwise keep the event loop busy with
its refusals. The first refusal is answered at once; each further one a little after the one before it.
"""

from __future__ import annotations

import asyncio

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from classifier.machine.pace import Pace
from web.clients import client_of

SECONDS = 0.05
"""Seconds between two refusals of one client."""


class PacedRefusals:
    """ASGI middleware that holds back answers 429; one of the outermost."""

    def __init__(self, app: ASGIApp) -> None:
        """Args: app: the app whose refusals are paced."""
        self.app = app
        self._pace = Pace(SECONDS)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes a request on, and its answer at its time."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def paced(message: Message) -> None:
            if message["type"] == "http.response.start" and message["status"] == 429:
                await asyncio.sleep(self._pace.count(client_of(scope)))
            await send(message)

        await self.app(scope, receive, paced)
