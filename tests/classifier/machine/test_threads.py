"""Whether threads can be started is found out by starting them."""

from __future__ import annotations

import threading

import pytest

from classifier.machine import threads


def test_threads_can_be_started_and_none_is_left() -> None:
    before = threading.active_count()
    assert threads.can_start(4)
    assert threading.active_count() == before


def test_too_few_are_not_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    before, start, started = threading.active_count(), threading.Thread.start, list[threading.Thread]()

    def at_most_two(self: threading.Thread) -> None:
        if len(started) == 2:
            raise RuntimeError("can't start new thread")
        started.append(self)
        start(self)

    monkeypatch.setattr(threading.Thread, "start", at_most_two)
    assert not threads.can_start(3)
    assert threading.active_count() == before
