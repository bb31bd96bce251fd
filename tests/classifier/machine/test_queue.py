"""The queue in front of inference: bounded, fair to its bound, and left as it was found."""

from __future__ import annotations

import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest

from classifier.errors import AbandonedError, BusyError, ShareError
from classifier.machine.cancellation import Cancellation
from classifier.machine.clients import Clients
from classifier.machine.queue import WorkQueue
from classifier.machine.slots import Place
from tests.support.clock import Clock


def test_a_free_slot_is_given_at_once() -> None:
    queue = WorkQueue(running=2, waiting=0)
    with queue.take() as turn:
        assert turn.waited < 50
        assert (queue.busy, queue.waiting) == (1, 0)
    assert (queue.busy, queue.waiting) == (0, 0)


def test_without_a_queue_the_next_is_refused() -> None:
    queue = WorkQueue(running=1, waiting=0)
    with queue.take(), pytest.raises(BusyError) as caught, queue.take():
        pass
    assert caught.value.status == 503
    assert caught.value.retry_after > 0
    with queue.take():  # refusing took no place
        pass


def test_a_slot_is_given_back_whatever_happened_inside() -> None:
    queue = WorkQueue(running=1, waiting=0)
    for _ in range(3):
        with pytest.raises(KeyError), queue.take():
            raise KeyError
    assert queue.busy == 0


def test_never_more_run_or_wait_than_may() -> None:
    queue = WorkQueue(running=2, waiting=3)
    lock, inside, most = threading.Lock(), 0, 0

    def work(_: int) -> bool:
        nonlocal inside, most
        try:
            with queue.take():
                with lock:
                    inside += 1
                    most = max(most, inside)
                assert queue.waiting <= 3
                threading.Event().wait(0.002)
                with lock:
                    inside -= 1
        except BusyError:
            return False
        return True

    with ThreadPoolExecutor(16) as pool:
        done = list(pool.map(work, range(400)))
    assert most == 2
    assert any(done)
    assert not all(done)
    assert (queue.busy, queue.waiting) == (0, 0)


def test_one_that_waits_learns_how_long() -> None:
    queue = WorkQueue(running=1, waiting=1)
    started, leave = threading.Event(), threading.Event()

    def hold() -> None:
        with queue.take():
            started.set()
            leave.wait(30)

    def wait() -> float:
        with queue.take() as turn:
            return turn.waited

    with ThreadPoolExecutor(2) as pool:
        holder = pool.submit(hold)
        assert started.wait(30)
        waiter = pool.submit(wait)
        while not queue.waiting:
            assert not waiter.done()
        leave.set()
        assert waiter.result(30) > 0
        holder.result(30)


def test_a_closed_queue_sends_away_all_who_wait_and_finishes_the_rest() -> None:
    queue = WorkQueue(running=1, waiting=3)

    def work() -> str:
        try:
            with queue.take():
                return "worked"
        except BusyError:
            return "sent away"

    with ThreadPoolExecutor(3) as pool:
        with queue.take():
            waiting = [pool.submit(work) for _ in range(3)]
            while queue.waiting < 3:
                threading.Event().wait(0.002)
            queue.close()
            assert [one.result(10) for one in waiting] == ["sent away"] * 3
        assert work() == "sent away"


def test_the_next_turn_is_of_whoever_has_used_the_least() -> None:
    clients = Clients(clock=Clock())
    queue = WorkQueue(running=1, waiting=8, clients=clients)
    clients.charge("many fast ones", 0.03)
    clients.charge("few slow ones", 2.0)
    first = queue.ask("someone")
    slow, fast = queue.ask("few slow ones"), queue.ask("many fast ones")
    queue.leave(first)
    assert fast.turn.done()
    assert not slow.turn.done()
    queue.leave(fast)
    assert slow.turn.done()


def test_while_others_are_present_a_client_waits_in_a_quarter_of_the_places() -> None:
    queue = WorkQueue(running=1, waiting=8)
    queue.ask("other")
    for _ in range(2):
        queue.ask("greedy")
    with pytest.raises(ShareError) as caught:
        queue.ask("greedy")
    assert caught.value.status == 429
    assert caught.value.retry_after
    queue.ask("other")


