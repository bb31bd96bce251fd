"""Lets the pages of other sites call the API (CORS), where a setting names these sites; and nothing but the API."""

from __future__ import annotations

from collections.abc import Collection

from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

from web.base_path import BASE

# Of the Open Inference Protocol; `classifier.protocols.oip` has it, too, but needs NumPy.
HEADER_LENGTH = "Inference-Header-Content-Length"

_SECONDS = 3600  # for which a browser need not ask again


class ApiCors:
    """ASGI middleware that answers preflight requests, and lets pages read the API's answers, its errors included.

    It stands outside whatever may refuse a request, so that a page can read why. Cookies are never let through.
    """

    def __init__(self, app: ASGIApp, origins: Collection[str]) -> None:
        """Args: app: the app to wrap; origins: those whose pages may call the API, or `*`."""
        self.app = app
        self.cors = CORSMiddleware(
            app,
            allow_origins=origins,
            allow_methods=("GET", "POST"),
            allow_headers=("Authorization", "Content-Type", "Content-Encoding", HEADER_LENGTH),
            expose_headers=("Retry-After", "WWW-Authenticate", HEADER_LENGTH),
            max_age=_SECONDS,
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes a request on, or answers a preflight request."""
        path = scope.get("path", "") + "/"
        app = self.cors if path.startswith((f"{BASE}/api/", f"{BASE}/v2/")) else self.app
        await app(scope, receive, send)
