"""A message between server and worker: a JSON object and bytes, preceded by their lengths.

Unlike a pickle, it cannot make the receiver run code. The receiver says how long each part may be, and how long it
waits for the whole message.
"""

from __future__ import annotations

import contextlib
import json
import socket
import struct
import time
from typing import Any, NoReturn

_LENGTHS = struct.Struct("!II")

MEMORY_BYTES = 8
"""Length of the big-endian number by which the fork server is told how much memory a worker may take."""

READY = b"\1"
"""What a worker says before it gets its first picture."""

TICK = 0.5
"""Seconds of a socket's timeout, after which a `Patience` is looked at."""


class Patience:
    """How long a wait may take, as this process lives it.

    While the machine or the container is paused, clocks go on for those who wait and for nobody else. So no look at the
    clock counts for more than a second, however long ago the last one was.
    """

    def __init__(self, seconds: float) -> None:
        """Begins now."""
        self._left = seconds
        self._looked = time.monotonic()

    def check(self) -> None:
        """Raises `TimeoutError` once the time is over; has to be called at least every `TICK` seconds."""
        now = time.monotonic()
        self._left -= min(now - self._looked, 2 * TICK)
        self._looked = now
        if self._left <= 0:
            raise TimeoutError("the time is over")


def send(connection: socket.socket, facts: dict[str, Any], payload: bytes, patience: Patience | None = None) -> None:
    """Sends a message.

    Args:
        connection: the socket to the other side; one with a timeout of `TICK` at most if there is a patience.
        facts: the object.
        payload: the bytes.
        patience: for how long the other side may let it wait; without end if None.

    Raises:
        OSError: the other side has gone; a `TimeoutError` if it did not read in time.
    """
    head = json.dumps(facts).encode()
    for part in (_LENGTHS.pack(len(head), len(payload)) + head, payload):
        if patience is None:
            connection.sendall(part)
            continue
        view = memoryview(part)
        while view:
            with contextlib.suppress(TimeoutError):
                view = view[connection.send(view) :]
            patience.check()


def receive(
    connection: socket.socket, longest: tuple[int, int] | None = None, patience: Patience | None = None
) -> tuple[dict[str, Any], bytes]:
    """Waits for a message and returns what `send` was given.

    Args:
        connection: as for `send`.
        longest: the most bytes that the object and the bytes may have; None if the other side is trusted.
        patience: for how long to wait; without end if None.

    Raises:
        EOFError: the other side has gone.
        OSError: the same, without having read all that was sent; a `TimeoutError` if it did not answer in time.
        ValueError: what came is not a message.
    """
    lengths = _LENGTHS.unpack(exactly(connection, _LENGTHS.size, patience))
    if longest is not None and any(length > most for length, most in zip(lengths, longest, strict=True)):
        raise ValueError("the message is too long")
    try:
        facts = _DECODER.decode(exactly(connection, lengths[0], patience).decode())
    except RecursionError as error:
        raise ValueError("not a message") from error
    if not isinstance(facts, dict):
        raise ValueError("not a message")
    return facts, exactly(connection, lengths[1], patience)


def exactly(connection: socket.socket, length: int, patience: Patience | None = None) -> bytes:
    """Waits for that many bytes; see `receive`."""
    if patience is None:
        found = connection.recv(length, socket.MSG_WAITALL)
        if len(found) < length:
            raise EOFError
        return found
    data = bytearray(length)
    view = memoryview(data)
    while view:
        try:
            count = connection.recv_into(view)
        except TimeoutError:
            patience.check()
            continue
        if not count:
            raise EOFError
        view = view[count:]
        patience.check()
    return bytes(data)


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")


_DECODER = json.JSONDecoder(parse_constant=_refuse)
