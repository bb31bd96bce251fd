"""Keeps what was loaded for good out of garbage collection, which Streamlit runs in full after every run of the page.

What is frozen is never looked at again, and so a collection takes no time. Among it may be what belongs to a visitor
who came while the server was starting: frozen, that and the picture would stay for good. So everything is thawed and
frozen anew when such a visitor has left, until there is none.
"""

from __future__ import annotations

import asyncio
import gc

from web.streamlit_internals.sessions import visits

SECONDS = 10.0


def freeze() -> None:
    """Collects garbage once more and sets everything else aside."""
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
