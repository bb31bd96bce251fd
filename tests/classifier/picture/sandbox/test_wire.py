"""Messages between the server and its decoding processes."""

from __future__ import annotations

import socket
import threading

import numpy as np
import pytest

from classifier.picture.sandbox import wire


def test_a_message_arrives_whole_or_not_at_all() -> None:
    ours, theirs = socket.socketpair()
    payload = np.arange(1_000_000, dtype=np.uint8).tobytes()
    sender = threading.Thread(target=wire.send, args=(ours, {"a": 1}, payload))
    sender.start()
    facts, received = wire.receive(theirs)
    assert (facts, received) == ({"a": 1}, payload)
    sender.join()
    ours.settimeout(0.05)
    with pytest.raises(TimeoutError):
        wire.receive(ours)
    theirs.sendall(b"\0\0\0\2\0\0\0\0[]")
    with pytest.raises(ValueError, match="not a message"):
        wire.receive(ours)
    theirs.sendall(b"\xff" * 8)
    with pytest.raises(ValueError, match="too long"):
        wire.receive(ours, (1_000, 1_000))
    theirs.close()
    with pytest.raises(EOFError):
        wire.receive(ours)
