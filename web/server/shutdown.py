"""An end in good order: what was accepted is answered, what hangs is given up.

Uvicorn alone closes connections whose request it has received but not read yet, and waits without bound.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import threading
import time
from collections.abc import Callable
from types import FrameType

log = logging.getLogger(__name__)

# A container's grace is usually 10 s: what is not finished a little before that is given up in good order. Who still
# waits for a turn some seconds earlier is told to come back, as there is another server by then.
_END_SECONDS = 9.0
_LAST_TURN_SECONDS = 6.0

# Rounds of the event loop: accepting a connection and reading its request takes a handful. Where new connections come
# in a flood each round takes long, and the few that it needs must do.
_ROUNDS = 20
_FEWEST_ROUNDS = 8
_ROUNDS_SECONDS = 0.5


def bound(refuse_waiting: Callable[[], None], clean_up: Callable[[], None]) -> None:
    """Has all requests that came before SIGTERM answered, and ends the process some seconds later even if one hangs.

    To be called on the event loop, once Uvicorn waits for SIGTERM. In another thread than the main one, as tests have
    it, there are no signals, and this does nothing.

    Args:
        refuse_waiting: sends away all who still wait for their turn.
        clean_up: removes what must not outlive the process.
    """
    if threading.current_thread() is not threading.main_thread():
        return
    before = signal.getsignal(signal.SIGTERM)
    loop = asyncio.get_running_loop()

    def give_up() -> None:
        log.warning("some requests did not end within %s s: stopping without them", _END_SECONDS)
        clean_up()
        os._exit(0)

    def stop(_: int, __: FrameType | None) -> None:
        for seconds, end in ((_LAST_TURN_SECONDS, refuse_waiting), (_END_SECONDS, give_up)):
            timer = threading.Timer(seconds, end)
            timer.daemon = True
            timer.start()
        loop.call_soon_threadsafe(when_read, 0, time.monotonic() + _ROUNDS_SECONDS)

    def when_read(rounds: int, end: float) -> None:
        if rounds < (_ROUNDS if time.monotonic() < end else _FEWEST_ROUNDS):
            loop.call_soon(when_read, rounds + 1, end)
        elif callable(before):
            before(signal.SIGTERM, None)

    signal.signal(signal.SIGTERM, stop)
