"""Connections on which small answers are sent at once, and what is not HTTP gets an answer in the shape of all others.

Streamlit makes its listening socket without a protocol number. asyncio then does not recognise the connections as TCP
ones and leaves Nagle's algorithm on: the second packet of an answer waits until the caller has acknowledged the first,
which takes 40 ms on a connection that is kept open. The page's WebSocket suffers in the same way.
"""

from __future__ import annotations

import asyncio
import socket
from typing import cast

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle

from web.errors import MalformedRequestError
from web.problems import as_bytes, from_error
from web.server.chunks import BoundedChunks

_MALFORMED = from_error(MalformedRequestError())


class PromptProtocol(H11Protocol):
    """Uvicorn's protocol by h11, with Nagle's algorithm off; a WebSocket goes on using the same connection."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Called by asyncio for each new connection."""
        connection = cast("socket.socket", transport.get_extra_info("socket"))
        if connection.family in (socket.AF_INET, socket.AF_INET6):  # not a Unix socket, which has no such option
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.conn = BoundedChunks(h11.SERVER)
        super().connection_made(transport)

    def send_400_response(self, msg: str) -> None:
        """Called by Uvicorn when what arrived is not HTTP: answers in the shape of all our errors, and closes."""
        begun = cast(RequestResponseCycle | None, self.cycle)
        if begun and not begun.response_complete:  # it is the body that is not HTTP: the app has nobody to answer
            begun.disconnected = True
            begun.message_event.set()
        if self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            self.transport.write(as_bytes(_MALFORMED))
        self.transport.close()
