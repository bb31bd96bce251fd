"""Tasks that run beside the answering of requests, and the one rule for when such a task fails."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable

log = logging.getLogger(__name__)

FIRST_PAUSE = 1.0
"""Seconds between a failure and the next attempt; after each further failure twice as long."""

LONGEST_PAUSE = 300.0
"""Seconds: so long a pause becomes at most, and so long a task must run for its failures to count anew."""


async def supervised(name: str, run: Callable[[], Awaitable[None]]) -> None:
    """Runs a task until it returns or is cancelled; when it fails, logs why and starts it again.

    The rule for all of them: no failure of such a task ends the server, since visitors and callers can still be
    answered without it; and none is silent or final. The log gets the traceback of each failure, so a task that can
    no longer work says so every five minutes, and one that failed by chance goes on a second later.

    Args:
        name: what the task does, as the log should call it, such as "closing slow connections".
        run: makes the coroutine; called once for each attempt.
    """
    pause = FIRST_PAUSE
    while True:
        begin = time.monotonic()
        try:
            await run()
        except Exception:
            if time.monotonic() - begin >= LONGEST_PAUSE:
                pause = FIRST_PAUSE
            log.exception("%s failed and is started again in %.0f s", name, pause)
        else:
            return
        await asyncio.sleep(pause)
        pause = min(2 * pause, LONGEST_PAUSE)
