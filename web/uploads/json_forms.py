"""Takes pictures that come in JSON, as base64: the only way of clients that send nothing but JSON.

`{"image": "..."}`, or a list of such texts, with parameters beside it, becomes a form with the same files and fields
while it arrives. So everything that holds for forms holds for JSON: the limits in bytes, time, number and memory count
what the pictures are, not the third more that base64 takes, and no copy of the text is kept.
"""

from __future__ import annotations

import secrets

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from web.errors import RequestTooLargeError
from web.problems import respond_to
from web.uploads.budget import FRAMING, max_bytes
from web.uploads.compressed import coding_of
from web.uploads.json_reader import JsonReader

_TEXT_PER_BYTE = 1.5
"""The most JSON for each byte of a picture: base64 takes 4/3, escaped slashes and line breaks up to 7 % of that."""


class JsonForms:
    """ASGI middleware that turns JSON bodies into forms; what is wrong with one is raised where it is read."""

    def __init__(self, app: ASGIApp) -> None:
        """Args: app: the app that gets forms."""
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes a request on, or answers that it is too large."""
        if not _is_json(scope):
            await self.app(scope, receive, send)
            return
        most = int(max_bytes() * _TEXT_PER_BYTE) + FRAMING
        length = Headers(scope=scope).get("content-length", "")
        if length.isdigit() and int(length) > most:
            await respond_to(_too_large())(scope, receive, send)
            return
        boundary = secrets.token_hex(16)
        body = _Body(receive, JsonReader(boundary.encode()), most)
        await self.app(_as_form(scope, boundary), body.receive, send)


class _Body:
    """A body while it becomes a form."""

    def __init__(self, receive: Receive, reader: JsonReader, most: int) -> None:
        self._receive = receive
        self._reader = reader
        self._most = most
        self._seen = 0
        self._complete = False

    async def receive(self) -> Message:
        message = await self._receive()
        if self._complete or message["type"] != "http.request":
            return message  # from now on the app waits for the caller to disconnect
        data, more = message.get("body", b""), message.get("more_body", False)
        self._seen += len(data)
        if self._seen > self._most:
            raise _too_large()
        form = self._reader.feed(data)
        if not more:
            form += self._reader.end()
            self._complete = True
        return {"type": "http.request", "body": form, "more_body": more}


def _is_json(scope: Scope) -> bool:
    if scope["type"] != "http" or scope["method"] != "POST":
        return False
    kind = Headers(scope=scope).get("content-type", "").partition(";")[0].strip().lower()
    # A compressed body is refused where bodies are read.
    return (kind in ("application/json", "text/json") or kind.endswith("+json")) and coding_of(scope) == "identity"


def _as_form(scope: Scope, boundary: str) -> Scope:
    """The request as it would be, had a form come: nobody knows its length."""
    changed = (b"content-type", b"content-length", b"transfer-encoding")
    headers = [pair for pair in scope["headers"] if pair[0] not in changed]
    kind = f"multipart/form-data; boundary={boundary}".encode()
    return {**scope, "headers": [*headers, (b"content-type", kind), (b"transfer-encoding", b"chunked")]}


def _too_large() -> RequestTooLargeError:
    return RequestTooLargeError(limit=max_bytes())
