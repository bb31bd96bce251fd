"""A request that two servers could read differently is refused, in the shape of all errors, and its connection ends."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.support.photos import photo
from tests.support.server import running
from tests.support.wire import CLASSIFY, answer, chunk, connected, head

pytestmark = pytest.mark.slow

PANDA = photo("panda.webp").read_bytes()
NEXT = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("heads") / "log.txt"


@pytest.fixture(scope="module")
def server(log: Path) -> Iterator[str]:
    with running(log) as address:
        yield address


# What stands for the length of a request, and the code of the refusal.
AMBIGUOUS = {
    "both": ("Content-Length: 5\r\nTransfer-Encoding: chunked", "ambiguous_length"),
    "both, the other way round": ("Transfer-Encoding: chunked\r\nContent-Length: 5", "ambiguous_length"),
    "a length of 0": ("Content-Length: 0\r\nTransfer-Encoding: CHUNKED", "ambiguous_length"),
    "a folded coding": ("Content-Length: 5\r\nTransfer-Encoding:\r\n chunked", "ambiguous_length"),
    "two lengths": ("Content-Length: 5\r\nContent-Length: 6", "malformed_request"),
    "two lengths in one": ("Content-Length: 5, 6", "malformed_request"),
    "a signed length": ("Content-Length: +5", "malformed_request"),
    "a negative length": ("Content-Length: -5", "malformed_request"),
    "another coding": ("Transfer-Encoding: gzip", "malformed_request"),
    "another coding before": ("Transfer-Encoding: gzip, chunked", "malformed_request"),
    "chunked twice": ("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked", "malformed_request"),
    "identity": ("Transfer-Encoding: identity", "malformed_request"),
    "a strange coding": ("Transfer-Encoding: xchunked", "malformed_request"),
    "a vertical tab": ("Transfer-Encoding: \x0bchunked", "malformed_request"),
    "a space before the colon": ("Content-Length : 5", "malformed_request"),
    "a space before the coding's colon": ("Transfer-Encoding : chunked", "malformed_request"),
}


def refused(address: str, request: bytes, code: str) -> None:
    with connected(address) as connection:
        connection.sendall(request + b"0\r\n\r\n" + NEXT)
        got = answer(connection)
        got.problem(400, code)
        assert got.headers["connection"] == "close"
        with suppress(ConnectionResetError):  # the rest was not read
            assert connection.recv(1) == b""


@pytest.mark.parametrize(("length", "code"), AMBIGUOUS.values(), ids=AMBIGUOUS)
@pytest.mark.parametrize("path", [CLASSIFY, "/", "/_stcore/health", "/metrics"])
def test_an_ambiguous_request_is_refused_and_nothing_after_it_is_answered(
    server: str, path: str, length: str, code: str
) -> None:
    refused(server, f"POST {path} HTTP/1.1\r\nHost: localhost\r\n{length}\r\n\r\n".encode(), code)


def test_a_coding_in_http_1_0_is_refused(server: str) -> None:
    request = head(Transfer_Encoding="chunked").replace(b"HTTP/1.1", b"HTTP/1.0")
    refused(server, request, "ambiguous_length")


def test_what_is_not_http_is_refused(server: str) -> None:
    for sent in (
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
        b"GET / HTTP/1.1\r\n Host: localhost\r\n\r\n",
    ):
        refused(server, sent, "malformed_request")


def test_one_length_given_once_or_in_the_same_way_twice_is_fine(server: str) -> None:
    for lengths in ({"Content_Length": str(len(PANDA))}, {"Content_Length": f"{len(PANDA)}, {len(PANDA)}"}):
        with connected(server) as connection:
            connection.sendall(head(**lengths) + PANDA)
            assert answer(connection).status == 200
            connection.sendall(NEXT)
            assert answer(connection, "GET").status == 200
    with connected(server) as connection:
        connection.sendall(head(Transfer_Encoding="Chunked") + chunk(PANDA) + chunk(b""))
        assert answer(connection).status == 200
        connection.sendall(NEXT)
        assert answer(connection, "GET").status == 200


def test_a_body_that_is_not_http_is_refused_without_a_traceback(server: str, log: Path) -> None:
    for before in (b"", NEXT):
        with connected(server) as connection:
            if before:
                connection.sendall(before)
                assert answer(connection, "GET").status == 200
            connection.sendall(head(Transfer_Encoding="chunked") + chunk(PANDA[:100]) + b"no size\r\n")
            answer(connection).problem(400, "malformed_request")
    with connected(server) as connection:
        connection.sendall(head(CLASSIFY, "GET", Transfer_Encoding="chunked"))
        assert answer(connection, "GET").status == 405
        connection.sendall(b"no size\r\n")
        assert connection.recv(1) == b""
    assert "Traceback" not in log.read_text()
