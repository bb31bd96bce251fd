"""Closes those paths of Streamlit that the page does not need: its metrics, uploads, agent API, script check.

Only the paths that the page needs are open, so that paths which a later Streamlit adds are closed, too.
"""

from __future__ import annotations

from starlette.types import ASGIApp, Receive, Scope, Send

from web.problems import NOT_FOUND, respond

_OPEN = ("bidi-components", "health", "host-config", "stream")


class AllowedPaths:
    """ASGI middleware that answers 404 under `/_stcore/`, except for the paths of the page."""

    def __init__(self, app: ASGIApp) -> None:
        """Args: app: Streamlit's app."""
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes a request on, or answers 404."""
        # The prefix may be anywhere in the path: Streamlit's routes may be under a base path.
        _, core, rest = scope.get("path", "").partition("/_stcore/")
        if scope["type"] == "http" and core and rest.partition("/")[0] not in _OPEN:
            await respond(NOT_FOUND)(scope, receive, send)
        else:
            await self.app(scope, receive, send)
