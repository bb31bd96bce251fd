"""What we use of Uvicorn though it promises it to nobody: an upgrade that changes one of these parts fails here.

docs/architecture.md lists all of them. Connections are those of a real Uvicorn.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import h11
import pytest
import uvicorn
from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from classifier.machine.clients import Clients
from tests.support.addresses import HANDSHAKE
from tests.support.loops import run
from tests.support.server import running
from tests.support.waiting import until
from tests.support.wire import answer, connected, head, send
from web.clients import TrustedProxies
from web.server import slow_connections, uvicorn_server
from web.server.capacity import Capacity
from web.server.connections import Connection, Connections


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    """Answers with nothing."""
    if scope["type"] == "websocket":
        await send({"type": "websocket.accept"})
        while (await receive())["type"] != "websocket.disconnect":
            pass
    if scope["type"] == "http":
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body"})


@pytest.fixture
def server() -> Iterator[tuple[uvicorn.Server, str]]:
    """A running Uvicorn and its address."""
    with served(uvicorn.Config(app, port=0, http="h11", lifespan="off", log_level="warning")) as both:
        yield both


@contextmanager
def served(config: uvicorn.Config) -> Iterator[tuple[uvicorn.Server, str]]:
    """A Uvicorn that runs, and its address."""
    running = uvicorn.Server(config)
    thread = threading.Thread(target=running.run)
    thread.start()
    until(lambda: running.started)
    port = running.servers[0].sockets[0].getsockname()[1]
    yield running, f"http://127.0.0.1:{port}"
    running.should_exit = True
    thread.join(10)


def only(server: uvicorn.Server) -> H11Protocol:
    """Its one connection."""
    until(lambda: len(server.server_state.connections) == 1)
    (connection,) = server.server_state.connections
    assert isinstance(connection, H11Protocol)
    return connection


def test_a_connection_tells_whether_a_request_has_begun(server: tuple[uvicorn.Server, str]) -> None:
    uvicorns, address = server
    with connected(address) as client:
        connection = only(uvicorns)
        assert connection.conn.their_state is h11.IDLE
        assert connection.conn.trailing_data == (b"", False)
        client.sendall(b"GET / HTT")
        until(lambda: connection.conn.trailing_data == (b"GET / HTT", False))
        assert connection.conn.their_state is h11.IDLE


def test_a_connection_tells_its_last_request_from_the_one_before(server: tuple[uvicorn.Server, str]) -> None:
    uvicorns, address = server
    with connected(address) as client:
        connection = only(uvicorns)
        seen = [connection.cycle]
        for _ in range(2):
            client.sendall(head("/", "GET"))
            assert answer(client, "GET").status == 204
            until(lambda: connection.conn.their_state is h11.IDLE)
            seen.append(connection.cycle)
        assert seen[0] is None
        assert len(set(map(id, seen))) == 3


def test_a_connection_can_be_closed_by_its_transport(server: tuple[uvicorn.Server, str]) -> None:
    uvicorns, address = server
    with connected(address) as client:
        client.sendall(b"GET / HTT")
        connection = only(uvicorns)
        until(lambda: connection.conn.trailing_data[0] != b"")
        loop = connection.loop
        loop.call_soon_threadsafe(slow_connections._close, connection)
        assert "again" in answer(client).problem(408, "too_slow")
        assert client.recv(1) == b""


# In place of httptools' parser, which is not installed here: with this one no request would ever be answered.
OTHER_PARSER = """
import uvicorn.config
uvicorn.config.HTTP_PROTOCOLS["auto"] = "asyncio:Protocol"
"""


@pytest.mark.slow
def test_requests_are_parsed_by_h11_whatever_else_uvicorn_prefers(tmp_path: Path) -> None:
    with running(tmp_path / "log.txt", first=OTHER_PARSER, seconds=30) as address, connected(address) as client:
        client.sendall(head("/healthz", "GET"))
        assert answer(client, "GET").status == 200


def test_elsewhere_than_in_uvicorn_it_is_said_that_slow_connections_stay(caplog: pytest.LogCaptureFixture) -> None:
    assert uvicorn_server.find() is None
    assert "stay open" in caplog.text


def test_a_connection_that_becomes_a_websocket_is_let_go_at_its_end() -> None:
    connections = Connections(Capacity(9, 5, 4, 4), Clients(), TrustedProxies([]))
    config = uvicorn.Config(app, port=0, http="h11", ws="websockets-sansio", lifespan="off", log_level="warning")
    config.load()
    config.http_protocol_class = partial(Connection, connections)  # type: ignore[assignment]
    with served(config) as (_, address):
        with connected(address) as client:
            client.sendall(head("/", "GET", **HANDSHAKE))
            assert answer(client, "GET").status == 101
            assert connections._total == 1
        until(lambda: connections._total == 0)


def test_as_many_callers_may_wait_as_before_though_few_are_accepted_at_once() -> None:
    config = uvicorn.Config(app, port=0, http="h11", lifespan="off", log_level="warning", backlog=4)
    with served(config) as (server, address):
        run(uvicorn_server.listen(server, 200))
        server.config.http_protocol_class = H11Protocol
        assert [send(address, head("/", "GET")).status for _ in range(10)] == [204] * 10
