"""The heat maps of an answer for the page: lines of JSON, of which the last one has the maps.

Maps from a feature map are there at once, in one line. Where parts of the picture are covered one after the other,
lines before it say which share is done: `{"done": 0.25}`. The last line is the answer, or `{"error": ...}` where the
work fails on its way, with what a refusal holds.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from classifier import Classification
from classifier.errors import ClassifierError
from classifier.explanation.explain import Progress
from classifier.machine.cancellation import Cancellation
from web.api.turns import called_off
from web.page.answer import refused

MEDIA_TYPE = "application/x-ndjson"
_DIGITS = 3  # of the values of a grid
_HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}  # nginx would keep the lines until the last one

Work = Callable[[Progress, Cancellation], Awaitable[dict[str, Any]]]
"""Makes the answer; it may tell its progress from another thread."""

_working: set[asyncio.Task[dict[str, Any]]] = set()  # asyncio itself keeps no task from being collected


def heat_maps(result: Classification) -> dict[str, Any]:
    """How the maps of a result were made, which part of the picture they cover, and their grids by class."""
    found = result.explanation
    assert found is not None  # noqa: S101
    grids = {str(one.index): [[round(value, _DIGITS) for value in row] for row in one.grid] for one in found.maps}
    return {"method": found.method, "box": found.box, "maps": grids}


async def lines(request: Request, work: Work) -> Response:
    """Does some work and answers with its progress and its result.

    Args:
        request: its body has been read; when whoever sent it has gone, the work is called off.
        work: what is done.

    Raises:
        ClassifierError: the work failed before there was any progress.
    """
    told = _told(request, work)
    first = await anext(told)
    return StreamingResponse(_written(first, told), media_type=MEDIA_TYPE, headers=_HEADERS)


async def _written(first: dict[str, Any], told: AsyncIterator[dict[str, Any]]) -> AsyncIterator[str]:
    yield _line(first)
    try:
        async for one in told:
            yield _line(one)
    except ClassifierError as error:
        yield _line({"error": refused(error)})


def _line(content: dict[str, Any]) -> str:
    return json.dumps(content, separators=(",", ":")) + "\n"


async def _told(request: Request, work: Work) -> AsyncIterator[dict[str, Any]]:
    """The progress, then the answer."""
    loop = asyncio.get_running_loop()
    shares: asyncio.Queue[float | None] = asyncio.Queue()
    async with called_off(request) as cancellation:

        def tell(done: float) -> None:
            loop.call_soon_threadsafe(shares.put_nowait, done)

        def end(task: asyncio.Task[dict[str, Any]]) -> None:
            _working.discard(task)
            if not task.cancelled():
                task.exception()  # so that asyncio knows that it was looked at, also where nobody reads on
            shares.put_nowait(None)

        task = asyncio.ensure_future(work(tell, cancellation))
        _working.add(task)
        task.add_done_callback(end)
        try:
            while (done := await shares.get()) is not None:
                if done < 1:  # the answer itself says that all is done
                    yield {"done": round(done, 2)}
            yield await task
        finally:
            cancellation.cancel()
