"""Limits on request bodies that neither Starlette nor Uvicorn has: on their size, their time, and their memory in all.

While a body arrives it is kept in memory, never in a temporary file.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from functools import partial

from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from classifier.errors import ClassifierError
from web.clients import CLIENTS, client_of
from web.errors import RequestTooLargeError, SlowRequestError
from web.problems import respond_to
from web.uploads.budget import FRAMING, Budget, Reservation

IDLE_SECONDS = 30.0
"""The longest time without a byte of a body, and the longest that a body may lag behind `LEAST_RATE`."""

LEAST_RATE = 2000.0
"""Bytes per second below which a body lags behind.

The slowest lines on which anybody sends a picture, 2G ones of 20 to 30 kbit/s, carry 2,500 to 3,700 bytes per second.
"""

BODY_SECONDS = 300.0
"""The longest time from a request's beginning to its body's end."""

_PIECE = 1 << 14  # bytes


class _RefusedError(Exception):
    def __init__(self, error: ClassifierError, headers: dict[str, str] | None = None) -> None:
        self.error = error
        self.headers = headers


class BodyLimit:
    """ASGI middleware that bounds bodies: 413 if they are too large, 408 if too slow, 429 or 503 if there is no room.

    Bytes and room are checked by the announced length before anything is read. Room is taken as the body arrives, and
    kept until the answer begins: by then the body is no longer needed.
    """

    def __init__(
        self,
        app: ASGIApp,
        max_bytes: Callable[[], int],
        budgets: Callable[[], tuple[Budget, ...]],
        admit: Callable[[Scope], None] = lambda scope: None,
        respond: Callable[[ClassifierError, dict[str, str] | None], Response] = respond_to,
    ) -> None:
        """The limit and the budgets are looked up for each request, since they may change while the server starts.

        Args:
            app: the app to protect.
            max_bytes: returns the most bytes of pictures in a body; their form may take `FRAMING` more.
            budgets: returns the budgets that must have room.
            admit: raises if the body of this request is not to be read now.
            respond: makes the answer to a body that is refused.
        """
        self.app = app
        self.max_bytes = max_bytes
        self.budgets = budgets
        self.admit = admit
        self.respond = respond

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes a request on, or answers why not."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        refused: tuple[ClassifierError, dict[str, str] | None] | None = None
        started = False

        async def watched(message: Message) -> None:
            nonlocal started
            started = True
            room.release()
            await send(message)

        with Reservation(*self.budgets(), client=client_of(scope)) as room:
            body = _Body(receive, self.max_bytes(), room)
            try:
                body.expect(dict(scope["headers"]), partial(self.admit, scope))
                await self.app(scope, body.receive, watched)
            except _RefusedError as error:
                # Not kept itself: its traceback holds all that has arrived.
                refused = error.error, error.headers
            except ClientDisconnect:
                pass  # there is nobody to answer, and it is not an error of the server
        if refused and not started:
            await self.respond(*refused)(scope, receive, send)


class _Body:
    """A body while it arrives."""

    def __init__(self, receive: Receive, max_bytes: int, room: Reservation) -> None:
        self._receive = receive
        self._max_bytes = max_bytes
        self._room = room
        room.on_eviction = self._interrupt
        self._end = time.monotonic() + BODY_SECONDS
        self._patience = IDLE_SECONDS  # seconds for which the next bytes are waited for
        self._waiting: asyncio.Timeout | None = None
        self._seen = 0
        self._complete = False

    def expect(self, headers: dict[bytes, bytes], admit: Callable[[], None]) -> None:
        """Refuses the body by its announced length, if that is too large or cannot fit, or since it is not admitted."""
        length = headers.get(b"content-length", b"")
        has_body = length.strip(b"0") or b"transfer-encoding" in headers
        if length.isdigit():
            self._check_size(int(length))
        try:
            if has_body:
                CLIENTS.seen(self._room.client)
                admit()
            if length.isdigit():
                self._room.expect(int(length))
        except ClassifierError as full:
            raise _RefusedError(full) from None

    async def receive(self) -> Message:
        """The next piece of the body.

        Small pieces are put together, since each takes fifty bytes beside its own, which do not count.
        """
        if self._complete:  # from now on the app waits for the caller to disconnect, which may take any time
            return await self._receive()
        piece, more = bytearray(), True
        while more and len(piece) < _PIECE:
            message = await self._next()
            if message["type"] != "http.request":
                return message
            piece += message.get("body", b"")
            more = message.get("more_body", False)
        return {"type": "http.request", "body": bytes(piece), "more_body": more}

    async def _next(self) -> Message:
        begin = time.monotonic()
        try:
            async with asyncio.timeout(min(self._patience, self._end - begin)) as self._waiting:
                message = await self._receive()
        except TimeoutError:
            self._grow(0)
            # Closed, because the rest of the body may still come and would be taken for the next request.
            raise _RefusedError(SlowRequestError(), {"Connection": "close"}) from None
        finally:
            self._waiting = None
        count = len(message.get("body", b""))
        # Only the time of waiting counts, not what the server itself needed in between.
        waited = time.monotonic() - begin
        self._patience = min(IDLE_SECONDS, self._patience - waited + count / LEAST_RATE)
        self._grow(count)
        self._complete = not message.get("more_body", False)
        if self._complete:
            self._room.complete()
        return message

    def _grow(self, count: int) -> None:
        self._seen += count
        self._check_size(self._seen)
        try:
            self._room.grow(self._seen)
        except ClassifierError as full:
            raise _RefusedError(full) from None

    def _check_size(self, count: int) -> None:
        if count > self._max_bytes + FRAMING:
            raise _RefusedError(RequestTooLargeError(limit=self._max_bytes))

    def _interrupt(self) -> None:
        """Ends the waiting for the next bytes."""
        if self._waiting is not None and not self._waiting.expired():
            self._waiting.reschedule(0)
