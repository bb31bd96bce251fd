"""What was loaded for good costs no collection anything, and nothing of an early visitor stays behind."""

from __future__ import annotations

import asyncio
import gc
import weakref
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from web.server import garbage


class Ring:
    """Refers to itself, as a session does by many ways."""

    def __init__(self) -> None:
        self.itself = self


@pytest.fixture(autouse=True)
def _thawed() -> Iterator[None]:
    """Nothing is set aside before, and afterwards what was: what is imported before the first test."""
    gc.unfreeze()
    yield
    gc.unfreeze()
    gc.freeze()


def test_what_is_there_is_set_aside(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(garbage, "visits", set)
    with ThreadPoolExecutor(1) as thread:  # Playwright's loop may run in this one
        thread.submit(asyncio.run, garbage.settle()).result(10)
    assert gc.get_freeze_count() > 10_000


def test_what_an_early_visitor_leaves_is_collected(monkeypatch: pytest.MonkeyPatch) -> None:
    present = {"early", "staying"}
    monkeypatch.setattr(garbage, "visits", lambda: set(present))
    monkeypatch.setattr(garbage, "SECONDS", 0.01)
    ring = Ring()
    left = weakref.ref(ring)

    async def server() -> None:
        nonlocal ring
        settling = asyncio.create_task(garbage.settle())
        await asyncio.sleep(0.05)
        del ring
        gc.collect()
        assert left() is not None  # frozen: this is what has to be undone
        present.discard("early")
        while left() is not None:
            await asyncio.sleep(0.01)
        assert not settling.done()
        present.clear()
        await settling

    with ThreadPoolExecutor(1) as thread:
        thread.submit(asyncio.run, server()).result(30)
    assert left() is None
