"""Removes what Streamlit tells each page about the server: the path of its script, its Python version, its system.

The page needs none of these. Streamlit's version stays: the page reloads itself when that has changed.
"""

from __future__ import annotations

from starlette.types import ASGIApp, Message, Receive, Scope, Send
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg


class RedactedSessions:
    """ASGI middleware that blanks these fields in the message with which each run of the page begins."""

    def __init__(self, app: ASGIApp) -> None:
        """Args: app: Streamlit's app."""
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes a connection on."""
        if scope["type"] != "websocket":
            await self.app(scope, receive, send)
            return

        async def redacted(message: Message) -> None:
            data = message.get("bytes")
            if data:
                message = {**message, "bytes": without_server(data)}
            await send(message)

        await self.app(scope, receive, redacted)


def without_server(data: bytes) -> bytes:
    """The message, with the fields about the server left empty."""
    message = ForwardMsg.FromString(data)
    if message.WhichOneof("type") != "new_session":
        return data
    session = message.new_session
    session.main_script_path = ""
    session.initialize.environment_info.python_version = ""
    session.initialize.environment_info.server_os = ""
    return bytes(message.SerializeToString())
