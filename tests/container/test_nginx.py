"""The shipped nginx: what it holds one client to, whom it believes, and what it does not pass on."""

from __future__ import annotations

import asyncio
import json
import socket
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from benchmarks.docker import docker
from tests.support.loops import run
from tests.support.nginx import Nginx, Upstream, nginx, upstream
from tests.support.wire import answer

KEPT = 6  # requests with large bodies that nginx reads before it passes them on, so that it can send them again
ATTACKER, HONEST, PROXY = "127.0.0.1", "127.0.0.2", "127.0.0.9"


def connected(port: int, source: str = HONEST) -> socket.socket:
    """A connection from one of this machine's addresses, each of which is a client."""
    return socket.create_connection(("127.0.0.1", port), timeout=30, source_address=(source, 0))


def get(port: int, path: str = "/", source: str = HONEST, **headers: str) -> tuple[int, dict[str, str], bytes]:
    """Asks for a path exactly as it is written."""
    lines = [f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items()]
    with connected(port, source) as connection:
        connection.sendall(f"GET {path} HTTP/1.1\r\nHost: test\r\n{''.join(lines)}\r\n".encode())
        got = answer(connection, "GET")
        return got.status, {name.lower(): value for name, value in got.headers.items()}, got.body


@pytest.fixture
def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def server() -> Upstream:
    return upstream()


@pytest.fixture
def started(tmp_path: Path, server: Upstream, free_port: int) -> Iterator[Callable[..., Nginx]]:
    with ExitStack() as stack:
        yield lambda **variables: stack.enter_context(nginx(tmp_path, server.port, free_port, **variables))


def refused(got: tuple[int, dict[str, str], bytes]) -> bool:
    """Whether it is an answer of 200 or, as a problem with the time to wait, 429; nothing else may be."""
    status, headers, body = got
    if status == 200:
        return False
    assert status == 429, body
    assert headers["content-type"] == "application/problem+json"
    assert int(headers["retry-after"]) > 0
    assert (json.loads(body)["status"], json.loads(body)["code"]) == (429, "client_share")
    return True


def test_connections_of_one_client_leave_room_for_others(started, server) -> None:
    proxy = started()
    server.held = True
    with ExitStack() as stack:
        announced = b"POST /api/v1/classify HTTP/1.1\r\nHost: test\r\nContent-Length: 19000000\r\n\r\n"
        attacks = [stack.enter_context(connected(proxy.port, ATTACKER)) for _ in range(600)]
        for connection in attacks:
            connection.sendall(announced)
        end = time.monotonic() + 10
        passed = 256 - KEPT
        while len(server.heads) < passed and time.monotonic() < end:
            time.sleep(0.05)
        assert refused(get(proxy.port, source=ATTACKER))
        assert len(server.heads) == passed
        server.held = False
        assert [get(proxy.port)[0] for _ in range(50)] == [200] * 50
        late = [connection for connection in attacks if got(connection)]
        assert len(late) == 600 - 256
    assert len(proxy.logs()) < 2000


def got(connection: socket.socket) -> bool:
    """Whether it was refused already."""
    connection.settimeout(0.01)
    try:
        return connection.recv(1 << 16).startswith(b"HTTP/1.1 429 ")
    except TimeoutError:
        return False


