"""Who stalls while sending, a request or its body, is sent away, and gets nothing of what others need meanwhile."""

from __future__ import annotations

import select
import socket
import time
from collections.abc import Iterator
from contextlib import suppress
from urllib.parse import urlsplit

import pytest

from tests.support.photos import photo
from tests.support.server import running
from tests.support.waiting import until
from tests.support.wire import FORM, answer, chunk, connected, form, head, metric, page_head, post, send_as_page

PANDA = photo("panda.webp").read_bytes()
PROXY = "127.0.0.9"
SHORT = """
from web.server import slow_connections
from web.uploads import body
body.IDLE_SECONDS, body.BODY_SECONDS = 1.5, 5.0
slow_connections.SECONDS, slow_connections.PAUSE = 2.5, 0.1
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    proxies = {"CLASSIFIER_TRUSTED_PROXIES": PROXY}
    with running(tmp_path_factory.mktemp("slow") / "log.txt", proxies, first=SHORT) as address:
        yield address


def sent_away(connection: socket.socket, address: str) -> None:
    got = answer(connection)
    assert "again" in got.problem(408, "too_slow")
    assert got.headers["connection"] == "close"
    with suppress(ConnectionResetError):  # if it closes while something of ours is on its way
        assert connection.recv(1) == b""  # closed by the server
    assert metric(address, "classifier_budget_used_bytes") == 0


BEGUN = {
    "nothing of a body": head(Content_Length="20000000"),
    "a picture": head(Content_Length=str(len(PANDA))) + PANDA[:-1],
    "a form": head(Content_Type=FORM, Content_Length="20000000") + form(PANDA)[:-10],
    "chunks": head(Transfer_Encoding="chunked") + chunk(PANDA),
    "half a chunk": head(Transfer_Encoding="chunked") + chunk(PANDA)[:-100],
}


@pytest.mark.slow
@pytest.mark.parametrize("begun", BEGUN.values(), ids=BEGUN)
def test_a_stalled_request_is_answered_and_closed(server: str, begun: bytes) -> None:
    with connected(server) as connection:
        connection.sendall(begun)
        sent_away(connection, server)


@pytest.mark.slow
@pytest.mark.parametrize("before", [b"", head("/healthz", "GET")], ids=["the first", "the second"])
def test_a_request_that_never_really_begins_is_answered_and_closed(server: str, before: bytes) -> None:
    with connected(server) as connection:
        if before:
            connection.sendall(before)
            assert answer(connection, "GET").status == 200
        connection.sendall(head(Content_Length="5")[:-2])
        pauses = 0
        while not select.select([connection], [], [], 0.1)[0]:
            connection.sendall(b"X-More: 1\r\n")
            pauses += 1
        assert pauses > 10
        sent_away(connection, server)


@pytest.mark.slow
def test_a_connection_without_a_request_is_closed(server: str) -> None:
    with connected(server) as connection:
        assert connection.recv(1) == b""


@pytest.mark.slow
def test_a_connection_that_is_used_stays(server: str) -> None:
    with connected(server) as connection:
        end = time.monotonic() + 2 * 2.5
        while time.monotonic() < end:
            connection.sendall(head("/healthz", "GET"))
            assert answer(connection, "GET").status == 200


@pytest.mark.slow
def test_a_picture_of_the_page_that_stalls_is_answered_and_closed(server: str) -> None:
    with connected(server) as connection:
        connection.sendall(page_head(20_000_000) + PANDA)
        until(lambda: metric(server, "classifier_budget_used_bytes") == len(PANDA))
        sent_away(connection, server)
        assert send_as_page(server, PANDA).status == 200


@pytest.mark.slow
def test_a_byte_now_and_then_is_not_enough(server: str) -> None:
    with connected(server) as connection:
        connection.sendall(head(Content_Length="20000000"))
        begin, pauses = time.monotonic(), 0
        while not select.select([connection], [], [], 0.1)[0]:
            connection.sendall(b"x")
            pauses += 1
        assert time.monotonic() - begin < 4  # not only when the time for all of it is over
        assert pauses > 5  # none of them was too long by itself
        assert answer(connection).status == 408


@pytest.mark.slow
def test_the_slowest_line_that_pictures_are_sent_on_is_fast_enough(server: str) -> None:
    noise = b"x" * 10_000
    with connected(server) as connection:
        connection.sendall(head(Content_Length=str(len(noise))))
        for begin in range(0, len(noise), 500):  # 20 kbit/s
            time.sleep(0.2)
            connection.sendall(noise[begin : begin + 500])
        assert answer(connection).status == 415


@pytest.mark.slow
def test_those_who_stall_are_in_nobodys_way(server: str) -> None:
    stalled = [connected(server) for _ in range(50)]
    for connection in stalled:
        connection.sendall(head(Content_Length="1000000") + b"x")
    until(lambda: metric(server, "classifier_budget_used_bytes") == 50)
    assert post(server, PANDA).status == 200
    assert [answer(connection).status for connection in stalled] == [408] * 50
    assert metric(server, "classifier_budget_used_bytes") == 0
    for connection in stalled:
        connection.close()


@pytest.mark.slow
def test_a_trusted_proxy_may_keep_a_connection_for_as_long_as_proxies_do(server: str) -> None:
    """Else it may send a request just when this end closes, and nobody knows whether it was read."""
    place = ("127.0.0.1", urlsplit(server).port)
    with (
        socket.create_connection(place, source_address=(PROXY, 0)) as proxys,
        socket.create_connection(place, source_address=("127.0.0.8", 0)) as others,
    ):
        for connection in (proxys, others):
            connection.sendall(head("/healthz", "GET"))
            assert answer(connection, "GET").status == 200
        others.settimeout(10)
        assert others.recv(1) == b""
        time.sleep(1)
        proxys.sendall(head("/healthz", "GET"))
        assert answer(proxys, "GET").status == 200
