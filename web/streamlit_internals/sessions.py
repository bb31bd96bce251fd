"""Counts what visitors leave here, and frees what a closed tab leaves behind.

Streamlit keeps the session of a lost connection for `server.disconnectedSessionTTL` seconds, so that a visitor who
comes back finds the picture; but it looks for expired sessions only when another one disconnects. On a quiet server
the last visitors' uploads would stay for good. This looks every few seconds.
"""

from __future__ import annotations

import asyncio
import gc
import math

from streamlit import runtime

from classifier.machine import malloc

SECONDS = 10.0

UPLOAD_PATH = "/_stcore/upload_file/"
"""Where pages send files to: a session's name comes next. A base path may stand before it."""


async def free_closed_sessions() -> None:
    """Runs until cancelled, on the event loop that Streamlit's own session handling runs on.

    Raises:
        AttributeError: Streamlit does not keep sessions as it did; the way in is no promise of Streamlit's.
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
    """Bytes of visitors' uploads that Streamlit holds; not a number if it no longer says so."""
    if not runtime.exists():
        return 0
    try:
        stats = runtime.get_instance().uploaded_file_mgr.get_stats()
        return sum(stat.byte_length for family in stats.values() for stat in family)  # type: ignore[attr-defined]
    except (AttributeError, TypeError):
        return math.nan


def uploads_held(session: str) -> list[int]:
    """The sizes, in bytes, of the files that Streamlit holds for a session; none if it no longer says so."""
    if not runtime.exists():
        return []
    storage = getattr(runtime.get_instance().uploaded_file_mgr, "file_storage", {})
    # A copy at once: the page's threads remove files meanwhile.
    return [len(file.data) for file in list(storage.get(session, {}).values())]


def _free_expired() -> None:
    storage = runtime.get_instance()._session_mgr._session_storage  # type: ignore[attr-defined]
    expired = storage._cache.expire()
    while expired:
        _, info = expired.pop()
        info.session.shutdown()
        del info  # or the last one would live on in this frame
        if expired:
            continue
        gc.collect()  # a session is a circle of objects that hold each other, and its pictures
        malloc.trim()
