"""A client that never stops asking, and keeps count of what came back."""

from __future__ import annotations

import http.client
import threading
import time
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from benchmarks.visitor import PATIENCE


def connected(address: str) -> http.client.HTTPConnection:
    """One that waits as long as a patient visitor."""
    place = urlsplit(address)
    return http.client.HTTPConnection(str(place.hostname), place.port, timeout=PATIENCE)


@dataclass
class Caller:
    """Sends one picture after another over one connection, until the server is gone."""

    answered: list[tuple[float, int]] = field(default_factory=list)
    """When each request was sent, and its status."""
    lost: list[tuple[float, str]] = field(default_factory=list)
    """When a request without an answer was sent, and what came instead."""

    def run(self, address: str, picture: bytes, gone: threading.Event) -> None:
        """Goes on until the event is set."""
        connection = connected(address)
        while not gone.is_set():
            sent = None
            try:
                connection.request("POST", "/api/v1/classify", picture)
                sent = time.monotonic()
                response = connection.getresponse()
                response.read()
                self.answered.append((sent, response.status))
                if response.status == 503:
                    gone.wait(0.2)
            except (OSError, http.client.HTTPException) as error:
                if sent is not None:
                    self.lost.append((sent, repr(error)))
                connection.close()
