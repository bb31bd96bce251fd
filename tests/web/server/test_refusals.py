"""Refusals are answered one after the other to each client, and everything else at once."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send

from tests.support.loops import run
from web.server.refusals import SECONDS, PacedRefusals


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    await PlainTextResponse("", scope["wanted"])(scope, receive, send)


async def answered(paced: PacedRefusals, client: str, status: int) -> float:
    """Seconds until the answer begins."""
    begin = time.monotonic()
    sent: list[float] = []

    async def send(_: Any) -> None:
        sent.append(time.monotonic())

    async def receive() -> Any:
        raise AssertionError

    await paced({"type": "http", "client": (client, 1), "wanted": status}, receive, send)
    return sent[0] - begin


def test_only_the_refusals_of_one_client_wait_for_each_other() -> None:
    async def all_at_once() -> list[float]:
        paced = PacedRefusals(app)
        refused = [answered(paced, "192.0.2.1", 429) for _ in range(6)]
        others = [answered(paced, "192.0.2.1", 200), answered(paced, "192.0.2.2", 429)]
        return list(await asyncio.gather(*refused, *others))

    *refused, well, other = run(all_at_once())
    assert refused[0] < refused[-1]
    assert refused[-1] >= 5 * SECONDS - 0.01
    assert max(well, other) < refused[-1]
