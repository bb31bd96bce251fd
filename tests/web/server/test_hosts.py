"""The server answers to names of its own: no site can lead a name of another site to it."""

from __future__ import annotations

import socket
from collections.abc import Iterable
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.testclient import TestClient

from tests.support.server import running
from tests.support.waiting import until
from tests.support.wire import Answer, answer, connected, send
from web.server.hosts import KnownHosts, allowed_hosts

LOOPBACK = ["127.0.0.1", "localhost", "::1", "127.1.2.3", "::ffff:127.0.0.1"]
OURS = [
    *("localhost", "localhost:8501", "LocalHost", "localhost.", "app.localhost:1", "127.0.0.1:8501", "127.8.0.1"),
    *("[::1]", "[::1]:8501", "[0:0:0:0:0:0:0:1]:80", "[::ffff:127.0.0.1]"),
]
STRANGE = [
    *("evil.example", "evil.example:8501", "localhost.evil.example", "localhost@evil.example", "not.localhost.example"),
    *("10.0.0.5", "0.0.0.0:8501", "128.0.0.1", "[::2]", "[::1", "::1", "127.0.0.1.evil.example", ""),
    *("localhost:x", "localhost:80:80", "localhost evil.example", "localhost/", "127.0.0.1,evil.example", "[]", ":80"),
]


def status(address: str | None, allowed: Iterable[str], *hosts: str, client: str = "10.0.0.7") -> int:
    """The status that a request with these Host headers gets."""

    async def there(_: Request) -> Response:
        return Response(status_code=204)

    app = KnownHosts(Starlette(routes=[Route("/", there)]), address, allowed)

    async def with_hosts(scope, receive, send) -> None:
        headers = [(name, value) for name, value in scope["headers"] if name != b"host"]
        await app({**scope, "headers": headers + [(b"host", host.encode()) for host in hosts]}, receive, send)

    return TestClient(with_hosts, client=(client, 1)).get("/").status_code


@pytest.mark.parametrize("address", LOOPBACK)
def test_on_a_loopback_address_only_this_machines_names_are_answered(address: str) -> None:
    assert {host: status(address, (), host) for host in OURS} == dict.fromkeys(OURS, 204)
    assert {host: status(address, (), host) for host in STRANGE} == dict.fromkeys(STRANGE, 400)


def test_a_name_without_a_dot_can_be_no_other_sites() -> None:
    assert {host: status("127.0.0.1", (), host) for host in ("raspberrypi", "app:8501", "a")} == {
        "raspberrypi": 204,
        "app:8501": 204,
        "a": 204,
    }
    assert status("0.0.0.0", ("demo.example.org",), "raspberrypi") == 400


def test_a_name_that_leads_to_this_machine_is_answered_where_the_server_listens_on_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    resolved = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.1.1", 0))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: resolved)
    assert status("workstation", (), "workstation:8501") == 204
    assert status("workstation", (), "localhost") == 204
    assert status("workstation", (), "evil.example") == 400


@pytest.mark.parametrize("address", [None, "", "0.0.0.0", "::", "192.0.2.7", "unix:///run/classifier.sock"])
def test_elsewhere_any_name_is_answered_and_none_in_http_1_0(address: str | None) -> None:
    assert status(address, (), "any.example") == status(address, ()) == 204
    assert status(address, (), "any.example", "other.example") == 400


@pytest.mark.parametrize("address", ["127.0.0.1", "0.0.0.0"])
def test_where_names_are_set_only_they_are_answered(address: str) -> None:
    names = ("demo.example.org", "*.Example.com", "[2001:db8::7]")
    for host in ("demo.example.org", "DEMO.example.org.:443", "a.example.com", "a.b.example.com:1", "[2001:db8::7]:80"):
        assert status(address, names, host) == 204, host
    for host in ("example.org", "example.com", "demo.example.org.evil.example", "evilexample.com", "evil.example"):
        assert status(address, names, host) == 400, host
    assert status(address, names) == status(address, names, "demo.example.org", "demo.example.org") == 400
    assert status(address, names, "localhost", client="127.0.0.1") == 204  # a check of health
    assert status("0.0.0.0", names, "localhost") == 400
    assert status(address, ("*",), "evil.example") == 204


