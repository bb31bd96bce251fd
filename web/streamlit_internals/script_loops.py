"""Spares each visit three file descriptors.

Streamlit makes an event loop for the scripts of each session, which takes an epoll object and a pair of sockets as long
as the session lasts. It does not run the loop: it is there for libraries that ask for one. None of the page's does.

When Streamlit closes such a loop, it looks at the tasks of the whole process. If two thousand visits end together, as
when their network fails, this would take the server half a minute. So the loop is closed before, when the visitor goes.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable
from typing import Any, TypeVar

from starlette.types import ASGIApp, Message, Receive, Scope, Send
from streamlit import runtime

log = logging.getLogger(__name__)

T = TypeVar("T")


class IdleLoop(asyncio.AbstractEventLoop):
    """A loop without descriptors, which does nothing but run a coroutine to its end, on a loop made for that."""

    def __init__(self) -> None:
        self._closed = False

    def run_until_complete(self, future: Awaitable[T]) -> T:  # type: ignore[override]
        """The coroutine's result."""
        with asyncio.Runner() as runner:
            return runner.run(_result(future))

    def is_running(self) -> bool:
        """Never."""
        return False

    def is_closed(self) -> bool:
        """Whether `close` was called."""
        return self._closed

    def close(self) -> None:
        """There is nothing to close."""
        self._closed = True

    async def shutdown_asyncgens(self) -> None:
        """There are none."""

    async def shutdown_default_executor(self, timeout: float | None = None) -> None:
        """There is none."""

    def get_debug(self) -> bool:
        """Never."""
        return False


class SpareLoops:
    """ASGI middleware that replaces the loop of each new session before its first message is read, and closes it."""

    def __init__(self, app: ASGIApp) -> None:
        """Args: app: Streamlit's app."""
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes a connection on."""
        if scope["type"] != "websocket":
            await self.app(scope, receive, send)
            return
        looked = 0
        spared: IdleLoop | None = None

        async def watched() -> Message:
            nonlocal looked, spared
            looked += 1
            if looked == 2:  # the first message is the handshake; when the next is asked for, the session is there
                spared = spare()
            message = await receive()
            if message["type"] == "websocket.disconnect" and spared is not None:
                spared.close()
            return message

        await self.app(scope, watched, send)


def spare() -> IdleLoop | None:
    """Gives the session that has connected last a loop without descriptors; None if it cannot have one."""
    sessions = _active()
    if not sessions:
        return None
    session = sessions[-1].session
    loop = getattr(session, "_script_event_loop", None)
    if loop is None:
        log.warning("Streamlit's sessions have changed: each visit may take more descriptors than is reckoned with")
        return None
    loop.close()
    session._script_event_loop = spared = IdleLoop()  # type: ignore[abstract]  # of its methods, few are called
    return spared


def _active() -> list[Any]:
    return list(runtime.get_instance()._session_mgr.list_active_sessions()) if runtime.exists() else []


async def _result(future: Awaitable[T]) -> T:
    return await future
