"""Small answers on a connection that is kept open come as soon as those on new ones."""

from __future__ import annotations

import http.client
import statistics
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from urllib.parse import urlsplit

import pytest

REQUESTS = 10


@contextmanager
def opened(address: str) -> Iterator[http.client.HTTPConnection]:
    place = urlsplit(address)
    with closing(http.client.HTTPConnection(str(place.hostname), place.port, timeout=10)) as connection:
        yield connection


def ask_once(address: str) -> float:
    with opened(address) as connection:
        return ask(connection)


def ask(connection: http.client.HTTPConnection) -> float:
    """The seconds that one small answer takes."""
    begin = time.perf_counter()
    connection.request("GET", "/healthz")
    assert connection.getresponse().read() == b'{"status":"alive"}'
    return time.perf_counter() - begin


@pytest.mark.slow
@pytest.mark.alone
def test_ten_requests_on_one_connection_take_no_longer_than_on_ten(plain_server: str) -> None:
    with opened(plain_server) as kept:
        ask(kept)  # what is loaded for the first request
        # By turns, as the machine has other work.
        seconds = [(ask(kept), ask_once(plain_server)) for _ in range(REQUESTS)]
    on_one, on_many = (statistics.median(times) for times in zip(*seconds, strict=True))
    assert on_one < 3 * on_many  # it was forty times as long: 44 ms
