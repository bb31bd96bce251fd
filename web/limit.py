"""A bound on request bodies, which neither Starlette nor Uvicorn has: by the announced length and while reading."""

from __future__ import annotations

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from web.problems import problem, respond


class _TooLargeError(Exception):
    pass


class BodyLimit:
    """ASGI middleware that answers 413 to bodies over a number of bytes, also to chunked ones without a length."""

    def __init__(self, app: ASGIApp, max_bytes: int) -> None:
        """Args: app: what to protect; max_bytes: the largest body that it gets."""
        self.app = app
        self.max_bytes = max_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes a request on, or answers 413."""
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
            if seen > self.max_bytes:
                raise _TooLargeError
            return message

        async def watched(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            if length.isdigit() and int(length) > self.max_bytes:
                raise _TooLargeError
            await self.app(scope, counted, watched)
        except _TooLargeError:
            if not started:
                about = problem(
                    413, f"The request is too large: the limit is {self.max_bytes / 1e6:.4g} MB.", "too_many_bytes"
                )
                await respond(about)(scope, receive, send)
