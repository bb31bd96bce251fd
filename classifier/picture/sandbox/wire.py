"""A message between server and worker: a JSON object and bytes, preceded by their lengths.

Unlike a pickle, it cannot make the receiver run code. The socket's timeout applies to a whole message.
"""

from __future__ import annotations

import json
import socket
import struct
import time
from typing import Any

_LENGTHS = struct.Struct("!II")


def send(connection: socket.socket, facts: dict[str, Any], payload: bytes) -> None:
    """Sends a message.

    Raises:
        OSError: the other side has gone, or did not read in time.
    """
    head = json.dumps(facts).encode()
    connection.sendall(_LENGTHS.pack(len(head), len(payload)) + head)
    connection.sendall(payload)


def receive(connection: socket.socket, longest: int | None = None) -> tuple[dict[str, Any], bytes]:
    """Waits for a message and returns what `send` was given.

    Args:
        connection: the socket to the other side.
        longest: the most bytes that each part may have; None if the other side is trusted.

    Raises:
        EOFError: the other side has gone.
        OSError: the other side did not answer in time, or has gone without reading all that was sent.
        ValueError: what came is not a message.
    """
    timeout = connection.gettimeout()
    end = None if timeout is None else time.monotonic() + timeout
    try:
        lengths = _LENGTHS.unpack(_exactly(connection, _LENGTHS.size, end))
        if longest is not None and max(lengths) > longest:
            raise ValueError("the message is too long")
        facts = json.loads(_exactly(connection, lengths[0], end))
        if not isinstance(facts, dict):
            raise ValueError("not a message")
        return facts, _exactly(connection, lengths[1], end)
    finally:
        connection.settimeout(timeout)


def _exactly(connection: socket.socket, length: int, end: float | None) -> bytes:
    if end is None:
        found = connection.recv(length, socket.MSG_WAITALL)
        if len(found) < length:
            raise EOFError
        return found
    data = bytearray(length)
    view = memoryview(data)
    while view:
        connection.settimeout(max(end - time.monotonic(), 0.001))
        count = connection.recv_into(view)
        if not count:
            raise EOFError
        view = view[count:]
    return bytes(data)
