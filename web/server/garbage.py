"""Keeps permanent objects out of garbage collection, which Streamlit runs in full after every run of the page.

Frozen objects (`gc.freeze`) are not examined, so a collection takes hardly any time. They may include objects of a
visitor who came while the server was starting: these, and the visitor's picture, would never be freed. So all objects
are unfrozen and frozen again when such a visitor has left, until no visitor's objects are among them.
"""

from __future__ import annotations

import asyncio
import gc

from web.streamlit_internals.sessions import visits

SECONDS = 10.0


def freeze() -> None:
    """Collects garbage, and freezes all objects that remain."""
    gc.unfreeze()
    gc.collect()
    gc.freeze()


async def settle() -> None:
    """Freezes until nothing that is frozen belongs to a visitor."""
    while True:
        present = visits()
        freeze()
        if not present:
            return
        while present <= visits():
            await asyncio.sleep(SECONDS)
