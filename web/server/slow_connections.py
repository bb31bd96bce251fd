"""Closes connections on which no request begins: `web.uploads.body` bounds the time of bodies, Uvicorn that of nothing.

Uvicorn ends a connection that is idle between two requests; one that never sends anything, or only half a request's
head, it would keep for good, and a thousand of them take all the descriptors that there are.
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

log = logging.getLogger(__name__)

SECONDS = 30.0
"""The longest time until a request's head is complete."""

PAUSE = 5.0
"""Seconds between two looks."""

_TOO_SLOW = from_error(SlowRequestError())


def connections() -> Collection[Any]:
    """Those of the Uvicorn that runs this program, which is the one that waits for SIGTERM; none if there is none.

    To be called while the server starts, before it accepts any connection and before anything else waits for SIGTERM.
    From then on h11 parses all requests: with httptools or zttp, of which Uvicorn prefers the former where it is
    installed, nothing tells whether a request has begun.
    """
    server = getattr(signal.getsignal(signal.SIGTERM), "__self__", None)
    if not isinstance(server, uvicorn.Server):
        log.warning("this is no Uvicorn as Streamlit starts it: connections on which no request begins stay open")
        return ()
    server.config.http_protocol_class = H11Protocol
    return server.server_state.connections


async def close_slow(connections: Collection[Any]) -> None:
    """Runs until cancelled, on the server's event loop.

    Args:
        connections: what `connections` gave.

    Raises:
        AttributeError: a connection is not as Uvicorn's were; what is looked at is no promise of Uvicorn's.
    """
    # For each connection the request that was its last one, and since when it has had no other.
    waiting: WeakKeyDictionary[H11Protocol, tuple[object, float]] = WeakKeyDictionary()
    while True:
        await asyncio.sleep(PAUSE)
        for connection in list(connections):
            if not isinstance(connection, H11Protocol) or connection.conn.their_state is not h11.IDLE:
                continue  # the other ones are WebSockets
            last, since = waiting.get(connection, (connection, 0.0))
            if last is not connection.cycle:
                waiting[connection] = connection.cycle, time.monotonic()
            elif time.monotonic() - since >= SECONDS:
                _close(connection)


def _close(connection: H11Protocol) -> None:
    begun, _ = connection.conn.trailing_data
    if begun:
        body = json.dumps(asdict(_TOO_SLOW)).encode()
        head = (
            f"HTTP/1.1 408 {_TOO_SLOW.title}\r\nContent-Type: {MEDIA_TYPE}\r\nContent-Length: {len(body)}\r\n"
            "X-Content-Type-Options: nosniff\r\nConnection: close\r\n\r\n"
        )
        connection.transport.write(head.encode() + body)
    connection.transport.close()
