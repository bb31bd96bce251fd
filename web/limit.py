"""What a request body may be, which neither Starlette nor Uvicorn asks: only so large, and only where there is room."""

from __future__ import annotations

from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from web.budget import RETRY_SECONDS, Budget, FullError, Reservation, budget
from web.problems import Problem, problem, respond


class _RefusedError(Exception):
    def __init__(self, about: Problem) -> None:
        self.about = about


class BodyLimit:
    """ASGI middleware that answers 413 to bodies over a number of bytes, and 503 to those there is no room for.

    Both by the announced length, before anything is read, and while reading, for chunked bodies have none. The room
    is kept until the answer begins: by then the body is no longer needed.
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
        started = False
        seen = 0

        async def counted() -> Message:
            nonlocal seen
            message = await receive()
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
                    wait = {"Retry-After": str(RETRY_SECONDS)} if refused.about.status == 503 else None
                    await respond(refused.about, wait)(scope, receive, watched)
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
            raise _RefusedError(error.budget.full) from None
