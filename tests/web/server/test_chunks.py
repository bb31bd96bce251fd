"""A body in needlessly many chunks does not keep the server from others, nor does one that nobody reads any more."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import h11
import pytest

from tests.support.photos import photo
from tests.support.server import running
from tests.support.wire import answer, chunk, connected, head, send
from web.server.chunks import BoundedChunks

PANDA = photo("panda.webp").read_bytes()
BEGIN = head(Transfer_Encoding="chunked")


def read(*pieces: bytes) -> bytes:
    """The body that a connection reads from a request."""
    connection = BoundedChunks(h11.SERVER)
    for piece in (BEGIN, *pieces):
        connection.receive_data(piece)
    body = bytearray()
    while not isinstance(event := connection.next_event(), h11.EndOfMessage):
        if isinstance(event, h11.Data):
            body += event.data
    return bytes(body)


@pytest.mark.parametrize("size", [256, 1000, 70_000])
def test_any_length_that_clients_send_will_do(size: int) -> None:
    data = chunk(b"x" * size)
    assert len(read(data * 1000, chunk(b""))) == 1000 * size


def test_a_picture_cut_at_its_newlines_will_do() -> None:
    picture = photo("bison.webp").read_bytes()
    assert read(*(chunk(line) for line in picture.splitlines(keepends=True)), chunk(b"")) == picture


@pytest.mark.parametrize("before", [chunk(b"x"), chunk(b"x" * 10_000_000)], ids=["at once", "after a long one"])
def test_short_ones_are_refused(before: bytes) -> None:
    assert len(read(before, chunk(b"x") * 250, chunk(b""))) > 250
    with pytest.raises(h11.RemoteProtocolError):
        read(before, chunk(b"x") * 300)


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("chunks") / "log.txt"


@pytest.fixture(scope="module")
def server(log: Path) -> Iterator[str]:
    short = "from web.server import slow_connections\nslow_connections.SECONDS, slow_connections.PAUSE = 2.0, 0.1"
    with running(log, first=short) as address:
        yield address
    assert "Traceback" not in log.read_text()


@pytest.mark.slow
def test_a_body_of_single_bytes_is_refused_wherever_it_is_sent(server: str) -> None:
    with connected(server) as connection:
        connection.sendall(BEGIN + chunk(b"x") * 1000)
        assert answer(connection).status == 400
        assert connection.recv(1) == b""
    with connected(server) as connection:  # whose answer comes before the body
        connection.sendall(head("/healthz", Transfer_Encoding="chunked"))
        assert answer(connection).status == 405
        connection.sendall(chunk(b"x") * 1000)
        assert connection.recv(1) == b""
    picture = b"".join(chunk(PANDA[at : at + 300]) for at in range(0, len(PANDA), 300))
    assert send(server, BEGIN + picture + chunk(b"")).status == 200


@pytest.mark.slow
def test_a_body_that_is_thrown_away_is_not_read_for_ever(server: str) -> None:
    with connected(server) as connection:
        connection.sendall(head("/healthz", "GET", Content_Length="1000000000"))
        assert answer(connection, "GET").status == 200
        begin = time.monotonic()
        with suppress(ConnectionResetError, BrokenPipeError):
            while time.monotonic() < begin + 10:
                connection.sendall(b"x")
                time.sleep(0.1)
        assert 1 < time.monotonic() - begin < 9
