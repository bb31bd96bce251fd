"""Callers of the API and visitors of the page, as a program for a pod: python callers.py ADDRESS PICTURE.

Each line of standard input says how many of each there are from now on, and how long a caller waits between two
requests: `{"callers": 4, "visitors": 2, "pause": 0.1}`. For each, a line of standard output says what came of the
requests and visits since the one before. The end of input ends it.
"""

from __future__ import annotations

import http.client
import json
import logging
import select
import socket
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ATTEMPTS = 10
"""Connections that a caller tries to make: until there is one nothing has been sent, so that is always safe."""

CONNECT_SECONDS = 1.0
ANSWER_SECONDS = 15.0


@dataclass
class Crowd:
    """How many there are, and what came of what they did."""

    callers: int = 0
    visitors: int = 0
    pause: float = 0.1
    requests: list[tuple[str, float, int]] = field(default_factory=list)
    """Of each request the answer's status, or the name of what went wrong; its milliseconds; connections refused."""
    gaps: list[float] = field(default_factory=list)
    """Seconds that each visitor, cut off, was without the page."""
    present: set[int] = field(default_factory=set)
    """The visitors who have the page."""

    def report(self) -> dict[str, Any]:
        """What came of it since the last report."""
        requests, self.requests = self.requests, []
        gaps, self.gaps = self.gaps, []
        return {"requests": requests, "gaps": gaps, "present": len(self.present)}


def call(crowd: Crowd, number: int, address: tuple[str, int], picture: bytes) -> None:
    """One caller; every other one keeps its connection, and sees before each use whether the server has closed it."""
    kept: http.client.HTTPConnection | None = None
    while True:
        if number >= crowd.callers:
            kept = None
            time.sleep(0.1)
            continue
        begin = time.monotonic()
        refused = 0
        try:
            if kept is None or select.select([kept.sock], [], [], 0)[0]:
                kept = http.client.HTTPConnection(*address, timeout=ANSWER_SECONDS)
                kept.sock, refused = connected(address)
            kept.request("POST", "/api/v1/classify", picture, {"Content-Type": "application/octet-stream"})
            answer = kept.getresponse()
            answer.read()
            said = str(answer.status)
            if answer.will_close or number % 2:
                kept.close()
                kept = None
        except (OSError, http.client.HTTPException) as error:
            said, kept = type(error).__name__, None
        crowd.requests.append((said, 1000 * (time.monotonic() - begin), refused))
        time.sleep(crowd.pause)


def connected(address: tuple[str, int]) -> tuple[socket.socket, int]:
    """A connection, and how many could not be made before it."""
    for refused in range(ATTEMPTS):
        try:
            made = socket.create_connection(address, CONNECT_SECONDS)
        except OSError:
            if refused == ATTEMPTS - 1:
                raise
            time.sleep(0.05)
        else:
            made.settimeout(ANSWER_SECONDS)
            made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return made, refused
    raise AssertionError


def visit(crowd: Crowd, number: int, address: tuple[str, int]) -> None:
    """One visitor, whose browser opens the page anew whenever it is cut off."""
    lost = None
    while True:
        if number >= crowd.visitors:
            lost = None
            time.sleep(0.1)
            continue
        try:
            with opened(address) as page:
                crowd.present.add(number)
                if lost is not None:
                    crowd.gaps.append(time.monotonic() - lost)
                while number < crowd.visitors and not page.closed():
                    pass
        except Exception:
            time.sleep(0.3)  # tried again below, as a browser does
        if number in crowd.present:
            lost = time.monotonic()
        crowd.present.discard(number)
        time.sleep(0.2)


class Page:
    """A page that is open."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection

    def closed(self) -> bool:
        """Whether it has been cut off, after a second at most."""
        from websockets.exceptions import ConnectionClosed

        try:
            self._connection.recv(timeout=1)
        except TimeoutError:
            return False
        except ConnectionClosed:
            return True
        return False


@contextmanager
def opened(address: tuple[str, int]) -> Iterator[Page]:
    """The page once it is drawn, by Streamlit's own messages."""
    from streamlit.proto.BackMsg_pb2 import BackMsg
    from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
    from websockets.sync.client import connect

    with connect(
        f"ws://{address[0]}:{address[1]}/_stcore/stream",
        subprotocols=["streamlit"],  # type: ignore[list-item]
        open_timeout=5,
        close_timeout=1,
        ping_interval=2,
        ping_timeout=5,
        max_size=None,
        max_queue=None,
    ) as connection:
        run: Any = BackMsg()
        run.rerun_script.query_string = ""
        connection.send(run.SerializeToString())
        message: Any = ForwardMsg()
        while message.WhichOneof("type") != "script_finished":
            received = connection.recv(timeout=30)
            message.ParseFromString(received)
        yield Page(connection)


def main(place: str, picture: str) -> None:
    """Starts everybody and does as standard input says."""
    host, _, port = place.rpartition(":")
    address = (host.strip("[]"), int(port))
    data = Path(picture).read_bytes()
    logging.getLogger("websockets").setLevel(logging.CRITICAL)  # being cut off is what is measured
    crowd = Crowd()
    for number in range(32):
        threading.Thread(target=call, args=(crowd, number, address, data), daemon=True).start()
    for number in range(8):
        threading.Thread(target=visit, args=(crowd, number, address), daemon=True).start()
    for line in sys.stdin:
        print(json.dumps(crowd.report()), flush=True)
        for name, value in json.loads(line).items():
            setattr(crowd, name, value)


if __name__ == "__main__":
    main(*sys.argv[1:])
