"""Bounds what one WebSocket may send: the bytes of a message, and the number of frames.

Uvicorn bounds the bytes alone, and by what the server sends, 50 MB. A frame of one byte, or none, costs as much work as
one of a thousand: seven megabytes of them stopped the server for 40 s. Frames are therefore counted, in small pieces of
what was received, and a connection that sends too many is closed with 1008. So is one that sends text.
"""

from __future__ import annotations

import time
from typing import Any

import uvicorn
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from web.streamlit_internals.page_messages import MAX_BYTES

_REFUSED = 1008  # policy violation: RFC 6455, 7.4.1
_PIECE = 4096  # bytes; 680 frames at most, which take some milliseconds

# Fragments, pings and pongs included. A page sends 4 messages in a second at most, each in one frame.
_AT_ONCE = 200
_PER_SECOND = 20.0


def bound(config: uvicorn.Config) -> None:
    """Bounds all WebSockets of a server; call it before the server accepts a connection."""
    config.ws_max_size = MAX_BYTES
    config.ws_protocol_class = BoundedWebSocket


class BoundedWebSocket(WebSocketsSansIOProtocol):
    """Uvicorn's protocol for WebSockets, with a bound on frames."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Made by Uvicorn for each WebSocket."""
        super().__init__(*args, **kwargs)
        self._free = 0.0  # when all frames so far have been worth their time

    def data_received(self, data: bytes) -> None:
        """Called by asyncio with what has arrived."""
        for start in range(0, len(data), _PIECE):
            if self.transport.is_closing():
                return
            super().data_received(data[start : start + _PIECE])

    def handle_events(self) -> None:
        """Called for each piece, when its frames have been parsed."""
        now = time.monotonic()
        self._free = max(now, self._free) + len(self.conn.events) / _PER_SECOND
        if self._free - now <= _AT_ONCE / _PER_SECOND:
            super().handle_events()
        else:
            self._refuse()

    def handle_text(self, event: Any) -> None:
        """Called for the first frame of a text, which no page sends; Uvicorn logs a traceback if it is not UTF-8."""
        self._refuse()

    def _refuse(self) -> None:
        if self.handshake_complete:
            self.conn.fail(_REFUSED)
            self.handle_parser_exception()
        else:
            self.transport.close()
