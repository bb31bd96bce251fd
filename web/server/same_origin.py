"""Lets only this server's own page use what is for the page alone, whatever site a visitor's browser is on.

Browsers say in `Sec-Fetch-Site` from which site a request comes. Over plain HTTP they say it for this machine only;
there the `Origin`, which every POST of a script has, must name the host that is asked. A page in a frame of another
site, such as that of a Hugging Face Space, is still this server's page. Programs can say what they like: this is no
lock, and they find behind it what they find by opening the page.
"""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from classifier.errors import ClassifierError
from web.errors import OtherSiteError
from web.problems import respond_to


class SameOrigin:
    """ASGI middleware that answers 403 to requests that do not come from a page of this server."""

    def __init__(self, app: ASGIApp, respond: Callable[[ClassifierError], Response] = respond_to) -> None:
        """Args: app: the app to protect; respond: makes the answer to a refused request."""
        self.app = app
        self._respond = respond

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes a request on, or answers 403."""
        if scope["type"] == "http" and not is_own(Headers(scope=scope)):
            await self._respond(OtherSiteError())(scope, receive, send)
        else:
            await self.app(scope, receive, send)


def is_own(headers: Headers) -> bool:
    """Whether a request with these headers comes from a page of this server.

    Sources: https://www.w3.org/TR/fetch-metadata/, https://fetch.spec.whatwg.org/#origin-header
    """
    site = headers.get("sec-fetch-site")
    if site is not None:
        return site == "same-origin"
    host, origin = headers.get("host", ""), urlsplit(headers.get("origin", ""))
    return bool(host) and origin.scheme in ("http", "https") and _named(origin.netloc) == _named(host)


def _named(host: str) -> str:
    """A host without the port that its scheme has anyway: which scheme a proxy is called by is not known here."""
    name, _, port = host.lower().rpartition(":")
    return name if name and port in ("80", "443") else host.lower()
