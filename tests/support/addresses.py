"""Callers from several addresses: on the loopback interface, another client is simply another source address."""

from __future__ import annotations

import socket
from urllib.parse import urlsplit

from streamlit.proto.BackMsg_pb2 import BackMsg

from tests.support.wire import Answer, answer, head

SMALL = "import resource; resource.setrlimit(resource.RLIMIT_NOFILE, (256, 256))\n"
"""Code that leaves a server few descriptors, to be run before it starts."""

HANDSHAKE = {
    "Upgrade": "websocket",
    "Connection": "Upgrade",
    "Sec_WebSocket_Key": "dGhlIHNhbXBsZSBub25jZQ==",
    "Sec_WebSocket_Version": "13",
    "Sec_WebSocket_Protocol": "streamlit",
}


def connected(address: str, source: str = "127.0.0.1") -> socket.socket:
    """A connection from an address."""
    place = str(urlsplit(address).hostname), int(urlsplit(address).port or 80)
    return socket.create_connection(place, timeout=30, source_address=(source, 0))


def ask(address: str, source: str, path: str = "/healthz", **headers: str) -> Answer:
    """The answer to a GET from an address."""
    with connected(address, source) as connection:
        connection.sendall(head(path, "GET", **headers))
        return answer(connection, "GET")


def visit(address: str, source: str = "127.0.0.1", **headers: str) -> tuple[socket.socket, Answer]:
    """A WebSocket of the page from an address, and what its handshake was answered."""
    connection = connected(address, source)
    connection.sendall(head("/_stcore/stream", "GET", **HANDSHAKE, **headers))
    return connection, answer(connection, "GET")


def rerun() -> bytes:
    """The frame by which a page asks for its run."""
    message = BackMsg()
    message.rerun_script.query_string = ""
    payload = bytes(message.SerializeToString())
    return bytes([0x82, 0x80 | len(payload)]) + bytes(4) + payload
