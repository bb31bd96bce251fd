"""A request's turn, waited for on the event loop; and the work of callers who have gone, called off."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext
from functools import cache, partial

from anyio import CapacityLimiter
from starlette.requests import Request

from classifier.errors import ClassifierError
from classifier.machine.cancellation import Cancellation
from classifier.machine.queue import WorkQueue
from web import metrics
from web.models import Take, models


@cache
def threads() -> CapacityLimiter:
    """Enough threads for all pictures that have their turn."""
    return CapacityLimiter(models().queue.bound)


@asynccontextmanager
async def called_off(request: Request) -> AsyncIterator[Cancellation]:
    """Gives a cancellation that is cancelled as soon as the caller has gone.

    Args:
        request: a request whose body has been read.
    """
    cancellation = Cancellation()

    async def watch() -> None:
        while (await request.receive())["type"] != "http.disconnect":
            pass
        cancellation.cancel()

    watching = asyncio.create_task(watch())
    try:
        yield cancellation
    finally:
        watching.cancel()


@asynccontextmanager
async def turn(queue: WorkQueue, client: str, cancellation: Cancellation) -> AsyncIterator[Take]:
    """Waits for a turn and holds it, for `Models.classify`; a picture that never gets one is counted as refused.

    Raises:
        BusyError, ShareError, StoppingError, AbandonedError: as `WorkQueue.take` does.
    """
    try:
        place = queue.ask(client, cancellation)
    except ClassifierError as error:
        metrics.count_error("api", error)
        raise
    try:
        try:
            with cancellation.stopped_by(partial(queue.give_up, place)):
                given = await asyncio.wrap_future(place.turn)
        except ClassifierError as error:
            metrics.count_error("api", error)
            raise
        yield lambda: nullcontext(given)
    finally:
        queue.leave(place)
