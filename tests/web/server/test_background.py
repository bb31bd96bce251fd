"""A task beside the server that fails is logged and started again, later and later, and never ends the server."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from web.server import background
from web.server.background import supervised


class Clock:
    """Time that passes only while somebody sleeps."""

    def __init__(self) -> None:
        self.now = 0.0
        self.slept: list[float] = []

    def monotonic(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(background, "time", clock)
    monkeypatch.setattr(background, "asyncio", clock)
    return clock


def run(task: Awaitable[None]) -> None:
    async def main() -> None:
        await task

    with ThreadPoolExecutor(1) as thread:  # Playwright's loop may run in this one
        thread.submit(asyncio.run, main()).result(10)


def failing(times: int, clock: Clock, seconds: float = 0) -> Callable[[], Awaitable[None]]:
    """A task that fails so often, each time after so many seconds, and then ends."""
    left = iter(range(times))

    async def task() -> None:
        for number in left:
            clock.now += seconds
            raise AttributeError(f"no attribute {number}")

    return task


def test_a_task_that_ends_is_not_started_again(clock: Clock) -> None:
    run(supervised("nothing", failing(0, clock)))
    assert clock.slept == []


def test_a_failure_is_logged_with_its_traceback_and_the_task_started_again(
    clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    run(supervised("freeing closed sessions", failing(2, clock)))
    assert [record.levelno for record in caplog.records] == [logging.ERROR] * 2
    assert [record.message for record in caplog.records] == [
        "freeing closed sessions failed and is started again in 1 s",
        "freeing closed sessions failed and is started again in 2 s",
    ]
    assert "in task" in caplog.text
    assert "AttributeError: no attribute 1" in caplog.text


def test_pauses_grow_up_to_five_minutes_and_no_failure_is_the_last_attempt(clock: Clock) -> None:
    run(supervised("it", failing(12, clock)))
    assert clock.slept == [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300]


def test_failures_count_anew_after_a_task_has_run_for_long(clock: Clock) -> None:
    run(supervised("it", failing(3, clock, background.LONGEST_PAUSE)))
    assert clock.slept == [1, 1, 1]


def test_a_cancelled_task_ends_and_is_no_failure(caplog: pytest.LogCaptureFixture) -> None:
    ended: list[bool] = []

    async def endless() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append(True)

    async def server() -> None:
        task = asyncio.create_task(supervised("it", endless))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    run(server())
    assert ended == [True]
    assert caplog.records == []
