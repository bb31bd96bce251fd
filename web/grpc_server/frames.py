"""Where the frames of HTTP/2 end in what a server sends, and the frame that asks a caller to go elsewhere.

RFC 9113 describes the format.
"""

from __future__ import annotations

_HEAD = 9  # bytes: the length of the payload in 3, the type, the flags, the stream in 4
_HEADERS, _PUSH_PROMISE, _GOAWAY, _CONTINUATION = 1, 5, 7, 9
_END_HEADERS = 4
_LAST_STREAM = (1 << 31) - 1

GOAWAY = b"".join(
    [
        (8).to_bytes(3, "big"),
        bytes([_GOAWAY, 0]),
        bytes(4),  # of the whole connection
        _LAST_STREAM.to_bytes(4, "big"),
        bytes(4),  # there is no error
    ]
)
"""Asks for no more calls on a connection; as it names the highest number, what is on its way is still answered."""


class Frames:
    """Follows the frames of one connection."""

    def __init__(self) -> None:
        """Nothing was sent yet."""
        self._head = b""
        self._rest = 0
        self._headers_go_on = False
        self._begun = False

    @property
    def between(self) -> bool:
        """Whether another frame may be put in here: the first one is over, and so is each that was begun."""
        return self._begun and not self._head and not self._rest and not self._headers_go_on

    def follow(self, data: bytes) -> None:
        """Notes what is sent."""
        at = 0
        while at < len(data):
            if self._rest:
                size = min(self._rest, len(data) - at)
                self._rest -= size
                at += size
                continue
            piece = data[at : at + _HEAD - len(self._head)]
            self._head += piece
            at += len(piece)
            if len(self._head) == _HEAD:
                self._rest = int.from_bytes(self._head[:3], "big")
                kind, flags = self._head[3], self._head[4]
                self._headers_go_on = kind in (_HEADERS, _PUSH_PROMISE, _CONTINUATION) and not flags & _END_HEADERS
                self._head, self._begun = b"", True
