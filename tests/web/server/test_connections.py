"""One address cannot take the connections and visits that others need, and is told so; the log stays small."""

from __future__ import annotations

import select
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from tests.support.addresses import SMALL, ask, connected, rerun, visit
from tests.support.photos import photo
from tests.support.server import running
from tests.support.waiting import until
from tests.support.wire import CLASSIFY, Answer, answer, head
from web.server.connections import BURST, RATE

PANDA = photo("panda.webp").read_bytes()
MANY = 300  # more than there are descriptors
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("connections") / "log.txt"


@pytest.fixture(scope="module")
def server(log: Path) -> Iterator[str]:
    with running(log, first=SMALL) as address:
        yield address


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def classify(address: str, source: str) -> Answer:
    with connected(address, source) as connection:
        connection.sendall(head(Content_Length=str(len(PANDA))) + PANDA)
        return answer(connection)


def refused(connection: socket.socket) -> Answer:
    return closed_after(answer(connection, "GET"), connection)


def closed_after(got: Answer, connection: socket.socket) -> Answer:
    """A refusal, which says when to come back, and after which its connection is closed."""
    assert got.headers["connection"] == "close"
    assert int(got.headers["retry-after"]) > 0
    assert connection.recv(1) == b""
    return got


def is_served(address: str, source: str) -> None:
    assert ask(address, source).status == 200
    assert classify(address, source).status == 200
    page, got = visit(address, source)
    with page:
        assert got.status == 101
        page.sendall(rerun())
        assert page.recv(1)


def quiet(log: Path, before: int) -> None:
    text = log.read_text()
    assert "out of system resource" not in text
    assert "Traceback" not in text[before:]
    assert len(text) - before < 30_000


def test_idle_connections_of_one_address_leave_room_for_others(server: str, log: Path, stack: ExitStack) -> None:
    before = len(log.read_text())
    for _ in range(MANY):
        stack.enter_context(connected(server))
    is_served(server, "127.0.0.2")
    with connected(server) as connection:
        assert "again" in refused(connection).problem(429, "client_share")
    quiet(log, before)


def test_a_caller_who_is_refused_reads_why_also_after_sending_much(server: str, stack: ExitStack) -> None:
    for _ in range(MANY):
        stack.enter_context(connected(server))
    connection = stack.enter_context(connected(server))
    connection.sendall(head(CLASSIFY, Content_Length="4000000") + bytes(4_000_000))
    refused(connection).problem(429, "client_share")


def test_visits_of_one_address_leave_room_for_others(server: str, log: Path, stack: ExitStack) -> None:
    before = len(log.read_text())
    statuses: list[int] = []
    while len(statuses) < MANY and statuses[-1:] != [429]:
        page, got = visit(server)
        stack.enter_context(page)
        statuses.append(got.status)
    assert statuses.count(101) > 25  # a quarter, as another address was here a moment ago
    assert "again" in got.problem(429, "client_share")
    assert int(got.headers["retry-after"]) > 0
    is_served(server, "127.0.0.2")
    quiet(log, before)


def by_six_addresses(server: str, stack: ExitStack) -> list[socket.socket]:
    """More connections than there may be, none of the addresses having more than the others."""
    sources = [f"127.0.0.{number}" for number in range(11, 17)]
    return [stack.enter_context(connected(server, source)) for source in sources for _ in range(MANY // 4)]


def not_refused(held: list[socket.socket]) -> list[socket.socket]:
    """Those that were admitted, once a second has passed in which none was refused: a busy server does that late.

    Younger ones do not count as idle.
    """
    while True:
        time.sleep(1.1)
        admitted = [one for one in held if not _told(one)]
        if len(admitted) == len(held):
            return admitted
        held = admitted


def test_when_all_is_taken_an_idle_connection_of_whoever_has_most_is_closed_for_the_next(
    server: str, stack: ExitStack
) -> None:
    admitted = not_refused(by_six_addresses(server, stack))
    assert len(admitted) > 100
    until(lambda: ask(server, "127.0.0.20").status == 200)
    assert len([one for one in admitted if _told(one)]) == 1


def test_when_all_is_in_use_the_next_is_told_to_come_back(server: str, stack: ExitStack) -> None:
    held = by_six_addresses(server, stack)
    for one in held:
        with suppress(ConnectionError):
            one.sendall(head(Content_Length="1000"))
    time.sleep(1.1)
    with connected(server, "127.0.0.20") as connection:
        assert "again" in refused(connection).problem(503, "too_many_connections")


def _told(connection: socket.socket) -> bool:
    """Whether the server has answered or closed a connection."""
    return bool(select.select([connection], [], [], 0)[0])


def test_behind_a_trusted_proxy_each_of_its_clients_has_a_share(tmp_path: Path, stack: ExitStack) -> None:
    trusting = {"CLASSIFIER_TRUSTED_PROXIES": "127.0.0.1"}
    address = stack.enter_context(running(tmp_path / "log.txt", trusting, first=SMALL))
    statuses: list[int] = []
    while len(statuses) < MANY and statuses[-1:] != [429]:
        page, got = visit(address, X_Forwarded_For="192.0.2.7")
        stack.enter_context(page)
        statuses.append(got.status)
    got.problem(429, "client_share")
    page, got = visit(address, X_Forwarded_For="192.0.2.7, 198.51.100.1")
    stack.enter_context(page)
    assert got.status == 101
    _, got = visit(address, X_Forwarded_For="198.51.100.1, 192.0.2.7")  # only the last is the proxy's word
    got.problem(429, "client_share")


def _refused_for_haste(server: str, source: str) -> Answer:
    """What the first connection is told that comes too fast, of many that come and go.

    A busy server takes them in so slowly that they are not too fast: it has to have kept up for a while.
    """
    end = time.monotonic() + 60
    while time.monotonic() < end:
        for _ in range(BURST // 4):
            connected(server, source).close()
        with connected(server, source) as last:  # taken in after all the others
            last.sendall(head("/healthz", "GET", Connection="close"))
            got = answer(last, "GET")
            if got.status != 200:
                return closed_after(got, last)
    pytest.fail("none was refused")


def test_connections_that_come_and_go_too_fast_are_refused_while_others_are_there(
    server: str, log: Path, stack: ExitStack
) -> None:
    before, source = len(log.read_text()), "127.0.0.9"
    assert classify(server, "127.0.0.8").status == 200
    _refused_for_haste(server, source).problem(429, "client_share")
    is_served(server, "127.0.0.8")
    time.sleep(20 / RATE)
    assert ask(server, source).status == 200
    quiet(log, before)
