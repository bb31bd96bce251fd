"""What a request body may be, which neither Starlette nor Uvicorn asks: so large, so slow, and where there is room.

And where it is while it arrives: in memory, never in a temporary file.
"""

from __future__ import annotations

import asyncio
import sys
import time

from starlette.formparsers import MultiPartParser
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from web.problems import Problem, problem, respond
from web.uploads.budget import RETRY_SECONDS, Budget, FullError, Reservation, budget

IDLE_SECONDS = 30.0
"""The longest time without a byte of a body."""

BODY_SECONDS = 300.0
"""The longest time from a request's beginning to its body's end."""

# Starlette, for Streamlit's uploads as well, would put a form's files over 1 MB on a disk to spare memory. The budget
# has memory for them, and nobody's picture belongs on a disk.
MultiPartParser.spool_max_size = sys.maxsize

_TOO_SLOW = problem(408, "The request did not arrive in time. Send it again, or a smaller one.", "too_slow")


class _RefusedError(Exception):
    def __init__(self, about: Problem, headers: dict[str, str] | None = None) -> None:
        self.about = about
        self.headers = headers


class BodyLimit:
    """ASGI middleware that bounds bodies: 413 to too many bytes, 503 where there is no room, 408 to senders who stall.

    The first two by the announced length, before anything is read, and while reading, for chunked bodies have none.
    The room is kept until the answer begins: by then the body is no longer needed.
    """

    def __init__(self, app: ASGIApp, max_bytes: int, budgets: tuple[Budget, ...] = (budget,)) -> None:
        """Args: app: what to protect; max_bytes: the largest body that it gets; budgets: all must have room."""
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
        started = complete = False
        seen = 0

        async def counted() -> Message:
            nonlocal complete, seen
            if complete:  # whoever asks now waits for the caller to go away, which may take any time
                return await receive()
            try:
                async with asyncio.timeout(min(IDLE_SECONDS, end - time.monotonic())):
                    message = await receive()
            except TimeoutError:
                # Closed, because the rest of the body may still come and would be taken for the next request.
                raise _RefusedError(_TOO_SLOW, {"Connection": "close"}) from None
            complete = not message.get("more_body", False)
            seen += len(message.get("body", b""))
            self._admit(seen, room)
            return message

        async def watched(message: Message) -> None:
            nonlocal started
            started = True
            room.release()
            await send(message)

        with Reservation(*self.budgets) as room:
            try:
                if length.isdigit():
                    self._admit(int(length), room)
                await self.app(scope, counted, watched)
            except _RefusedError as refused:
                if not started:
                    await respond(refused.about, refused.headers)(scope, receive, watched)
            except ClientDisconnect:
                pass  # nobody is there to be answered, and it is no error of ours

    def _admit(self, count: int, room: Reservation) -> None:
        """Raises unless a body may have so many bytes."""
        if count > self.max_bytes:
            detail = f"The request is too large: the limit is {self.max_bytes / 1e6:.4g} MB."
            raise _RefusedError(problem(413, detail, "too_many_bytes"))
        try:
            room.grow(count)
        except FullError as error:
            raise _RefusedError(error.budget.full, {"Retry-After": str(RETRY_SECONDS)}) from None
