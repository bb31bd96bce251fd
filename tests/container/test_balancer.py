"""The shipped nginx before several servers: what it does when they break, hang, end and come."""

from __future__ import annotations

import json
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from benchmarks.docker import docker
from tests.support.nginx import HONEST, PROXY, Nginx, Upstream, connected, get, nginx, post, upstream


@pytest.fixture
def three() -> list[Upstream]:
    return [upstream(name) for name in ("one", "two", "three")]


@pytest.fixture
def before_three(tmp_path: Path, three: list[Upstream], free_port: int) -> Iterator[Callable[..., Nginx]]:
    """nginx before three servers and a port where nobody listens."""
    with socket.socket() as nobody, ExitStack() as stack:
        nobody.bind(("127.0.0.1", 0))
        ports = [*(one.port for one in three), nobody.getsockname()[1]]
        yield lambda **variables: stack.enter_context(nginx(tmp_path, ports, free_port, **variables))


def until(condition: Callable[[], bool], seconds: float = 15) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.1)


@pytest.mark.parametrize("path", ["/api/v1/classify", "/v2/models/m/infer", "/page/classify"])
@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.parametrize("size", [1000, 3_000_000, 20_000_000])
def test_a_request_that_its_server_did_not_answer_is_sent_to_the_next(
    before_three, three, path: str, chunked: bool, size: int
) -> None:
    proxy = before_three()
    three[0].broken = three[1].broken = True
    for _ in range(6):
        assert post(proxy.port, path, bytes(size), chunked)[::2] == (200, b"three")
    assert sum(len(server.heads) for server in three) > 6


def test_of_other_paths_only_what_changes_nothing_is_sent_again(before_three, three) -> None:
    proxy = before_three()
    three[0].broken = three[1].broken = True
    assert {get(proxy.port)[0] for _ in range(6)} == {200}
    # Those that failed are tried again after two seconds.
    until(lambda: post(proxy.port, "/_stcore/other", b"x")[0] == 503)


def test_a_server_that_hangs_is_given_up_and_then_left_alone(before_three, three) -> None:
    proxy = before_three(ANSWER_SECONDS="2")
    three[0].held = True
    begin = time.monotonic()
    assert {post(proxy.port, "/api/v1/classify", b"x")[0] for _ in range(6)} == {200}
    assert time.monotonic() - begin < 10


@pytest.mark.parametrize("readiness", [503, 200])
def test_callers_go_where_servers_are_ready_and_those_of_a_visit_to_theirs(before_three, three, readiness: int) -> None:
    """A server that ends still has its visits, and so has one beside which another has become ready."""
    proxy = before_three()
    route = get(proxy.port)[1]["set-cookie"].partition(";")[0]
    (mine,) = [server for server in three if server.heads]
    mine.readiness = readiness
    if readiness == 503:
        until(lambda: mine.name.encode() not in {post(proxy.port, "/api/v1/classify", b"x")[2] for _ in range(9)})
    for _ in range(9):
        status, headers, body = get(proxy.port, "/_stcore/host-config", Cookie=f"a=b; {route}")
        assert (status, body) == (200, mine.name.encode())
        assert "set-cookie" not in headers


def test_a_websocket_says_where_it_was_opened(before_three, three) -> None:
    proxy = before_three()

    def opened(route: str) -> str:
        with connected(proxy.port) as connection:
            head = "GET /_stcore/stream HTTP/1.1\r\nHost: test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
            connection.sendall(f"{head}Cookie: {route}\r\n\r\n".encode())
            said = connection.recv(4096).decode()
            assert said.startswith("HTTP/1.1 101 ")
            return next(
                (line[12:].partition(";")[0] for line in said.split("\r\n") if line.startswith("Set-Cookie: ")), ""
            )

    route = opened("route=0123456789abcdef")  # of a server that is gone
    assert route.startswith("route=")
    assert opened(route) == ""
    (mine,) = [server for server in three if any("0123456789abcdef" in head for head in server.heads)]
    assert any(route in head for head in mine.heads)


def test_the_cookie_is_for_pages_alone_and_secure_under_tls(before_three) -> None:
    proxy = before_three(TRUSTED_PROXIES=PROXY)
    for path in ("/app/static/file.js", "/api/v1/info", "/page/classify", "/v2/health/ready"):
        assert "set-cookie" not in get(proxy.port, path)[1], path
    plain = get(proxy.port, "/")[1]["set-cookie"]
    assert plain.startswith("route=")
    assert "Secure" not in plain
    secure = get(proxy.port, "/", source=PROXY, X_Forwarded_Proto="https")[1]["set-cookie"]
    assert secure.startswith("__Secure-route=")
    assert secure.endswith("; Secure")
    again = get(proxy.port, "/", source=PROXY, X_Forwarded_Proto="https", Cookie=secure.partition(";")[0])[1]
    assert "set-cookie" not in again


