"""Takes bodies that come compressed by gzip or deflate, as some clients of inference servers send tensors.

They are decompressed while they arrive, a little at a time, so that the limits on a body hold for what it becomes.
"""

from __future__ import annotations

import zlib
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from classifier.errors import ClassifierError
from web.errors import BadCompressionError, UnknownEncodingError
from web.problems import respond_to

_PIECE = 1 << 16  # bytes
_WINDOWS = {"gzip": 16 + zlib.MAX_WBITS, "x-gzip": 16 + zlib.MAX_WBITS, "deflate": zlib.MAX_WBITS}


class _BrokenError(Exception):
    pass


class Decompress:
    """ASGI middleware that decompresses bodies; 415 for other codings, 400 for what is broken."""

    def __init__(self, app: ASGIApp) -> None:
        """Args: app: the app that gets bodies as they were before."""
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes a request on, or answers why not."""
        coding = coding_of(scope)
        if coding == "identity":
            await self.app(scope, receive, send)
            return
        window = _WINDOWS.get(coding)
        if window is None:
            await respond_to(UnknownEncodingError(), {"Accept-Encoding": "gzip, deflate"})(scope, receive, send)
            return
        refused: ClassifierError | None = None
        started = False

        async def watched(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self.app(_plain(scope), _Body(receive, window).receive, watched)
        except _BrokenError:
            refused = BadCompressionError()
        if refused and not started:
            # Closed, because the rest of the body may still come and would be taken for the next request.
            await respond_to(refused, {"Connection": "close"})(scope, receive, send)


class _Body:
    """A body while it is decompressed."""

    def __init__(self, receive: Receive, window: int) -> None:
        self._receive = receive
        self._stream: Any = zlib.decompressobj(window)
        self._more = True
        self._complete = False

    async def receive(self) -> Message:
        if self._complete:  # from now on the app waits for the caller to disconnect
            return await self._receive()
        data = self._stream.unconsumed_tail
        if not data and self._more:
            message = await self._receive()
            if message["type"] != "http.request":
                return message
            data = message.get("body", b"")
            self._more = message.get("more_body", False)
        try:
            piece = self._stream.decompress(data, _PIECE)
        except zlib.error:
            raise _BrokenError from None
        rest = bool(self._stream.unconsumed_tail) or len(piece) == _PIECE
        if self._stream.unused_data or (not self._more and not rest and not self._stream.eof):
            raise _BrokenError
        self._complete = not self._more and not rest
        return {"type": "http.request", "body": piece, "more_body": not self._complete}


def coding_of(scope: Scope) -> str:
    """The content coding of a body: `identity` where it comes as it is."""
    if scope["type"] != "http":
        return "identity"
    sent = [value.decode("latin-1").strip().lower() for name, value in scope["headers"] if name == b"content-encoding"]
    return ",".join(sent) or "identity"


def _plain(scope: Scope) -> Scope:
    """The request as it would be, had its body come as it was before: nobody knows its length."""
    others = [pair for pair in scope["headers"] if pair[0] not in (b"content-encoding", b"content-length")]
    return {**scope, "headers": [*others, (b"transfer-encoding", b"chunked")]}
