"""The visits to the page: one for each open WebSocket, with who it is from and what is being worked on for it.

Streamlit runs the page in threads that know the headers of their visit's WebSocket, but not whether it is still open.
So each WebSocket gets a header that no visitor can send, with a name under which the page finds its visit here.
"""

from __future__ import annotations

import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from starlette.types import ASGIApp, Receive, Scope, Send

from classifier.machine.cancellation import Cancellation
from web.clients import client_of

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