def test_one_that_is_alone_may_fill_the_queue_and_makes_room_for_who_comes() -> None:
    clock = Clock()
    queue = WorkQueue(running=1, waiting=8, clients=Clients(clock=clock), clock=clock)
    places = [queue.ask("greedy") for _ in range(9)]
    with pytest.raises(BusyError) as caught:
        queue.ask("greedy")
    assert caught.value.status == 503
    clock.now += 0.05
    other = queue.ask("other")
    with pytest.raises(ShareError):
        places[-1].turn.result(0)
    queue.leave(places[0])
    clock.now += 0.05
    queue.leave(places[1])
    assert other.turn.done()
    assert not places[2].turn.done()


def test_what_a_client_asks_for_takes_turns_by_kind() -> None:
    clock = Clock()
    queue = WorkQueue(running=1, waiting=8, clients=Clients(clock=clock), clock=clock)
    now = queue.ask("one", kind="many")
    many = [queue.ask("one", kind="many") for _ in range(3)]
    looked, live = queue.ask("one"), queue.ask("one", kind="live")
    for after in (looked, live, *many):
        clock.now += 0.02
        assert not after.turn.done()
        queue.leave(now)
        assert after.turn.done()
        now = after


@pytest.mark.parametrize("others", [True, False])
def test_a_clients_picture_makes_room_for_one_of_a_kind_that_has_waited_longer(others: bool) -> None:
    clock = Clock()
    queue = WorkQueue(running=1, waiting=2, clients=Clients(clock=clock), clock=clock)
    queue.leave(queue.ask("one", kind="many"))
    queue.ask("other" if others else "one")
    many = [queue.ask("one", kind="many") for _ in range(1 if others else 2)]
    with pytest.raises(BusyError):
        queue.ask("one", kind="many")
    live = queue.ask("one", kind="live")
    with pytest.raises(BusyError):
        many[-1].turn.result(0)
    if others:  # neither has had its turn, so the one that came first stays
        with pytest.raises(ShareError):
            queue.ask("one")
        assert not live.turn.done()


def test_no_kind_is_left_out_where_one_client_asks_for_all_without_a_pause() -> None:
    clock = Clock()
    queue = WorkQueue(running=1, waiting=2, clients=Clients(clock=clock), clock=clock)
    kinds, given = ("", "many", "live"), Counter[str]()
    places = [queue.ask("other")]
    for _ in range(60):
        clock.now += 0.1
        for kind in kinds:
            with suppress(ShareError, BusyError):
                places.append(queue.ask("one", kind=kind))
        if not any(place.client == "other" and place.started is None for place in places):
            with suppress(ShareError, BusyError):
                places.append(queue.ask("other"))
        for place in [place for place in places if place.started is not None]:
            queue.leave(place)
            places.remove(place)
            given[place.kind if place.client == "one" else "other"] += 1
        places = [place for place in places if not (place.turn.done() and place.turn.exception())]
    assert min(given[kind] for kind in kinds) >= 0.8 * max(given[kind] for kind in kinds) > 0


def test_who_asks_once_more_waits_no_longer_for_having_others_waiting() -> None:
    clock = Clock()
    clients = Clients(clock=clock)
    queue = WorkQueue(running=1, waiting=8, clients=clients, clock=clock)
    queue.leave(queue.ask("one", kind="many"))
    first = queue.ask("other")
    queue.ask("one", kind="many")
    clock.now += 1
    clients.charge("one", 4.9)
    new, looked = queue.ask("new"), queue.ask("one")
    queue.leave(first)
    assert looked.turn.done()
    assert not new.turn.done()


def test_a_queue_of_many_clients_within_their_shares_is_full_for_all() -> None:
    queue = WorkQueue(running=1, waiting=4)
    for name in "abcde":
        queue.ask(name)
    with pytest.raises(BusyError) as caught:
        queue.ask("f")
    assert caught.value.code == "busy"


def test_whoever_has_used_much_waits_longer_but_not_for_as_long_as_others_come() -> None:
    clock = Clock()
    clients = Clients(clock=clock)
    queue = WorkQueue(running=1, waiting=8, clients=clients, clock=clock)
    clients.charge("much", 5.0)
    others = [queue.ask("first")]
    heavy = queue.ask("much")
    while not heavy.turn.done():
        others.append(queue.ask(f"new {clock.now}"))
        clock.now += 0.1
        queue.leave(next(place for place in others if place.started))
    assert 0.5 < clock.now - heavy.asked < 2


