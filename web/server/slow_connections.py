"""Closes connections on which no request begins; `web.uploads.body` bounds the time of a request's body.

Uvicorn closes a connection that is idle between two requests. But it would never close one that sends nothing at all,
or only half of a request's head, and a thousand of those use up all file descriptors.
"""

from __future__ import annotations

import asyncio
import json
import logging
import signal
import time
from collections.abc import Collection
from dataclasses import asdict
from typing import Any
from weakref import WeakKeyDictionary

import h11
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from web.errors import SlowRequestError
from web.problems import MEDIA_TYPE, from_error
from web.server import websocket_frames
from web.server.prompt_answers import PromptProtocol

log = logging.getLogger(__name__)

SECONDS = 30.0
"""The longest time until a request's head is complete, or until the body has come of one that was refused before."""

PAUSE = 5.0
"""Seconds between two checks of all connections."""

_TOO_SLOW = from_error(SlowRequestError())


def connections() -> Collection[Any]:
    """The connections of the Uvicorn server that runs this program; empty if there is no such server.

    The server is found by its handler of SIGTERM. So call this while the server starts, before it accepts a connection
    and before anything else handles SIGTERM. From then on h11 parses all requests: with Uvicorn's other parsers, zttp
    and httptools (its default if installed), nothing tells whether a request has begun.
    """
    server = getattr(signal.getsignal(signal.SIGTERM), "__self__", None)
    if not isinstance(server, uvicorn.Server):
        log.warning("no Uvicorn server as Streamlit starts it: connections on which no request begins stay open")
        return ()
    server.config.http_protocol_class = PromptProtocol
    websocket_frames.bound(server.config)
    return server.server_state.connections


async def close_slow(connections: Collection[Any]) -> None:
    """Closes slow connections until cancelled; runs on the server's event loop.

    Args:
        connections: what `connections` gave.

    Raises:
        AttributeError: Uvicorn's connections have changed; the attributes that are used are private.
    """
    # For each connection its last request, and the time since when there has been no other.
    waiting: WeakKeyDictionary[H11Protocol, tuple[object, float]] = WeakKeyDictionary()
    while True:
        await asyncio.sleep(PAUSE)
        for connection in list(connections):
            if not isinstance(connection, H11Protocol) or not (_between(connection) or _answered(connection)):
                continue  # a WebSocket, or a request is under way
            last, since = waiting.get(connection, (connection, 0.0))
            if last is not connection.cycle:
                waiting[connection] = connection.cycle, time.monotonic()
            elif time.monotonic() - since >= SECONDS:
                _close(connection)


def _between(connection: H11Protocol) -> bool:
    """Whether the next request has not begun."""
    return connection.conn.their_state is h11.IDLE


def _answered(connection: H11Protocol) -> bool:
    """Whether a request has its answer, while its body is still coming and thrown away."""
    return connection.conn.their_state is h11.SEND_BODY and connection.conn.our_state is h11.DONE


def _close(connection: H11Protocol) -> None:
    begun, _ = connection.conn.trailing_data
    if begun and _between(connection):
        body = json.dumps(asdict(_TOO_SLOW)).encode()
        head = (
            f"HTTP/1.1 408 {_TOO_SLOW.title}\r\nContent-Type: {MEDIA_TYPE}\r\nContent-Length: {len(body)}\r\n"
            "X-Content-Type-Options: nosniff\r\nConnection: close\r\n\r\n"
        )
        connection.transport.write(head.encode() + body)
    connection.transport.close()
