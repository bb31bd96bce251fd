"""The queue in front of inference: bounded, fair to its bound, and left as it was found."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from classifier import BusyError
from classifier.machine.queue import WorkQueue


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