def test_a_unix_socket_is_reached_by_no_browser_and_so_by_any_name() -> None:
    assert status("127.0.0.1", (), "any.example", client="") == 204


def test_the_names_are_read_from_the_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLASSIFIER_ALLOWED_HOSTS", " demo.example.org, *.example.org,")
    assert allowed_hosts() == ("demo.example.org", "*.example.org")
    monkeypatch.setenv("CLASSIFIER_ALLOWED_HOSTS", "")
    assert allowed_hosts() == ()


PATHS = [
    "/",
    "/healthz",
    "/metrics",
    "/api/v1/info",
    "/api/docs",
    "/app-static/page.js",
    "/_stcore/health",
    "/elsewhere",
]


def get(address: str, path: str, host: str, **headers: str) -> Answer:
    lines = [f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items()]
    with connected(address) as connection:
        connection.sendall(f"GET {path} HTTP/1.1\r\nHost: {host}\r\n{''.join(lines)}\r\n".encode())
        return answer(connection, "GET")


def socket_status(address: str, host: str) -> int:
    """The status of a handshake by a page of that host itself."""
    upgrade = {
        "Upgrade": "websocket",
        "Connection": "Upgrade",
        "Sec_WebSocket_Key": "dGhlIHNhbXBsZSBub25jZQ==",
        "Sec_WebSocket_Version": "13",
        "Sec_WebSocket_Protocol": "streamlit",
        "Origin": f"http://{host}",
    }
    return get(address, "/_stcore/stream", host, **upgrade).status


@pytest.mark.slow
@pytest.mark.parametrize("path", PATHS)
def test_a_strange_name_gets_nothing_on_any_path(plain_server: str, path: str) -> None:
    port = plain_server.rpartition(":")[2]
    detail = get(plain_server, path, f"evil.example:{port}").problem(400, "unknown_host")
    assert "CLASSIFIER_ALLOWED_HOSTS" in detail
    assert get(plain_server, path, f"localhost:{port}").status == 200


@pytest.mark.slow
def test_a_page_of_a_strange_name_gets_no_socket(plain_server: str) -> None:
    port = plain_server.rpartition(":")[2]
    assert socket_status(plain_server, f"evil.example:{port}") == 403
    assert socket_status(plain_server, f"127.0.0.1:{port}") == 101


@pytest.mark.slow
def test_a_request_without_a_name_or_with_two_is_refused(plain_server: str) -> None:
    for hosts in (b"", b"Host: localhost\r\nHost: localhost\r\n", b"Host: localhost\r\nHost: evil.example\r\n"):
        for version in (b"1.0", b"1.1"):
            assert send(plain_server, b"GET /healthz HTTP/" + version + b"\r\n" + hosts + b"\r\n").status == 400


@pytest.mark.slow
def test_names_that_the_owner_sets_are_answered_page_and_socket(tmp_path: Path) -> None:
    with running(tmp_path / "log.txt", {"CLASSIFIER_ALLOWED_HOSTS": "demo.example.org"}) as address:
        assert get(address, "/", "demo.example.org").status == 200
        assert socket_status(address, "demo.example.org") == 101
        get(address, "/", "other.example.org").problem(400, "unknown_host")
        assert socket_status(address, "other.example.org") == 403


@pytest.mark.slow
def test_a_wrong_name_keeps_the_server_from_starting(tmp_path: Path) -> None:
    log = tmp_path / "log.txt"
    with pytest.raises(AssertionError), running(log, {"CLASSIFIER_ALLOWED_HOSTS": "https://demo.example.org/"}):
        pass
    until(lambda: "CLASSIFIER_ALLOWED_HOSTS" in log.read_text())
