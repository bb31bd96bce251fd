"""Closes what Streamlit offers beside its page and the page does not need: its metrics, agent API, script check.

Only what the page asks for is let through, so that what a later Streamlit adds is closed, too.
"""

from __future__ import annotations

from starlette.types import ASGIApp, Receive, Scope, Send

from web.problems import NOT_FOUND, respond

_OPEN = ("health", "host-config", "stream", "upload_file")


class AllowedPaths:
    """ASGI middleware that answers 404 under `/_stcore/`, except for the paths of the page."""

    def __init__(self, app: ASGIApp) -> None:
        """Args: app: Streamlit's."""
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes a request on, or answers 404."""
        # Wherever the prefix stands: Streamlit's routes may lie under a base path.
        _, core, rest = scope.get("path", "").partition("/_stcore/")
        if scope["type"] == "http" and core and rest.partition("/")[0] not in _OPEN:
            await respond(NOT_FOUND)(scope, receive, send)
        else:
            await self.app(scope, receive, send)
