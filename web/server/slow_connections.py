"""Closes connections on which no request begins; `web.uploads.body` bounds the time of a request's body.

Uvicorn closes a connection that is idle between two requests. But it would never close one that sends nothing at all,
or only half of a request's head, and a thousand of those use up all file descriptors.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Collection
from typing import Any
from weakref import WeakKeyDictionary

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from web.errors import SlowRequestError
from web.problems import as_bytes, from_error

SECONDS = 30.0
"""The longest time until a request's head is complete, or until the body has come of one that was refused before."""

PAUSE = 5.0
"""Seconds between two checks of all connections."""

_TOO_SLOW = as_bytes(from_error(SlowRequestError()))


async def close_slow(connections: Collection[Any]) -> None:
    """Closes slow connections until cancelled; runs on the server's event loop.

    Args:
        connections: those of the Uvicorn server.

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
                continue
            patience = max(SECONDS, connection.timeout_keep_alive) if _between(connection) else SECONDS
            if time.monotonic() - since >= patience:
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
        connection.transport.write(_TOO_SLOW)
    connection.transport.close()
