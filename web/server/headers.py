"""Security headers on every answer: the page's and Streamlit's files, the API, docs, health and metrics.

A browser may run the scripts in this server's files and the few inline scripts in the HTML that we serve; the latter
are allowed by their hash, computed from that same HTML. The header for TLS (HSTS) is left to the proxy that ends TLS.
"""

from __future__ import annotations

import base64
import hashlib
import re

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from web.origins import FRAMES, HUGGING_FACE
from web.problems import UNEXPECTED, respond

_INLINE = re.compile(r"<script(?![^>]*\ssrc=)[^>]*>(.*?)</script>", re.DOTALL | re.IGNORECASE)

# Features that are off, also where the page is embedded. Autoplay and fullscreen are not listed: the camera's picture
# and images need them.
_OFF = (
    "accelerometer",
    "browsing-topics",
    "display-capture",
    "geolocation",
    "gyroscope",
    "hid",
    "idle-detection",
    "local-fonts",
    "magnetometer",
    "microphone",
    "midi",
    "payment",
    "publickey-credentials-get",
    "screen-wake-lock",
    "serial",
    "usb",
    "xr-spatial-tracking",
)

_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    # Addresses contain a visitor's choices, which no other site needs to know.
    "Referrer-Policy": "same-origin",
    "Permissions-Policy": ", ".join(["camera=(self)", *(f"{feature}=()" for feature in _OFF)]),
    "Cross-Origin-Opener-Policy": "same-origin",
}


def content_policy(html: str) -> str:
    """The Content-Security-Policy under which a page of ours works, but no script that someone else put into it.

    Args:
        html: the page, exactly as it is served; its inline scripts are allowed.
    """
    scripts = {base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in _INLINE.findall(html)}
    directives = {
        "default-src": "'self'",
        "script-src": " ".join(["'self'", *(f"'sha256-{script}'" for script in sorted(scripts))]),
        "style-src": "'self' 'unsafe-inline'",  # Streamlit and Swagger UI add styles as they draw their parts
        "img-src": "'self' data: blob:",
        "font-src": "'self' data:",
        "media-src": "'self' data: blob:",
        "connect-src": "'self' data:",  # the camera's photo is a data: address, read before it is sent
        "worker-src": "'self' blob:",
        "object-src": "'none'",
        "base-uri": "'self'",
        "form-action": "'self'",
        # A Hugging Face Space is shown in a frame, which X-Frame-Options could not allow.
        "frame-ancestors": " ".join(["'self'", *HUGGING_FACE, *FRAMES]),
    }
    return "; ".join(f"{name} {value}" for name, value in directives.items())


class SecurityHeaders:
    """ASGI middleware, one of the outermost: adds the headers, except where an answer brings its own."""

    def __init__(self, app: ASGIApp, policy: str) -> None:
        """Args: app: the app whose answers get headers; policy: the Content-Security-Policy of answers without one."""
        self.app = app
        self.headers = {**_HEADERS, "Content-Security-Policy": policy}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes a request on, and answers errors that nothing has answered yet, so that these get the headers, too."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started = False

        async def secured(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                headers = MutableHeaders(scope=message)
                for name, value in self.headers.items():
                    headers.setdefault(name, value)
            await send(message)

        try:
            await self.app(scope, receive, secured)
        except Exception:
            if not started:
                await respond(UNEXPECTED)(scope, receive, secured)
            raise  # for the log
