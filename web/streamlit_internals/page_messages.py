"""Lets a page's WebSocket through to Streamlit only what a page sends, no faster than a page, and no more of it.

Streamlit takes more kinds of messages than our page sends: some make it run git on the event loop and answer what the
repository is called, others empty the caches of all visitors, or write files. And what a page does send has no bound
there: neither the number of runs that one visitor starts, nor what is kept of widgets that the page does not have.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict

from google.protobuf.message import DecodeError
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ClientState_pb2 import ClientState
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

from classifier.machine.pace import Pace

KINDS = ("rerun_script", "stop_script", "app_heartbeat", "file_urls_request")
"""The kinds of messages that our page sends."""

MAX_BYTES = 65_536
"""The most bytes of a message; the longest of our page has 1.2 kB, and the address of a page may have some more."""

_REFUSED = 1008  # policy violation: RFC 6455, 7.4.1

# A page sends 4 messages in a second at most, as when it is opened. What comes faster waits for its turn: each run of
# the page takes a thread, and 3,000 that were asked for at once stopped the server for a minute.
_AT_ONCE = 10
_PER_SECOND = 10.0

_MAX_WIDGETS = 100  # the page has 20
_ID = "$$ID-"  # how Streamlit begins the ids of widgets; what begins otherwise would be taken for state of ours
_MAX_FILES = 20  # it asks for one address at a time
_MAX_HASHES = 1000  # it keeps a handful of messages
_MAX_QUERY = 8192  # characters

# Streamlit keeps the state of every widget that it is told of until a run of the page has ended by itself, which a
# visitor who starts the next run in time never lets happen.
_STATE_BYTES = 262_144
_ENTRY_BYTES = 200  # what the smallest state takes
_VISITS = 1000  # of which more is remembered than those that are connected

_SHORT = 16_384  # bytes; a message that tells of the beginning or the end of a run has fewer


class PageMessages:
    """ASGI middleware that closes a page's WebSocket with 1008 at the first message that no page sends."""

    def __init__(self, app: ASGIApp) -> None:
        """Args: app: Streamlit's app."""
        self.app = app
        self._left: OrderedDict[str, _Kept] = OrderedDict()  # by session, of lost connections

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes a connection on."""
        if scope["type"] != "websocket":
            await self.app(scope, receive, send)
            return
        session = _resumed(scope)
        kept = self._left.pop(session, _Kept())
        kept.cut_off |= bool(session)  # with the connection that was lost
        pace = Pace(1 / _PER_SECOND, _AT_ONCE)
        refused = False

        async def checked() -> Message:
            nonlocal refused
            message = await receive()
            if message["type"] != "websocket.receive":
                return message
            await asyncio.sleep(pace.count(""))  # Uvicorn reads no other message meanwhile
            asked = _read(message.get("bytes"))
            if asked and kept.room_for(asked):
                return message
            refused = True
            await send({"type": "websocket.close", "code": _REFUSED})
            return {"type": "websocket.disconnect", "code": _REFUSED}

        async def watched(message: Message) -> None:
            nonlocal session
            if refused:  # Streamlit may have begun to send something before it is told
                return
            data = message.get("bytes")
            if data and len(data) <= _SHORT:
                said = ForwardMsg.FromString(data)
                session = said.new_session.initialize.session_id or session
                if said.HasField("script_finished") and said.script_finished == ForwardMsg.FINISHED_SUCCESSFULLY:
                    kept.end_of_run()
            await send(message)

        try:
            await self.app(scope, checked, watched)
        finally:
            if session and kept.sizes:
                self._left[session] = kept
            if len(self._left) > _VISITS:
                self._left.popitem(last=False)


class _Kept:
    """What Streamlit may keep of a visit's widgets, by their ids, until a run of the page ends by itself."""

    def __init__(self) -> None:
        self.sizes: dict[str, int] = {}
        self.cut_off = False
        """Whether a run may have been cut off, by a message or a lost connection: from then on Streamlit's messages do
        not tell whether a run has ended by itself."""

    def room_for(self, message: BackMsg) -> bool:
        """Adds the states in a message; or adds none and gives False, if they are too many."""
        self.cut_off |= message.HasField("stop_script")
        states = message.rerun_script.widget_states.widgets
        sizes = self.sizes | {state.id: state.ByteSize() + _ENTRY_BYTES for state in states}
        if sum(sizes.values()) > _STATE_BYTES:
            return False
        self.sizes = sizes
        return True

    def end_of_run(self) -> None:
        """Forgets what Streamlit has forgotten: a page has no widgets but those that its last run drew."""
        if not self.cut_off:
            self.sizes = {}


def _resumed(scope: Scope) -> str:
    """The session of a lost connection that a page wants to go on with: Streamlit reads it in the same place."""
    _, _, *session = [*scope.get("subprotocols", ()), "", ""][:3]
    return session[0] if session else ""


def _read(data: bytes | None) -> BackMsg | None:
    """A page's message; None for what no page sends: other kinds, text, too much in one."""
    if data is None or len(data) > MAX_BYTES:
        return None
    try:
        message = BackMsg.FromString(data)
    except DecodeError:
        return None
    if message.WhichOneof("type") not in KINDS or len(message.file_urls_request.file_names) > _MAX_FILES:
        return None
    return message if _is_ours(message.rerun_script) else None


def _is_ours(state: ClientState) -> bool:
    """Whether our page may ask for a run with this state; it has no fragments, which run by themselves."""
    return (
        len(state.widget_states.widgets) <= _MAX_WIDGETS
        and all(widget.id.startswith(_ID) for widget in state.widget_states.widgets)
        and len(state.cached_message_hashes) <= _MAX_HASHES
        and len(state.query_string) <= _MAX_QUERY
        and not state.fragment_id
        and not state.is_auto_rerun
    )
