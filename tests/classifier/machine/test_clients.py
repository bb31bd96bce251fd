"""Clients are told apart, what they used is remembered for a while, and none holds more than its share."""

from __future__ import annotations

import threading

import pytest

from classifier.errors import AbandonedError
from classifier.machine.cancellation import Cancellation
from classifier.machine.clients import SECONDS, Clients, Shares
from tests.support.clock import Clock


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def clients(clock: Clock) -> Clients:
    return Clients(clock=clock)


def test_a_client_is_present_for_a_while_after_it_asked(clients: Clients, clock: Clock) -> None:
    clients.seen("a")
    assert clients.others("b")
    assert not clients.others("a")
    clock.now += SECONDS + 1
    assert not clients.others("b")


def test_half_of_a_cost_is_forgotten_in_ten_seconds(clients: Clients, clock: Clock) -> None:
    clients.charge("a", 4)
    clock.now += 10
    assert clients.cost("a") == pytest.approx(2)
    clients.charge("a", 1)
    assert clients.cost("a") == pytest.approx(3)
    assert clients.cost("b") == 0


def test_clients_that_have_long_gone_take_no_memory(clients: Clients, clock: Clock) -> None:
    for number in range(1000):
        clients.seen(str(number))
    clock.now += 10 * SECONDS
    clients.seen("a")
    assert len(clients._known) == 1


def test_a_share_is_left_for_others_and_is_all_that_one_gets_beside_them(clients: Clients) -> None:
    shares = Shares(clients)
    clients.seen("a")
    assert shares.bound("a", 100) == 75
    clients.seen("b")
    assert shares.bound("a", 100) == 25
    assert shares.bound("a", 100, least=40) == 40


@pytest.mark.parametrize(("share", "alone", "beside"), [(1, 100, 100), (0.6, 60, 60), (0.5, 50, 50), (0.1, 90, 10)])
def test_nobody_gets_less_for_being_alone(share: float, alone: int, beside: int) -> None:
    clients = Clients(share)
    shares = Shares(clients)
    assert shares.bound("a", 100) == alone
    clients.seen("b")
    assert shares.bound("a", 100) == beside


def test_what_is_held_is_given_back(clients: Clients) -> None:
    shares = Shares(clients)
    shares.add("a", 3)
    shares.add("a", -1)
    assert shares.held("a") == 2
    shares.add("a", -2)
    assert (shares.held("a"), shares._held) == (0, {})


def test_cancelling_stops_the_step_that_work_is_in() -> None:
    stopped = threading.Event()
    cancellation = Cancellation()
    with cancellation.stopped_by(stopped.set):
        assert not stopped.is_set()
        cancellation.cancel()
        assert stopped.is_set()
    with pytest.raises(AbandonedError):
        cancellation.check()
    with pytest.raises(AbandonedError), cancellation.stopped_by(stopped.set):
        pass


def test_a_step_that_has_ended_is_not_stopped() -> None:
    stopped = threading.Event()
    cancellation = Cancellation()
    with cancellation.stopped_by(stopped.set):
        pass
    cancellation.cancel()
    assert not stopped.is_set()
