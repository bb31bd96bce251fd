"""Connections on which small answers are sent at once.

Streamlit makes its listening socket without a protocol number. asyncio then does not recognise the connections as TCP
ones and leaves Nagle's algorithm on: the second packet of an answer waits until the caller has acknowledged the first,
which takes 40 ms on a connection that is kept open. The page's WebSocket suffers in the same way.
"""

from __future__ import annotations

import asyncio
import socket
from typing import cast

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from web.server.chunks import BoundedChunks


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
        """Called by Uvicorn when a request is broken, also when that shows after its answer, as Uvicorn forgets."""
        if self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            super().send_400_response(msg)
        else:
            self.transport.close()
