"""Gives the problems that are answered under `/v2` the form in which clients of that protocol look for them.

That is JSON with a member `error`, and the media type of JSON alone: KServe's client reads no other.
"""

from __future__ import annotations

import json

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from web.base_path import BASE
from web.problems import MEDIA_TYPE


class ErrorMember:
    """ASGI middleware that stands outside whatever may refuse a request."""

    def __init__(self, app: ASGIApp) -> None:
        """Args: app: the app whose answers are completed."""
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes a request on, and its answer."""
        if scope["type"] != "http" or not (scope["path"] + "/").startswith(f"{BASE}/v2/"):
            await self.app(scope, receive, send)
            return
        start: Message | None = None

        async def completed(message: Message) -> None:
            nonlocal start
            if message["type"] == "http.response.start" and _is_problem(message):
                start = message
            elif start is None:
                await send(message)
            else:  # its whole body: `problems.respond` makes no others
                problem = json.loads(message["body"] or b"{}")
                headers = MutableHeaders(scope=start)
                headers["Content-Type"] = "application/json"
                body = json.dumps({**problem, "error": problem.get("detail", "")}).encode()
                if scope["method"] == "HEAD":
                    body = message["body"]
                else:
                    headers["Content-Length"] = str(len(body))
                await send(start)
                start = None
                await send({**message, "body": body})

        await self.app(scope, receive, completed)


def _is_problem(message: Message) -> bool:
    return MutableHeaders(scope=message).get("content-type") == MEDIA_TYPE
