"""Counts the uploads that Streamlit holds for visitors, and frees those of closed tabs.

Streamlit keeps the session of a lost connection for `server.disconnectedSessionTTL` seconds, so that a visitor who
comes back finds the picture. But it looks for expired sessions only when another one disconnects, so on a quiet server
the last visitors' uploads would stay in memory without end. `free_closed_sessions` looks every few seconds.
"""

from __future__ import annotations

import asyncio
import gc
import math

from streamlit import runtime

from classifier.machine import malloc

SECONDS = 10.0

UPLOAD_PATH = "/_stcore/upload_file/"
"""The path to which pages send files, followed by the name of a session; a base path may come before it."""


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


def upload_bytes() -> float:
    """Bytes of visitors' uploads that Streamlit holds; NaN if Streamlit no longer tells."""
    if not runtime.exists():
        return 0
    try:
        stats = runtime.get_instance().uploaded_file_mgr.get_stats()
        return sum(stat.byte_length for family in stats.values() for stat in family)  # type: ignore[attr-defined]
    except (AttributeError, TypeError):
        return math.nan


def uploads_held(session: str) -> list[int]:
    """The sizes, in bytes, of the files that Streamlit holds for a session; empty if Streamlit no longer tells."""
    if not runtime.exists():
        return []
    storage = getattr(runtime.get_instance().uploaded_file_mgr, "file_storage", {})
    # A copy, because the page's threads may remove files meanwhile.
    return [len(file.data) for file in list(storage.get(session, {}).values())]


def _free_expired() -> None:
    storage = runtime.get_instance()._session_mgr._session_storage  # type: ignore[attr-defined]
    expired = storage._cache.expire()
    while expired:
        _, info = expired.pop()
        info.session.shutdown()
        del info  # else this variable would keep the last session alive
        if expired:
            continue
        gc.collect()  # a session is a reference cycle, which also holds its pictures
        malloc.trim()
