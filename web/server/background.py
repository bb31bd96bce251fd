"""Tasks that run in the background of the server, and the rule for what happens when one fails."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable

log = logging.getLogger(__name__)

FIRST_PAUSE = 1.0
"""Seconds between a failure and the next attempt; doubled after each further failure."""

LONGEST_PAUSE = 300.0
"""Seconds: the longest pause; a task that has run for as long starts with the first pause again when it fails."""


async def supervised(name: str, run: Callable[[], Awaitable[None]]) -> None:
    """Runs a task until it returns or is cancelled; when it fails, logs why and starts it again.

    The rule for all tasks: a failure never ends the server, since visitors and callers can still be answered without
    the task; and it is neither silent nor final. The log gets the traceback of each failure, so a task that can no
    longer work shows up there every five minutes, and one that failed by chance goes on a second later.

    Args:
        name: what the task does, in words for the log, such as "closing slow connections".
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
