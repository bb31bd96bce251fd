"""No client takes the bytes that others need, neither with bodies that arrive nor with files that visits hold."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack
from urllib.parse import urlsplit

import pytest

from classifier.errors import ShareError
from classifier.machine.clients import SECONDS, Clients
from tests.support.clock import Clock
from tests.support.photos import photo
from tests.support.server import running
from tests.support.waiting import until
from tests.support.wire import Answer, answer, connected, head, metric, page_head
from web.errors import TooMuchSentError
from web.uploads.budget import Reservation, SharedBudget

PANDA = photo("panda.webp").read_bytes()
SIZE = 100_000_000
SHARE, ALONE = SIZE // 4, SIZE * 3 // 4
QUICK = "from classifier.machine import clients\nclients.SECONDS = 3.0"  # until a client no longer counts as present


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def clients(clock: Clock) -> Clients:
    return Clients(clock=clock)


def shared(clients: Clients, least: int = 1) -> SharedBudget:
    """A budget of 100 bytes."""
    return SharedBudget(100, TooMuchSentError, least=lambda: least, clients=clients)


def arriving(budget: SharedBudget, client: str, count: int) -> Reservation:
    """What has arrived of a body."""
    room = Reservation(budget, client=client)
    room.grow(count)
    return room


def test_who_is_alone_may_have_all_but_a_share_and_is_told_that_it_is_full(clients: Clients) -> None:
    budget = shared(clients)
    clients.seen("a")
    room = arriving(budget, "a", 75)
    with pytest.raises(TooMuchSentError):
        room.grow(76)
    with pytest.raises(TooMuchSentError):
        Reservation(budget, client="a").expect(1)
    assert budget.reserved == 75


def test_beside_others_a_client_may_have_a_share(clients: Clients, clock: Clock) -> None:
    budget = shared(clients)
    arriving(budget, "a", 5).complete()
    clients.seen("b")
    room = arriving(budget, "a", 10)
    arriving(budget, "a", 10)
    with pytest.raises(ShareError):
        room.grow(11)
    with pytest.raises(ShareError):
        Reservation(budget, client="a").expect(1)
    clock.now += SECONDS + 1
    room.grow(11)


def test_one_largest_request_is_never_too_much(clients: Clients) -> None:
    budget = shared(clients, least=90)
    clients.seen("b")
    arriving(budget, "a", 90)
    assert budget.reserved == 90


def test_what_one_has_filled_is_open_to_the_next(clients: Clients) -> None:
    budget = shared(clients)
    first, second = arriving(budget, "a", 40), arriving(budget, "a", 35)
    told: list[str] = []
    first.on_eviction = lambda: told.append("first")
    clients.seen("a")
    clients.seen("b")
    Reservation(budget, client="b").expect(20)
    arriving(budget, "b", 20)
    assert not first.evicted
    arriving(budget, "c", 20)
    assert (told, first.count, second.count, budget.reserved) == (["first"], 0, 35, 75)
    with pytest.raises(ShareError):
        first.grow(41)


def test_who_has_more_never_takes_from_who_has_less(clients: Clients) -> None:
    budget = shared(clients, least=50)
    arriving(budget, "c", 60).complete()
    clients.seen("a")
    other = arriving(budget, "b", 20)
    room = arriving(budget, "a", 20)
    with pytest.raises(TooMuchSentError):
        room.grow(21)
    assert not other.evicted
    assert budget.reserved == 100


def test_a_body_that_has_arrived_is_not_taken_back(clients: Clients) -> None:
    budget = shared(clients)
    arriving(budget, "a", 70).complete()
    clients.seen("a")
    for client in ("b", "c"):
        arriving(budget, client, 15)
    with pytest.raises(TooMuchSentError):
        arriving(budget, "d", 15)
    assert budget.reserved == 100


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    log = tmp_path_factory.mktemp("shares") / "log.txt"
    with running(log, {"CLASSIFIER_UPLOADS": str(SIZE)}, first=QUICK) as address:
        yield address
    assert "Traceback" not in log.read_text()


@pytest.fixture
def empty(server: str) -> Iterator[str]:
    """The server with nothing in it, and nobody present."""
    time.sleep(3.2)
    yield server
    until(lambda: used(server) == 0)


def used(address: str) -> float:
    return metric(address, "classifier_budget_used_bytes")


def from_(client: str, address: str) -> socket.socket:
    """The connection of another client than those without a name here."""
    server = (urlsplit(address).hostname, urlsplit(address).port)
    return socket.create_connection(server, timeout=30, source_address=(client, 0))


def ask(client: str, address: str, data: bytes = PANDA) -> Answer:
    with from_(client, address) as connection:
        connection.sendall(head(Content_Length=str(len(data))) + data)
        return answer(connection)


def begin(address: str, count: int) -> socket.socket:
    """A body of which all but one byte has arrived."""
    connection = connected(address)
    connection.sendall(head(Content_Length=str(count + 1)) + b"x" * count)
    return connection


@pytest.mark.slow
def test_bodies_that_are_only_announced_are_in_nobodys_way(empty: str) -> None:
    with ExitStack() as stack:
        for _ in range(20):
            stack.enter_context(connected(empty)).sendall(head(Content_Length="19000000") + b"x")
        until(lambda: used(empty) == 20)
        assert [ask("127.0.0.2", empty).status for _ in range(5)] == [200] * 5


@pytest.mark.slow
def test_one_client_fills_no_more_than_is_left_for_the_next_and_gives_way(empty: str) -> None:
    each = ALONE // 4
    with ExitStack() as stack:
        mine = [stack.enter_context(begin(empty, each - 1)) for _ in range(4)]
        until(lambda: used(empty) == 4 * (each - 1))
        with connected(empty) as one_more:
            one_more.sendall(head(Content_Length="1000") + b"x" * 1000)
            answer(one_more).problem(503, "too_much_sent")

        second = stack.enter_context(from_("127.0.0.2", empty))
        second.sendall(head(Content_Length="20000000") + b"x" * 19_000_000)
        until(lambda: used(empty) == 4 * (each - 1) + 19_000_000)
        assert ask("127.0.0.3", empty, b"x" * 10_000_000).status == 415
        refused = answer(mine[0])
        assert "share" in refused.problem(429, "client_share")
        assert int(refused.headers["retry-after"]) > 0
        assert used(empty) == 3 * (each - 1) + 19_000_000
        assert ask("127.0.0.3", empty).status == 200
        mine[1].sendall(b"x")  # its last byte, which is over the share now
        answer(mine[1]).problem(429, "client_share")
        second.sendall(b"x" * 1_000_000)
        assert answer(second).status == 415


@pytest.mark.slow
def test_what_a_client_sends_to_page_and_api_is_a_share_together(empty: str) -> None:
    with connected(empty) as one:
        one.sendall(page_head(20_000_000) + b"x" * 19_999_999)
        until(lambda: used(empty) == 19_999_999)
        assert ask("127.0.0.2", empty).status == 200
        for path_head in (page_head(6_000_000), head(Content_Length="6000000")):
            with connected(empty) as connection:
                connection.sendall(path_head)
                answer(connection).problem(429, "client_share")
