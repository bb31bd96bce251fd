"""Collects garbage at a bounded cost, and keeps permanent objects out of that.

Streamlit would collect in full after every run of the page. This looks at all objects of all visits: with 300 of them
it takes longer than the run, and holds up every thread meanwhile.

Frozen objects (`gc.freeze`) are not examined, so a collection takes hardly any time. They may include objects of a
visitor who came while the server was starting: these, and the visitor's picture, would never be freed. So all objects
are unfrozen and frozen again when such a visitor has left, until no visitor's objects are among them.
"""

from __future__ import annotations

import asyncio
import gc
import time

from web.streamlit_internals.sessions import visits

SECONDS = 10.0

PAUSE = 1.0
"""Seconds between two looks whether there may be garbage."""

_PART = 20  # collections take one part in so many of the time
_YOUNG = 10  # Python's own collections of young objects, after so many of which there may be older garbage


def freeze() -> None:
    """Collects garbage, and freezes all objects that remain."""
    gc.unfreeze()
    gc.collect()
    gc.freeze()


async def collect() -> None:
    """Collects garbage while there is work, until cancelled."""
    before = _young_collections()
    while True:
        await asyncio.sleep(PAUSE)
        if _young_collections() - before < _YOUNG:
            continue
        begin = time.perf_counter()
        gc.collect()
        before = _young_collections()
        await asyncio.sleep((time.perf_counter() - begin) * _PART)


async def settle() -> None:
    """Freezes until nothing that is frozen belongs to a visitor."""
    while True:
        present = visits()
        freeze()
        if not present:
            return
        while present <= visits():
            await asyncio.sleep(SECONDS)


def _young_collections() -> int:
    return int(gc.get_stats()[0]["collections"])
