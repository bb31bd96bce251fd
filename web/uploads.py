"""A bound on the files that one visit to the page holds: Streamlit bounds the size of each, not their number."""

from __future__ import annotations

from collections import Counter

from starlette.types import ASGIApp, Receive, Scope, Send

from web.problems import problem, respond
from web.sessions import uploads_held

MAX_FILES = 8
"""Per page session; the page itself needs three at most: uploader, camera, and the one that takes a place."""


class UploadCap:
    """ASGI middleware that answers 429 to uploads by a session that holds, or is just sending, too many already."""

    def __init__(self, app: ASGIApp) -> None:
        """Args: app: Streamlit's."""
        self.app = app
        self._sending: Counter[str] = Counter()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes a request on, or answers 429."""
        _, upload, rest = scope.get("path", "").partition("/_stcore/upload_file/")
        if not upload or scope["type"] != "http" or scope["method"] != "PUT":
            await self.app(scope, receive, send)
            return
        session = rest.partition("/")[0]
        if uploads_held(session) + self._sending[session] >= MAX_FILES:
            detail = f"One visit may hold {MAX_FILES} files. Remove one, or reload the page."
            await respond(problem(429, detail, "too_many_files"))(scope, receive, send)
            return
        self._sending[session] += 1
        try:
            await self.app(scope, receive, send)
        finally:
            self._sending[session] -= 1
            if not self._sending[session]:
                del self._sending[session]
