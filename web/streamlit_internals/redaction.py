"""Keeps to the server what Streamlit tells each page about it: where its script lies, which Python and system run it.

The page needs none of them. Streamlit's version stays: the page reloads itself when it has changed.
"""

from __future__ import annotations

from starlette.types import ASGIApp, Message, Receive, Scope, Send
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg


class RedactedSessions:
    """ASGI middleware that blanks those parts of the messages with which each run of the page begins."""

    def __init__(self, app: ASGIApp) -> None:
        """Args: app: Streamlit's."""
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes a connection on."""
        if scope["type"] != "websocket":
            await self.app(scope, receive, send)
            return

        async def discreet(message: Message) -> None:
            data = message.get("bytes")
            if data:
                message = {**message, "bytes": without_server(data)}
            await send(message)

        await self.app(scope, receive, discreet)


def without_server(data: bytes) -> bytes:
    """The message, or one that says the same but for what is the server's own."""
    message = ForwardMsg.FromString(data)
    if message.WhichOneof("type") != "new_session":
        return data
    session = message.new_session
    session.main_script_path = ""
    session.initialize.environment_info.python_version = ""
    session.initialize.environment_info.server_os = ""
    return bytes(message.SerializeToString())
