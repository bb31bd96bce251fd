"""Refuses bodies that come in needlessly many chunks.

To parse a chunk takes h11 10 µs, whatever is in it, on the event loop that everybody needs: 20 MB in chunks of a byte
would take it for minutes.
"""

from __future__ import annotations

import h11

FREE_CHUNKS = 256
"""The most short chunks one after the other."""

CHUNK_BYTES = 128
"""The least bytes per chunk beyond that, on average: half of what clients send that cut a picture at its newlines."""


class BoundedChunks(h11.Connection):
    """A connection of h11 on which such a body is a broken request, as any other."""

    _left = 0

    def next_event(self) -> h11.Event | type[h11.NEED_DATA] | type[h11.PAUSED]:
        """As for `h11.Connection`.

        Raises:
            RemoteProtocolError: the request is broken, or its body comes in too many chunks.
        """
        event = super().next_event()
        if isinstance(event, h11.Request):
            self._left = FREE_CHUNKS * CHUNK_BYTES
        elif isinstance(event, h11.Data):
            left = self._left + len(event.data) - event.chunk_start * CHUNK_BYTES
            self._left = min(left, FREE_CHUNKS * CHUNK_BYTES)
            if event.chunk_start and self._left < 0:
                raise h11.RemoteProtocolError("The body comes in too many chunks.")
        return event
