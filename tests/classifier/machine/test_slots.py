"""What is worked on at once: pictures that are decoded, pictures that are with the model, and what each is charged."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest

from classifier.errors import AbandonedError, BusyError
from classifier.machine.cancellation import Cancellation
from classifier.machine.clients import Clients
from classifier.machine.queue import WorkQueue
from classifier.machine.slots import Place
from tests.support.clock import Clock


def started(*places: Place) -> list[bool]:
    """Whose turn has come."""
    return [place.turn.done() for place in places]


def test_a_picture_may_be_decoded_while_others_are_with_the_model() -> None:
    queue = WorkQueue(running=2, waiting=8, ahead=1)
    first, second, third, fourth = (queue.ask() for _ in range(4))
    assert started(first, second, third, fourth) == [True, True, False, False]
    with first.turn.result(0).decoded() as waited:
        assert waited < 50
        assert started(third, fourth) == [True, False]
        with third.turn.result(0).decoded():  # three are there, so the fourth has to wait for one to leave
            assert started(fourth) == [False]
    queue.leave(third)
    assert started(fourth) == [True]


def test_never_more_are_decoded_or_with_the_model_than_there_are_cpus() -> None:
    queue = WorkQueue(running=2, waiting=100, ahead=2)
    lock, now, most = threading.Lock(), [0, 0, 0], [0, 0, 0]

    def count(step: int, by: int) -> None:
        with lock:
            now[step] += by
            most[step] = max(most[step], now[step])

    def work(_: int) -> None:
        with queue.take() as turn:
            count(2, 1)
            count(0, 1)
            threading.Event().wait(0.002)
            count(0, -1)
            with turn.decoded():
                count(1, 1)
                threading.Event().wait(0.004)
                count(1, -1)
            count(2, -1)

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(work, range(100)))
    assert most == [2, 2, 4]
    assert (queue.busy, queue.waiting) == (0, 0)


def test_one_that_waits_for_the_model_learns_how_long_and_gives_up_when_its_caller_goes() -> None:
    queue = WorkQueue(running=1, waiting=8, ahead=2)
    holds, leave, gone = threading.Event(), threading.Event(), Cancellation()

    def hold() -> None:
        with queue.take() as turn, turn.decoded():
            holds.set()
            leave.wait(30)

    def work(cancellation: Cancellation | None = None) -> float:
        with queue.take("", cancellation) as turn, turn.decoded() as waited:
            return waited

    with ThreadPoolExecutor(3) as pool:
        holder = pool.submit(hold)
        assert holds.wait(30)
        abandoned = pool.submit(work, gone)
        while queue.busy < 2:
            assert not abandoned.done()
        gone.cancel()
        with pytest.raises(AbandonedError):
            abandoned.result(30)
        waiter = pool.submit(work)
        while queue.busy < 2:
            assert not waiter.done()
        threading.Event().wait(0.1)
        leave.set()
        assert waiter.result(30) > 50
        holder.result(30)
    assert (queue.busy, queue.waiting) == (0, 0)


def test_pictures_that_share_the_cpus_share_the_cost() -> None:
    clock = Clock()
    clients = Clients(clock=clock)
    queue = WorkQueue(running=2, waiting=8, clients=clients, clock=clock, ahead=2)
    with ExitStack() as steps:
        places = [queue.ask(client) for client in "abcd"]
        for place in places[:2]:
            steps.enter_context(place.turn.result(0).decoded())
        clock.now += 0.12
    for place in places:
        queue.leave(place)
    assert [clients.cost(client) for client in "abcd"] == pytest.approx([0.06] * 4)
    alone = queue.ask("e")
    clock.now += 0.12
    queue.leave(alone)
    assert clients.cost("e") == pytest.approx(0.12)


def test_where_more_come_than_can_be_worked_on_fewer_are_ahead_and_count_among_the_few_that_are_kept() -> None:
    clock = Clock()
    queue = WorkQueue(running=2, waiting=8, clock=clock, ahead=2)
    places = [queue.ask() for _ in range(10)]
    with pytest.raises(BusyError):
        queue.ask()
    with places[0].turn.result(0).decoded(), places[1].turn.result(0).decoded():
        assert queue.busy == 3
        for place in places[2:7]:
            queue.leave(place)
        assert (queue.busy, queue.waiting) == (3, 2)
        with pytest.raises(BusyError):
            queue.ask()
        clock.now += 6  # over again
        queue.ask()
        assert (queue.busy, queue.waiting) == (4, 2)


def test_one_that_takes_little_need_not_wait_for_many_that_take_long() -> None:
    clients = Clients()
    queue = WorkQueue(running=2, waiting=16, clients=clients, ahead=2)
    for name in ("slow", "slower", "slowest"):
        clients.charge(name, 0.7)
    slow, slower, slowest = (queue.ask(name) for name in ("slow", "slower", "slowest"))
    assert started(slow, slower, slowest) == [True, True, False]
    with slow.turn.result(0).decoded(), slower.turn.result(0).decoded():
        fast = [queue.ask("fast"), queue.ask("fast")]
        assert started(*fast, slowest) == [True, True, False]
        queue.leave(fast[0])
        assert started(slowest) == [False]
    queue.leave(slow)
    assert started(slowest) == [True]
