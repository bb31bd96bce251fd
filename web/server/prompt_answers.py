"""Connections on which small answers are sent at once.

Streamlit makes its listening socket without a protocol number. asyncio then does not recognise the connections as TCP
ones and leaves Nagle's algorithm on: the second packet of an answer waits until the caller has acknowledged the first,
which takes 40 ms on a connection that is kept open. The page's WebSocket suffers in the same way.
"""

from __future__ import annotations

import asyncio
import socket
from typing import cast

from uvicorn.protocols.http.h11_impl import H11Protocol


class PromptProtocol(H11Protocol):
    """Uvicorn's protocol by h11, with Nagle's algorithm off; a WebSocket goes on using the same connection."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Called by asyncio for each new connection."""
        connection = cast("socket.socket", transport.get_extra_info("socket"))
        if connection.family in (socket.AF_INET, socket.AF_INET6):  # not a Unix socket, which has no such option
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        super().connection_made(transport)
