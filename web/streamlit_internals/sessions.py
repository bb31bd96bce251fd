"""Frees the sessions of closed tabs.

Streamlit keeps the session of a lost connection for `server.disconnectedSessionTTL` seconds. But it looks for expired
sessions only when another one disconnects, so on a quiet server the last visitors' would stay in memory without end.
`free_closed_sessions` looks every few seconds.
"""

from __future__ import annotations

import asyncio
import gc

from streamlit import runtime

from classifier.machine import malloc

SECONDS = 10.0


async def free_closed_sessions() -> None:
    """Frees expired sessions until cancelled; runs on the event loop of Streamlit's own session handling.

    Raises:
        AttributeError: the attributes in which Streamlit keeps sessions have changed; they are private.
    """
    while True:
        await asyncio.sleep(SECONDS)
        _free_expired()


def visits() -> set[str]:
    """The visits that Streamlit keeps something for, by their sessions' names, closed tabs included."""
    if not runtime.exists():
        return set()
    return {info.session.id for info in runtime.get_instance()._session_mgr.list_sessions()}


def _free_expired() -> None:
    storage = runtime.get_instance()._session_mgr._session_storage  # type: ignore[attr-defined]
    expired = storage._cache.expire()
    while expired:
        _, info = expired.pop()
        info.session.shutdown()
        del info  # else this variable would keep the last session alive
        if expired:
            continue
        gc.collect()  # a session is a reference cycle
        malloc.trim()
