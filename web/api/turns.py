"""A request's turn, waited for on the event loop; and the work of callers who have gone, called off."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, nullcontext
from functools import cache, partial

from anyio import CapacityLimiter
from starlette.requests import Request
from starlette.types import Scope

from classifier.errors import ClassifierError
from classifier.machine.cancellation import Cancellation
from classifier.machine.queue import WorkQueue
from web import metrics
from web.clients import client_of
from web.models import Asking, Take, models


@cache
def threads() -> CapacityLimiter:
    """Enough threads for all pictures that have their turn."""
    return CapacityLimiter(models().queue.bound)


def admit(scope: Scope, asking: Asking = "api", kind: str = "") -> None:
    """Refuses a caller before their picture is read, where it would be refused then.

    Args:
        scope: the request.
        asking: who asks, for the metrics.
        kind: see `classifier.machine.slots.Place`.

    Raises:
        BusyError, ShareError: more comes than can be worked on.
    """
    with _counted(asking):
        models().queue.check(client_of(scope), kind)


@contextmanager
def _counted(asking: Asking) -> Iterator[None]:
    """Counts a picture that is refused."""
    try:
        yield
    except ClassifierError as error:
        metrics.count_error(asking, error)
        raise


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
async def turn(
    queue: WorkQueue, client: str, cancellation: Cancellation, asking: Asking = "api", kind: str = ""
) -> AsyncIterator[Take]:
    """Waits for a turn and holds it, for `Models.classify`; a picture that never gets one is counted as refused.

    Args:
        queue: where to wait.
        client: see `web.clients`.
        cancellation: ends the waiting.
        asking: who asks, for the metrics.
        kind: see `classifier.machine.slots.Place`.

    Raises:
        BusyError, ShareError, StoppingError, AbandonedError: as `WorkQueue.take` does.
    """
    with _counted(asking):
        place = queue.ask(client, cancellation, kind)
    try:
        with _counted(asking), cancellation.stopped_by(partial(queue.give_up, place)):
            # What is there already need not go through the event loop.
            given = place.turn.result() if place.turn.done() else await asyncio.wrap_future(place.turn)
        yield lambda: nullcontext(given)
    finally:
        queue.leave(place)
