"""An orderly shutdown: requests that were accepted are answered, requests that hang are given up.

By itself, Uvicorn closes connections whose request it has received but not read yet, and waits without limit.

Whoever balances load among several servers hears of an end only after it has begun, and sends requests until then. So
where a setting asks for it, everything is answered for some seconds more; only the server's readiness says at once that
it ends, and connections that are kept open are closed after their next answer.
"""

from __future__ import annotations

import asyncio
import logging
import os
import queue
import signal
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from types import FrameType

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

log = logging.getLogger(__name__)

# A container usually gets 10 s to stop: requests that are not finished a little before that are given up. Pictures that
# still wait for a turn some seconds earlier are refused with "try again", as another server may run by then.
_END_SECONDS = 9.0
_LAST_TURN_SECONDS = 6.0

# Rounds of the event loop before Uvicorn gets the signal: accepting a connection and reading its request takes a
# handful. In a flood of new connections each round takes long, so after some time the fewest rounds must do.
_ROUNDS = 20
_FEWEST_ROUNDS = 8
_ROUNDS_SECONDS = 0.5

_asked = False


def is_stopping() -> bool:
    """Whether this server has been asked to end, so that no new caller should be sent here."""
    return _asked


class LastAnswers:
    """ASGI middleware that closes connections after the next answer, once the server has been asked to end."""

    def __init__(self, app: ASGIApp) -> None:
        """Args: app: the app that answers."""
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes a request on."""

        async def last(message: Message) -> None:
            if _asked and message["type"] == "http.response.start":
                MutableHeaders(scope=message)["Connection"] = "close"
            await send(message)

        await self.app(scope, receive, last if scope["type"] == "http" else send)


class _Forked:
    """Lets a signal end a process that was forked from the server: it has no thread that would heed it.

    While it is forked its signals wait, as Python forgets what arrives in a new process before its first instruction.
    """

    numbers = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)

    def __init__(self) -> None:
        self.thread = threading.local()

    def before(self) -> None:
        self.thread.mask = signal.pthread_sigmask(signal.SIG_BLOCK, self.numbers)

    def in_parent(self) -> None:
        signal.pthread_sigmask(signal.SIG_SETMASK, self.thread.mask)

    def in_child(self) -> None:
        for number in self.numbers:
            signal.signal(number, signal.SIG_DFL)
        self.in_parent()


def bound(delay: Callable[[], float], refuse_waiting: Callable[[], None], clean_up: Callable[[], None]) -> None:
    """Handles SIGTERM: requests that came before it are answered, and the process ends in time even if one hangs.

    Call it on the event loop, once Uvicorn handles SIGTERM. In a thread other than the main one, as in tests, signals
    cannot be handled, and this does nothing.

    Args:
        delay: seconds from the signal for which new requests are answered, too; a second signal ends them.
        refuse_waiting: refuses all pictures that still wait for their turn.
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

    signals: queue.SimpleQueue[int] = queue.SimpleQueue()  # its `put` may interrupt itself, as signals do

    def end_in_time() -> None:
        signals.get()
        if seconds := delay():
            log.info("asked to end: answering for %g s more, though not ready any longer", seconds)
            with suppress(queue.Empty):
                signals.get(timeout=seconds)
        with suppress(RuntimeError):  # the loop has ended, by another signal
            loop.call_soon_threadsafe(when_read, 0, time.monotonic() + _ROUNDS_SECONDS)
        time.sleep(_LAST_TURN_SECONDS)
        refuse_waiting()
        time.sleep(_END_SECONDS - _LAST_TURN_SECONDS)
        give_up()

    def stop(number: int, _: FrameType | None) -> None:
        global _asked
        _asked = True
        signals.put(number)

    def when_read(rounds: int, end: float) -> None:
        if rounds < (_ROUNDS if time.monotonic() < end else _FEWEST_ROUNDS):
            loop.call_soon(when_read, rounds + 1, end)
        elif callable(before):
            before(signal.SIGTERM, None)

    if hasattr(os, "register_at_fork"):  # not on Windows, which does not fork
        forked = _Forked()
        os.register_at_fork(before=forked.before, after_in_parent=forked.in_parent, after_in_child=forked.in_child)
    # Started now, since by then the machine may not allow another thread.
    threading.Thread(target=end_in_time, name="shutdown", daemon=True).start()
    signal.signal(signal.SIGTERM, stop)
