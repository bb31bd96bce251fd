"""Which client has sent what the visits to the page hold: Streamlit knows each file by its visit only."""

from __future__ import annotations

from functools import cache

from web.streamlit_internals.sessions import uploads_held


class Senders:
    """The visits that hold files, each with the client that sent the last of them; to it all of them are counted."""

    def __init__(self) -> None:
        """Nobody has sent anything yet."""
        self._clients: dict[str, str] = {}  # by session
        self._sessions: dict[str, set[str]] = {}  # by client

    def note(self, session: str, client: str) -> None:
        """Notes that a client has sent a file to a visit, and forgets the visits that no longer hold any."""
        self._forget(session)
        self._clients[session] = client
        self._sessions.setdefault(client, set()).add(session)
        for other in [other for other in self._clients if not uploads_held(other)]:
            self._forget(other)

    def held(self, client: str) -> int:
        """Bytes that visits hold of a client."""
        return sum(sum(uploads_held(session)) for session in self._sessions.get(client, ()))

    def _forget(self, session: str) -> None:
        client = self._clients.pop(session, None)
        if client is None:
            return
        sessions = self._sessions[client]
        sessions.discard(session)
        if not sessions:
            del self._sessions[client]


@cache
def senders() -> Senders:
    """Those of this process."""
    return Senders()
