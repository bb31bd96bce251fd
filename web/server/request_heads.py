"""Refuses requests whose end a proxy and this server may see in different places (RFC 9112, 6.1 and 6.3).

Behind a proxy, the rest of such a request could be taken for the beginning of another visitor's. h11 refuses lengths
that contradict each other and codings other than `chunked`, but takes a length beside a coding.
"""

from __future__ import annotations

from starlette.types import ASGIApp, Receive, Scope, Send

from web.errors import AmbiguousLengthError
from web.problems import respond_to


class UnambiguousLength:
    """ASGI middleware that answers 400 and closes the connection."""

    def __init__(self, app: ASGIApp) -> None:
        """Args: app: the app."""
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes a request on, or refuses it."""
        if scope["type"] == "http" and _is_ambiguous(scope):
            await respond_to(AmbiguousLengthError(), {"Connection": "close"})(scope, receive, send)
        else:
            await self.app(scope, receive, send)


def _is_ambiguous(scope: Scope) -> bool:
    names = [name for name, _ in scope["headers"]]
    if b"transfer-encoding" not in names:
        return False
    # HTTP/1.0 knows no codings, so a proxy that speaks it may pass the body on as something else.
    return b"content-length" in names or scope["http_version"] == "1.0"
