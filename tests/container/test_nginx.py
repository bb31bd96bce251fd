"""The shipped nginx: what it holds one client to, whom it believes, and what it does not pass on."""

from __future__ import annotations

import asyncio
import json
import socket
import time
from collections import Counter
from contextlib import ExitStack, suppress

import pytest

from tests.support.loops import run
from tests.support.nginx import ATTACKER, HONEST, PROXY, Upstream, connected, get

KEPT = 6  # requests with large bodies that nginx reads before it passes them on, so that it can send them again


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
