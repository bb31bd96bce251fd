"""A rate for each client, with some at once at the beginning."""

from __future__ import annotations

import pytest

from classifier.machine.pace import Pace
from tests.support.clock import Clock


def test_each_next_one_waits_a_little_longer() -> None:
    pace = Pace(0.5, clock=Clock())
    assert [pace.count("a") for _ in range(3)] == pytest.approx([0, 0.5, 1])
    assert pace.count("b") == 0


def test_some_may_come_at_once_and_again_after_a_while() -> None:
    clock = Clock()
    pace = Pace(0.5, burst=3, clock=clock)
    assert [pace.count("a") for _ in range(4)] == pytest.approx([0, 0, 0, 0.5])
    clock.now += 0.5
    assert pace.wait("a") == pytest.approx(0.5)
    clock.now += 100
    assert [pace.count("a") for _ in range(4)] == pytest.approx([0, 0, 0, 0.5])


def test_looking_counts_nothing() -> None:
    pace = Pace(0.5, clock=Clock())
    assert [pace.wait("a") for _ in range(3)] == [0, 0, 0]


def test_clients_that_have_gone_take_no_memory() -> None:
    clock = Clock()
    pace = Pace(0.5, clock=clock)
    for number in range(100):
        pace.count(str(number))
    clock.now += 10
    pace.count("a")
    assert len(pace._due) == 1