def test_one_that_gives_up_does_not_make_its_next_seem_to_have_waited() -> None:
    clock = Clock()
    queue = WorkQueue(running=1, waiting=8, clients=Clients(clock=clock), clock=clock)
    running = queue.ask("greedy")
    places = [queue.ask("greedy") for _ in range(4)]
    clock.now += 5
    queue.leave(running)
    queue.give_up(places[1])
    other = queue.ask("other")
    clock.now += 0.01
    queue.leave(places[0])
    assert other.turn.done()


def test_a_queue_that_was_full_is_short_until_it_was_empty() -> None:
    clock = Clock()
    queue = WorkQueue(running=2, waiting=8, clock=clock)
    places = [queue.ask() for _ in range(10)]
    with pytest.raises(BusyError):
        queue.ask()
    for place in places[:7]:
        queue.leave(place)
    assert (queue.busy, queue.waiting) == (2, 1)
    places += [queue.ask(), queue.ask()]
    with pytest.raises(BusyError):
        queue.ask()
    for place in places:
        queue.leave(place)
    clock.now += 0.2
    for _ in range(10):
        queue.ask()
    assert queue.waiting == 8


def test_where_pictures_take_long_a_moment_without_any_does_not_mean_that_there_are_few() -> None:
    clock = Clock()
    queue = WorkQueue(running=1, waiting=8, clock=clock)
    places = [queue.ask() for _ in range(9)]
    with pytest.raises(BusyError):
        queue.ask()
    for place in places:
        clock.now += 0.3
        queue.leave(place)

    def accepted() -> int:
        held: list[Place] = []
        with suppress(BusyError):
            held.extend(queue.ask() for _ in range(9))
        waiting = queue.busy + queue.waiting
        for place in held:
            queue.leave(place)
        return waiting

    clock.now += 0.3
    assert accepted() == 3
    clock.now += 3
    assert accepted() == 9


def test_whoever_would_be_refused_hears_so_beforehand_only_where_more_comes_than_can_be_worked_on() -> None:
    clock = Clock()
    queue = WorkQueue(running=1, waiting=3, clock=clock)
    places = [queue.ask() for _ in range(4)]
    queue.check("")  # full, but it may have room by the time at which the picture is here
    with pytest.raises(BusyError):
        queue.ask()
    with pytest.raises(BusyError):
        queue.check("")
    queue.leave(places[0])
    with pytest.raises(BusyError):
        queue.check("")
    queue.leave(places[1])
    queue.check("")
    assert (queue.busy, queue.waiting) == (1, 1)


def test_a_queue_that_is_never_empty_and_never_full_again_gets_its_length_back() -> None:
    clock = Clock()
    queue = WorkQueue(running=1, waiting=4, clock=clock)
    for _ in range(5):
        queue.ask()
    with pytest.raises(BusyError):
        queue.ask()
    clock.now += 6
    with pytest.raises(BusyError):  # still full
        queue.ask()
    assert queue.waiting == 4


def test_slow_pictures_leave_a_slot_to_others_while_they_are_there() -> None:
    clients = Clients()
    queue = WorkQueue(running=4, waiting=8, clients=clients)
    clients.charge("slow", 0.7)
    alone = [queue.ask("slow") for _ in range(5)]
    assert [place.turn.done() for place in alone] == [True] * 4 + [False]
    for place in alone:
        queue.leave(place)
    clients.seen("other")
    beside = [queue.ask("slow") for _ in range(4)]
    assert [place.turn.done() for place in beside] == [True] * 3 + [False]
    assert queue.ask("other").turn.done()


def test_what_a_client_used_is_charged_to_it() -> None:
    clients = Clients()
    queue = WorkQueue(running=1, waiting=0, clients=clients)
    with queue.take("a"):
        threading.Event().wait(0.05)
    assert 0.04 < clients.cost("a") < 5
    assert clients.cost("b") == 0


def test_one_whose_caller_has_gone_gives_up_its_place_at_once() -> None:
    queue = WorkQueue(running=1, waiting=1)
    gone = Cancellation()

    def wait() -> str:
        try:
            with queue.take("a", gone):
                return "worked"
        except AbandonedError:
            return "gave up"

    with ThreadPoolExecutor(1) as pool, queue.take("a"):
        waiting = pool.submit(wait)
        while not queue.waiting:
            assert not waiting.done()
        gone.cancel()
        assert waiting.result(10) == "gave up"
        assert (queue.busy, queue.waiting) == (1, 0)
    with pytest.raises(AbandonedError), queue.take("a", gone):
        pass
    assert (queue.busy, queue.waiting) == (0, 0)