async def ask(port: int, source: str, times: int) -> list[tuple[int, dict[str, str], bytes]]:
    """Asks one time after the other on one connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, local_addr=(source, 0))
    answers = []
    for _ in range(times):
        writer.write(b"GET /static/file.js HTTP/1.1\r\nHost: test\r\n\r\n")
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in head.split("\r\n")[1:-2])}
        answers.append((int(head.split()[1]), headers, await reader.readexactly(int(headers["content-length"]))))
    writer.close()
    return answers


def together(port: int, source: str, connections: int, times: int) -> Counter[bool]:
    """How many requests were refused, and how many answered, of connections that ask at the same time."""

    async def all_of_them() -> Counter[bool]:
        lists = await asyncio.gather(*(ask(port, source, times) for _ in range(connections)))
        return Counter(refused(one) for answers in lists for one in answers)

    return run(all_of_them())


@pytest.mark.slow
def test_an_office_that_opens_the_page_in_the_same_moment_is_not_refused(started) -> None:
    proxy = started()
    assert together(proxy.port, HONEST, connections=6, times=17) == {False: 102}  # one browser
    assert together(proxy.port, ATTACKER, connections=180, times=17) == {
        False: 3060
    }  # thirty, each with six connections


@pytest.mark.slow
def test_a_flood_is_refused_and_others_do_not_notice(started, server) -> None:
    proxy = started()

    async def both() -> tuple[list[float], Counter[bool]]:
        flood = asyncio.ensure_future(asyncio.to_thread(together, proxy.port, ATTACKER, 900, 6))
        times = []
        await asyncio.sleep(1)
        while not flood.done():
            begin = time.monotonic()
            assert [one[0] for one in await ask(proxy.port, HONEST, 1)] == [200]
            times.append(time.monotonic() - begin)
            await asyncio.sleep(0.05)
        return times, await flood

    times, found = run(both())
    print(
        f"\nof the flood {found[True]} were refused and {found[False]} not; the other waited {max(times):.2f} s at most"
    )
    assert found[True] > 500
    assert len(times) > 10
    assert sorted(times)[len(times) * 95 // 100] < 0.5
    assert len(proxy.logs()) < 2000


def test_a_client_is_whoever_connects_whatever_it_says_of_itself(started, server) -> None:
    proxy = started()
    for claim in ("6.6.6.6", "6.6.6.6, 127.0.0.1", "::1", ""):
        get(proxy.port, source=HONEST, X_Forwarded_For=claim, x_forwarded_for=claim)
        assert forwarded(server) == [HONEST]


def test_behind_a_trusted_proxy_a_client_is_the_last_that_it_does_not_know(started, server) -> None:
    proxy = started(TRUSTED_PROXIES=f"{PROXY},10.0.0.0/8")
    for said, client in {
        "198.51.100.7": "198.51.100.7",
        "6.6.6.6, 198.51.100.7": "198.51.100.7",
        "6.6.6.6, 198.51.100.7, 10.1.2.3": "198.51.100.7",
        "2001:db8:1:2:3::4": "2001:db8:1:2:3::4",
        "nonsense": PROXY,
    }.items():
        get(proxy.port, source=PROXY, X_Forwarded_For=said)
        assert forwarded(server) == [client], said
    get(proxy.port, source=HONEST, X_Forwarded_For="6.6.6.6")
    assert forwarded(server) == [HONEST]


def forwarded(server: Upstream) -> list[str]:
    """What the last request said of its client."""
    lines = server.heads[-1].split("\r\n")
    return [line.partition(": ")[2] for line in lines if line.lower().startswith("x-forwarded-for:")]


def test_a_network_of_ipv6_is_one_client_and_another_is_not(started, server) -> None:
    proxy = started(TRUSTED_PROXIES=PROXY)
    server.held = True
    with ExitStack() as stack:
        for number in range(300):
            connection = stack.enter_context(connected(proxy.port, PROXY))
            head = f"GET / HTTP/1.1\r\nHost: test\r\nX-Forwarded-For: 2001:db8:0:7:{number + 1:x}::{number:x}\r\n\r\n"
            connection.sendall(head.encode())
        end = time.monotonic() + 10
        while len(server.heads) < 256 and time.monotonic() < end:
            time.sleep(0.05)
        assert refused(get(proxy.port, source=PROXY, X_Forwarded_For="2001:db8:0:7::1"))
        server.held = False
        for other in ("2001:db8:0:8:1::1", "2001:db8::7:0:0:1", "198.51.100.7"):
            assert get(proxy.port, source=PROXY, X_Forwarded_For=other)[0] == 200, other


WAYS = ("", "/", "?x=1", "/x", "%2f", "%2F..%2fmetrics", "/.", "/../metrics", "/%2e")


@pytest.mark.parametrize("base", ["", "/demo", "/a.b/c"])
def test_metrics_are_not_passed_on_however_they_are_asked_for(started, server, base: str) -> None:
    proxy = started(CLASSIFIER_BASE_PATH=base)
    paths = [f"{base}/metrics{end}" for end in WAYS]
    paths += [
        f"{base}/%6detrics",
        f"{base}//metrics",
        f"{base}/./metrics",
        f"{base}/x/../metrics",
        f"{base}/%2e/metrics",
    ]
    paths += [f"http://test{base}/metrics", "/metrics"]
    for path in paths:
        status, headers, body = get(proxy.port, path)
        assert (status, headers["content-type"]) == (404, "application/problem+json"), path
        assert json.loads(body)["detail"].startswith(f"There is nothing at this path. {base}/api/docs lists"), path
    assert server.heads == []
    assert get(proxy.port, f"{base}/metricsx")[0] == 200
    assert get(proxy.port, f"{base}/api/v1/metrics")[0] == 200
    assert len(server.heads) == 2


def test_metrics_are_passed_on_when_the_operator_says_so(started, server) -> None:
    proxy = started(PASS_METRICS="1")
    assert get(proxy.port, "/metrics")[0] == 200
    assert server.heads[0].startswith("GET /metrics HTTP/1.1\r\n")


@pytest.mark.slow
def test_a_head_that_does_not_end_is_not_waited_for(started, server) -> None:
    proxy = started()
    with ExitStack() as stack:
        slow = [stack.enter_context(connected(proxy.port, ATTACKER)) for _ in range(1000)]
        for connection in slow:
            connection.sendall(b"GET / HTTP/1.1\r\nHost: test\r\n")
        begin = time.monotonic()
        assert [get(proxy.port)[0] for _ in range(20)] == [200] * 20
        slow[0].settimeout(1)
        with suppress(ConnectionResetError):
            while time.monotonic() - begin < 25:
                with suppress(TimeoutError):
                    slow[0].recv(1024)
                    break
                slow[0].sendall(b"X: another line now and then does not help\r\n")
        assert 10 < time.monotonic() - begin < 25


def test_a_websocket_is_passed_on_and_stays_open(started, server) -> None:
    proxy = started()
    with connected(proxy.port) as connection:
        connection.sendall(
            b"GET /_stcore/stream HTTP/1.1\r\nHost: test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
        )
        assert connection.recv(1024).startswith(b"HTTP/1.1 101 ")
        assert together(proxy.port, HONEST, connections=6, times=17) == {False: 102}
        connection.settimeout(0.5)
        with pytest.raises(TimeoutError):
            connection.recv(1)


HIDDEN = "GET /hidden HTTP/1.1\r\nHost: test\r\n\r\n"
CHUNKED = f"Content-Length: {len(HIDDEN) + 5}\r\n\r\n0\r\n\r\n{HIDDEN}"
SHAPES = {
    "both": f"Transfer-Encoding: chunked\r\n{CHUNKED}",
    "both, the other way round": f"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n{HIDDEN}",
    "two lengths": f"Content-Length: 0\r\nContent-Length: {len(HIDDEN)}\r\n\r\n{HIDDEN}",
    "a length with a sign": f"Content-Length: +{len(HIDDEN)}\r\n\r\n{HIDDEN}",
    "a length in a list": f"Content-Length: 0, {len(HIDDEN)}\r\n\r\n{HIDDEN}",
    "an encoding unknown": f"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n{HIDDEN}",
    "an encoding twice": f"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n{HIDDEN}",
    "an encoding in a list": f"Transfer-Encoding: identity, chunked\r\n\r\n0\r\n\r\n{HIDDEN}",
    "an encoding after a tab": f"Transfer-Encoding:\tchunked\r\nContent-Length: 0\r\n\r\n{HIDDEN}",
    "a blank before the colon": f"Transfer-Encoding : chunked\r\n{CHUNKED}",
    "a line folded": f"Transfer-Encoding:\r\n chunked\r\n{CHUNKED}",
    "a line that ends early": f"X: a\nTransfer-Encoding: chunked\r\n{CHUNKED}",
    "a chunk too long": f"Transfer-Encoding: chunked\r\n\r\n{'f' * 17}\r\n{HIDDEN}",
    "a chunk negative": f"Transfer-Encoding: chunked\r\n\r\n-1\r\n{HIDDEN}",
}


@pytest.mark.parametrize("shape", SHAPES)
def test_a_body_hides_no_request_from_nginx(started, server, shape: str) -> None:
    """What nginx takes for a body the server must, too: so each request has the header that nginx adds."""
    proxy = started()
    with connected(proxy.port) as connection:
        connection.sendall(f"POST /api/v1/classify HTTP/1.1\r\nHost: test\r\n{SHAPES[shape]}".encode())
        connection.settimeout(0.5)
        with suppress(TimeoutError, ConnectionResetError):
            while connection.recv(1 << 16):
                pass
    for head in server.heads:
        assert forwarded_in(head), head
        names = [line.partition(":")[0].lower() for line in head.split("\r\n")[1:]]
        assert not {"content-length", "transfer-encoding"} <= set(names), head
        assert names.count("content-length") <= 1


def forwarded_in(head: str) -> bool:
    """Whether nginx passed this request on knowingly."""
    return f"\r\nX-Forwarded-For: {HONEST}\r\n" in head


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


def post(port: int, path: str, body: bytes, chunked: bool = False) -> tuple[int, dict[str, str], bytes]:
    """Sends a body in one piece."""
    framing, sent = f"Content-Length: {len(body)}", body
    if chunked:
        framing, sent = "Transfer-Encoding: chunked", b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)
    with connected(port) as connection:
        connection.sendall(f"POST {path} HTTP/1.1\r\nHost: test\r\n{framing}\r\n\r\n".encode() + sent)
        got = answer(connection, "POST")
        return got.status, {name.lower(): value for name, value in got.headers.items()}, got.body


def until(condition: Callable[[], bool], seconds: float = 15) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.1)


@pytest.mark.parametrize("path", ["/api/v1/classify", "/v2/models/m/infer"])
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
    time.sleep(2.1)  # until those that failed are tried again
    assert 503 in {post(proxy.port, "/_stcore/upload_file/visit/file", b"x")[0] for _ in range(6)}


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
        status, headers, body = get(proxy.port, "/_stcore/upload_file/visit/file", Cookie=f"a=b; {route}")
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
    for path in ("/app/static/file.js", "/api/v1/info", "/v2/health/ready"):
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
        assert {get(proxy.port)[0] for _ in range(30) if not time.sleep(0.1)} == {200}
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
