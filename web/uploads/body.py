"""Limits on request bodies that neither Starlette nor Uvicorn has: on their size, their time, and their memory in all.

While a body arrives it is kept in memory, never in a temporary file.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from classifier.errors import ClassifierError
from classifier.picture.limits import millions
from web.errors import RequestTooLargeError, SlowRequestError
from web.problems import respond_to
from web.uploads.budget import FRAMING, Budget, Reservation

IDLE_SECONDS = 30.0
"""The longest time without a byte of a body."""

BODY_SECONDS = 300.0
"""The longest time from a request's beginning to its body's end."""


class _RefusedError(Exception):
    def __init__(self, error: ClassifierError, headers: dict[str, str] | None = None) -> None:
        self.error = error
        self.headers = headers


class BodyLimit:
    """ASGI middleware that bounds bodies: 413 if they have too many bytes, 503 if there is no room, 408 if they stall.

    Bytes and room are checked by the announced length before anything is read, and again while reading, since chunked
    bodies announce no length. The room is reserved until the answer begins: by then the body is no longer needed.
    """

    def __init__(self, app: ASGIApp, max_bytes: Callable[[], int], budgets: Callable[[], tuple[Budget, ...]]) -> None:
        """The limit and the budgets are looked up for each request, since they may change while the server starts.

        Args:
            app: the app to protect.
            max_bytes: returns the most bytes of pictures in a body; their form may take `FRAMING` more.
            budgets: returns the budgets that must have room.
        """
        self.app = app
        self.max_bytes = max_bytes
        self.budgets = budgets

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes a request on, or answers why not."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        length = dict(scope["headers"]).get(b"content-length", b"0")
        end = time.monotonic() + BODY_SECONDS
        max_bytes = self.max_bytes()
        started = complete = False
        seen = 0

        def admit(count: int) -> None:
            """Refuses a body of `count` bytes if it is too large or there is no room for it."""
            if count > max_bytes + FRAMING:
                raise _RefusedError(RequestTooLargeError(limit=millions(max_bytes)))
            try:
                room.grow(count)
            except ClassifierError as full:
                raise _RefusedError(full) from None

        async def counted() -> Message:
            nonlocal complete, seen
            if complete:  # from now on the app waits for the caller to disconnect, which may take any time
                return await receive()
            try:
                async with asyncio.timeout(min(IDLE_SECONDS, end - time.monotonic())):
                    message = await receive()
            except TimeoutError:
                # Closed, because the rest of the body may still come and would be taken for the next request.
                raise _RefusedError(SlowRequestError(), {"Connection": "close"}) from None
            complete = not message.get("more_body", False)
            seen += len(message.get("body", b""))
            admit(seen)
            return message

        async def watched(message: Message) -> None:
            nonlocal started
            started = True
            room.release()
            await send(message)

        with Reservation(*self.budgets()) as room:
            try:
                if length.isdigit():
                    admit(int(length))
                await self.app(scope, counted, watched)
            except _RefusedError as refused:
                if not started:
                    await respond_to(refused.error, refused.headers)(scope, receive, watched)
            except ClientDisconnect:
                pass  # there is nobody to answer, and it is not an error of the server