@pytest.mark.parametrize(
    ("source", "said", "passed"),
    [(HONEST, "https", "http"), (PROXY, "https", "https"), (PROXY, "http", "http"), (PROXY, "javascript", "http")],
)
def test_only_a_trusted_proxy_says_how_a_client_came(started, server, source: str, said: str, passed: str) -> None:
    proxy = started(TRUSTED_PROXIES=PROXY)
    for path in ("/", "/api/v1/info"):
        get(proxy.port, path, source=source, X_Forwarded_Proto=said)
        assert f"\r\nX-Forwarded-Proto: {passed}\r\n" in server.heads[-1]


def test_a_request_without_a_name_is_served(started, server) -> None:
    proxy = started()
    for path in ("/", "/api/v1/info"):
        with connected(proxy.port) as connection:
            connection.sendall(f"GET {path} HTTP/1.0\r\n\r\n".encode())
            assert connection.recv(64).startswith(b"HTTP/1.1 200 ")
        assert "\r\nHost: localhost\r\n" in server.heads[-1]


def test_when_there_is_no_server_that_is_said_in_the_shape_of_all_errors(tmp_path: Path, free_port: int) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        with nginx(tmp_path, nobody.getsockname()[1], free_port) as proxy:
            for path in ("/", "/api/v1/info", "/v2/health/ready"):
                status, headers, body = get(proxy.port, path)
                assert (status, headers["content-type"]) == (503, "application/problem+json"), path
                assert int(headers["retry-after"]) > 0
                problem = json.loads(body)
                assert (problem["status"], problem["code"]) == (503, "no_server")
                assert problem.get("error") == (problem["detail"] if path.startswith("/v2") else None)


@pytest.mark.parametrize("chunked", [False, True])
def test_what_is_too_large_for_nginx_is_said_as_each_protocol_wants_it(started, chunked: bool) -> None:
    proxy = started()
    for path in ("/api/v1/classify", "/v2/models/m/infer"):
        status, _, body = post(proxy.port, path, bytes(27_000_000), chunked)
        assert status == 413
        problem = json.loads(body)
        assert problem["code"] == "request_too_large"
        assert problem.get("error") == (problem["detail"] if path.startswith("/v2") else None)


def test_a_name_that_leads_elsewhere_later_is_followed(started, server, tmp_path: Path) -> None:
    """As when a container is added or replaced: here, by the file that names are looked up in first."""
    proxy = started(UPSTREAM=f"servers.test:{server.port}")
    assert get(proxy.port)[0] == 503
    hosts = Path(docker("inspect", "--format", "{{.HostsPath}}", proxy.container))
    before = hosts.read_text()
    try:
        hosts.write_text(f"{before}\n127.0.0.1 servers.test\n")
        until(lambda: get(proxy.port)[0] == 200)
        hosts.write_text(f"{before}\n127.0.0.1 servers.test\n127.0.0.3 servers.test\n")  # there is nobody
        for _ in range(30):
            assert get(proxy.port)[0] == 200
            time.sleep(0.1)
    finally:
        hosts.write_text(before)


@pytest.mark.parametrize("wrong", ["unreadable", "no key", "not a pair"])
def test_a_certificate_that_cannot_be_used_is_said_and_stops_nothing_else(
    tmp_path: Path, server, free_port: int, wrong: str
) -> None:
    folder = tmp_path / "tls"
    folder.mkdir()
    folder.chmod(0o755)
    made = ("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=localhost")
    for name in ("tls", "other"):
        files = ("-keyout", str(folder / f"{name}.key"), "-out", str(folder / f"{name}.crt"))
        subprocess.run([*made, *files], check=True, capture_output=True)
    key = folder / "tls.key"
    key.chmod(0o600)
    if wrong == "no key":
        key.unlink()
    if wrong == "not a pair":
        (folder / "other.key").replace(key)
        key.chmod(0o644)
    with nginx(tmp_path, server.port, free_port, tls=folder) as proxy:
        assert get(proxy.port)[0] == 200
        lines = [line for line in proxy.logs().splitlines() if "TLS is off" in line]
        assert len(lines) == 1
        assert {"unreadable": "chmod 644 tls.key", "no key": "no tls.key", "not a pair": "key values mismatch"}[
            wrong
        ] in lines[0]
