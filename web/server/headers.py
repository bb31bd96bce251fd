"""Security headers on every answer: the page's and Streamlit's files, the API, docs, health and metrics.

The scripts that a browser may run are those of this server's files and the few that stand in the HTML we serve; the
latter are allowed by their hash, taken from that very HTML. What TLS needs (HSTS) is for whatever ends TLS to say.
"""

from __future__ import annotations

import base64
import hashlib
import re

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from web.problems import UNEXPECTED, respond

_INLINE = re.compile(r"<script(?![^>]*\ssrc=)[^>]*>(.*?)</script>", re.DOTALL | re.IGNORECASE)

# Off wherever the page is embedded. Not listed: autoplay and fullscreen, for the camera's picture and for images.
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
    # Addresses carry a visitor's choices; nobody else needs them.
    "Referrer-Policy": "same-origin",
    "Permissions-Policy": ", ".join(["camera=(self)", *(f"{feature}=()" for feature in _OFF)]),
    "Cross-Origin-Opener-Policy": "same-origin",
}


def content_policy(html: str) -> str:
    """The Content-Security-Policy under which a page of ours works, and nothing that someone put into it.

    Args:
        html: the page, exactly as it is served; its inline scripts are allowed.
    """
    scripts = {base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in _INLINE.findall(html)}
    directives = {
        "default-src": "'self'",
        "script-src": " ".join(["'self'", *(f"'sha256-{script}'" for script in sorted(scripts))]),
        "style-src": "'self' 'unsafe-inline'",  # Streamlit and Swagger UI style their parts as they draw them
        "img-src": "'self' data: blob:",
        "font-src": "'self' data:",
        "media-src": "'self' data: blob:",
        "connect-src": "'self' data:",  # the camera's photo is a data: address, read before it is sent
        "worker-src": "'self' blob:",
        "object-src": "'none'",
        "base-uri": "'self'",
        "form-action": "'self'",
        # A Hugging Face Space is shown in a frame. X-Frame-Options could not say so.
        "frame-ancestors": "'self' https://huggingface.co https://*.hf.space",
    }
    return "; ".join(f"{name} {value}" for name, value in directives.items())


class SecurityHeaders:
    """ASGI middleware, the outermost one: adds the headers, except where an answer brings its own."""

    def __init__(self, app: ASGIApp, policy: str) -> None:
        """Args: app: whose answers get headers; policy: the Content-Security-Policy of all that have none."""
        self.app = app
        self.headers = {**_HEADERS, "Content-Security-Policy": policy}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes a request on; an error that nobody answered is answered here, so that this has the headers, too."""
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
