"""Who a client is: the address at the other end, or what a trusted proxy says."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import pytest
import uvicorn
from starlette.types import Receive, Scope, Send

from classifier.settings import Settings
from tests.support.waiting import until
from tests.support.wire import answer, connected
from web.clients import TrustedProxies, client_of
from web.server import uvicorn_server


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    """Answers who the client is, and by which scheme it has come."""
    said = f"{client_of(scope)} {scope['scheme']}".encode()
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(said))]})
    await send({"type": "http.response.body", "body": said})


@contextmanager
def trusting(networks: str) -> Iterator[str]:
    """A running Uvicorn, as the server sets it up."""
    config = uvicorn.Config(echo, port=0, http="h11", lifespan="off", log_level="warning")
    config.load()
    uvicorn_server._trust(config, TrustedProxies(networks.split(",")))
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    until(lambda: server.started)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    thread.join(10)


@pytest.fixture(scope="module")
def said() -> Iterator[Callable[..., str]]:
    """What a server that trusts these networks says to these headers."""
    with ExitStack() as stack:
        servers: dict[str, str] = {}

        def ask(networks: str, *headers: str) -> str:
            if networks not in servers:
                servers[networks] = stack.enter_context(trusting(networks))
            with connected(servers[networks]) as connection:
                connection.sendall("\r\n".join(["GET / HTTP/1.1", "Host: test", *headers, "", ""]).encode("latin-1"))
                return answer(connection, "GET").body.decode()

        yield ask


FOR = "X-Forwarded-For: "


@pytest.mark.parametrize("networks", ["", "10.0.0.0/8", "::1"])
def test_what_an_untrusted_caller_says_of_itself_is_ignored(said: Callable[..., str], networks: str) -> None:
    assert said(networks, FOR + "192.0.2.7", "X-Forwarded-Proto: https") == "127.0.0.1 http"


@pytest.mark.parametrize(
    ("headers", "client"),
    [
        ([FOR + "192.0.2.7"], "192.0.2.7"),
        ([FOR + "192.0.2.1, 192.0.2.7"], "192.0.2.7"),
        ([FOR + "192.0.2.1", FOR + "192.0.2.7"], "192.0.2.7"),
        ([FOR + "192.0.2.1, 192.0.2.7, 10.1.2.3"], "192.0.2.7"),
        ([FOR + "192.0.2.7:1234"], "192.0.2.7"),
        ([FOR + "2001:db8:1:2::77"], "2001:db8:1:2::/64"),
        ([FOR + "[2001:db8:1:2::77]:80"], "2001:db8:1:2::/64"),
        ([FOR + "::ffff:192.0.2.7"], "192.0.2.7"),
        ([FOR + "10.1.2.3, 10.1.2.4"], "10.1.2.3"),
        ([FOR + "192.0.2.7, nonsense"], ""),
        ([FOR + "192.0.2.7, " + "9" * 5000], ""),
        ([FOR + "unix:"], ""),
        ([FOR + "\xff\xfe"], ""),
        ([FOR], "127.0.0.1"),
        (["Forwarded: for=192.0.2.7", "X-Real-IP: 192.0.2.7"], "127.0.0.1"),
    ],
)
def test_of_what_a_trusted_proxy_says_the_last_that_is_no_proxy_counts(
    said: Callable[..., str], headers: list[str], client: str
) -> None:
    assert said("127.0.0.1,10.0.0.0/8", *headers) == f"{client} http"


def test_a_trusted_proxy_says_the_scheme(said: Callable[..., str]) -> None:
    assert said("127.0.0.0/8", FOR + "192.0.2.7", "X-Forwarded-Proto: https") == "192.0.2.7 https"


@pytest.mark.parametrize(
    ("networks", "address", "trusted"),
    [
        (["10.0.0.0/8"], "10.1.2.3", True),
        (["10.0.0.0/8"], "::ffff:10.1.2.3", True),
        (["10.0.0.0/8"], "11.1.2.3", False),
        (["2001:db8::/32"], "2001:db8::1", True),
        (["fe80::1"], "fe80::1%eth0", True),
        (["10.0.0.0/8"], "", False),
        ([""], "", False),
        (["nonsense", "10.0.0.5"], "10.0.0.5", True),
        ([], "127.0.0.1", False),
    ],
)
def test_proxies(networks: list[str], address: str, trusted: bool) -> None:
    assert (address in TrustedProxies(networks)) is trusted


def test_the_variable_that_is_read_is_that_of_the_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(uvicorn_server.PROXIES, "10.0.0.5, 172.16.0.0/12")
    assert TrustedProxies(["10.0.0.5", " 172.16.0.0/12"]).networks[:2] == ["10.0.0.5/32", "172.16.0.0/12"]
    assert Settings().trusted_proxies == ("10.0.0.5", "172.16.0.0/12")
