"""A line for each request on standard output, where a setting asks for it: in Apache's Combined Log Format, or as JSON.

A line says who asked for what and what came of it. It holds nothing of a picture, nothing of what stands behind a `?`,
neither of the path nor of `Referer`, no key (the name of one stands where others have a user's), and no name of a visit
or of a picture in a path. A WebSocket, that is a visit of the page, has its line when it ends.
"""

from __future__ import annotations

import json
import os
import re
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from web.clients import KEY

VARIABLE = "CLASSIFIER_ACCESS_LOG"
"""The setting; read here, since requests come before `classifier.settings` and pydantic are imported."""

_LONGEST = 1000  # characters of what a caller has sent, in each field
_NAMES = re.compile(r"(/_stcore/upload_file|/media)/[^?]*")  # of visits and of pictures, which only their owner knows
_WRITTEN = {code: f"\\x{code:02x}" for code in (*range(0x20), 0x22, 0x5C, *range(0x7F, 0x100))}  # as nginx does
_GONE = 499  # nginx's number for a caller that has gone before it was answered
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")  # in no locale


@dataclass(frozen=True, slots=True)
class Entry:
    """One request and its answer.

    Attributes:
        time: when it came, in seconds since 1970.
        client: the address; of a trusted proxy's client, if one passed it on.
        status: of the answer.
        bytes: of the answer's body, or of all messages of a WebSocket.
        key: the name of the caller's key; empty if it has sent none.
        method: of the request; empty if what arrived was none, or was not read since the connection was refused.
        path: as it was sent.
        protocol: such as HTTP/1.1.
        duration_ms: from the request to the end of the answer.
        referer: the page that led here.
        user_agent: the caller's program.
    """

    time: float
    client: str
    status: int
    bytes: int
    key: str = ""
    method: str = ""
    path: str = ""
    protocol: str = ""
    duration_ms: float = 0
    referer: str = ""
    user_agent: str = ""


def combined(entry: Entry) -> str:
    """The entry in Apache's and nginx's Combined Log Format."""
    at = datetime.fromtimestamp(entry.time, UTC)
    when = f"{at:%d}/{_MONTHS[at.month - 1]}/{at:%Y:%H:%M:%S} +0000"
    request = f"{_safe(entry.method)} {_safe(entry.path)} {entry.protocol}" if entry.method else "-"
    client, key = (_safe(name).replace(" ", "\\x20") or "-" for name in (entry.client, entry.key))
    return (
        f'{client} - {key} [{when}] "{request}" {entry.status} {entry.bytes or "-"} '
        f'"{_safe(entry.referer) or "-"}" "{_safe(entry.user_agent) or "-"}"'
    )


def as_json(entry: Entry) -> str:
    """The entry as an object of JSON."""
    at = datetime.fromtimestamp(entry.time, UTC).isoformat(timespec="milliseconds")
    return json.dumps(asdict(entry) | {"time": at.replace("+00:00", "Z"), "duration_ms": round(entry.duration_ms, 1)})


FORMS: dict[str, Callable[[Entry], str]] = {"combined": combined, "json": as_json}
"""How a line can be written, by the values of the setting."""

FORM = FORMS.get(os.environ.get(VARIABLE, ""))
"""How this process writes; None if it does not, as with a wrong value, about which the settings end the start."""


def write(entry: Entry) -> None:
    """Writes a line, in the form that the setting names, if it names one."""
    if FORM is None:
        return
    with suppress(OSError, ValueError):  # nobody reads any more; a request must not fail for that
        sys.stdout.write(f"{FORM(entry)}\n")
        sys.stdout.flush()


def shown_path(path: str) -> str:
    """A path, or an address, without what is nobody else's business, and not too long."""
    return _NAMES.sub(r"\1/...", path.partition("?")[0].partition("#")[0])[:_LONGEST]


class AccessLog:
    """ASGI middleware that stands outside everything else, also what refuses requests."""

    def __init__(self, app: ASGIApp) -> None:
        """Args: app: the app whose requests are logged."""
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes a request or a WebSocket on, and writes its line when it is over."""
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        answer = _Answer(scope.get("method") == "HEAD")
        state = scope.setdefault("state", {})  # whoever knows the key puts its name there
        begin, ticks = time.time(), time.monotonic()
        headers = {name: value.decode("latin-1") for name, value in reversed(scope["headers"])}
        path = (scope.get("raw_path") or scope["path"].encode()).decode("latin-1")

        async def heard() -> Message:
            message = await receive()
            answer.gone |= message["type"] == "http.disconnect"
            return message

        async def noted(message: Message) -> None:
            answer.note(message)
            await send(message)

        try:
            await self.app(scope, heard, noted)
        except BaseException:
            answer.gone = False
            raise
        finally:
            write(
                Entry(
                    time=begin,
                    client=(scope.get("client") or ("",))[0][:_LONGEST],
                    key=state.get(KEY, ""),
                    method=scope.get("method", "GET"),
                    path=shown_path(path),
                    protocol=f"HTTP/{scope.get('http_version', '1.1')}",
                    status=answer.status or (_GONE if answer.gone else 500),
                    bytes=answer.bytes,
                    duration_ms=(time.monotonic() - ticks) * 1000,
                    referer=shown_path(headers.get(b"referer", "")),
                    user_agent=headers.get(b"user-agent", "")[:_LONGEST],
                )
            )


@dataclass(slots=True)
class _Answer:
    """What was sent, from the messages with which an app sends it."""

    empty: bool
    status: int = 0
    bytes: int = 0
    gone: bool = False  # whether the caller did not wait

    def note(self, message: Message) -> None:
        """Takes in what is being sent."""
        kind = message["type"]
        if kind in ("http.response.start", "websocket.http.response.start"):
            self.status = message["status"]
        elif kind == "websocket.accept":
            self.status = 101
        elif kind == "websocket.close" and not self.status:
            self.status = 403  # refused without an answer of its own
        elif not self.empty:
            self.bytes += len(message.get("body") or message.get("bytes") or (message.get("text") or "").encode())


def _safe(text: str) -> str:
    return text.translate(_WRITTEN)
