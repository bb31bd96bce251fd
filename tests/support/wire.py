"""HTTP by hand, for requests that no client would send; and a visit to the page without a browser."""

from __future__ import annotations

import http.client
import json
import re
import socket
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.sync.client import connect

CLASSIFY = "/api/v1/classify"
BOUNDARY = "3f1c"


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    headers: http.client.HTTPMessage
    body: bytes

    def problem(self, status: int, code: str, media_type: str = "application/problem+json") -> str:
        """The detail of a problem object, which it must be, of this status and code."""
        assert self.status == status, self.body
        assert self.headers["content-type"] == media_type
        about = json.loads(self.body)
        assert (about["status"], about["code"]) == (status, code)
        return str(about["detail"])


def connected(address: str) -> socket.socket:
    """A connection to a server."""
    return socket.create_connection((urlsplit(address).hostname, urlsplit(address).port), timeout=30)


def head(path: str = CLASSIFY, method: str = "POST", **headers: str) -> bytes:
    """The beginning of a request; underscores in the names of headers stand for hyphens."""
    lines = [f"{method} {path} HTTP/1.1", "Host: localhost"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


def chunk(data: bytes) -> bytes:
    """A piece of a body without a length; the empty one ends it."""
    return b"%x\r\n%b\r\n" % (len(data), data)


def answer(connection: socket.socket, method: str = "POST") -> Answer:
    """Waits for the answer to a request."""
    response = http.client.HTTPResponse(connection, method=method)
    response.begin()
    return Answer(response.status, response.msg, response.read())


def send(address: str, *parts: bytes) -> Answer:
    """Sends these bytes on a connection of their own and gives the answer."""
    with connected(address) as connection:
        for part in parts:
            connection.sendall(part)
        return answer(connection)


def post(address: str, data: bytes, path: str = CLASSIFY, **headers: str) -> Answer:
    """A request whose body is this."""
    return send(address, head(path, Content_Length=str(len(data)), **headers), data)


def form(*files: bytes) -> bytes:
    """A multipart body with files."""
    parts = [
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="{number}"\r\n\r\n'.encode()
        + data
        + b"\r\n"
        for number, data in enumerate(files)
    ]
    return b"".join([*parts, f"--{BOUNDARY}--\r\n".encode()])


FORM = f"multipart/form-data; boundary={BOUNDARY}"


def metric(address: str, name: str) -> float:
    """The value of a metric without labels."""
    with urllib.request.urlopen(f"{address}/metrics", timeout=10) as response:
        found = re.search(rf"^{name} (\S+)$", response.read().decode(), re.M)
    assert found, name
    return float(found[1])


def page_head(length: int) -> bytes:
    """The beginning of a picture that the page's script sends."""
    return head("/page/classify", Sec_Fetch_Site="same-origin", Content_Length=str(length))


def send_as_page(address: str, data: bytes) -> Answer:
    """Sends a picture as the page's script does."""
    return send(address, page_head(len(data)), data)


@contextmanager
def visiting(address: str) -> Iterator[None]:
    """Opens the page as a browser does: its socket, and one run of its script."""
    stream = f"{address.replace('http', 'ws', 1)}/_stcore/stream"
    # Nobody reads what the page says after that; a bounded queue of it would hold up the closing.
    protocols: Any = ["streamlit"]
    with connect(stream, subprotocols=protocols, max_size=None, max_queue=None) as connection:
        run: Any = BackMsg()
        run.rerun_script.query_string = ""
        connection.send(run.SerializeToString())
        message: Any = ForwardMsg()
        while message.WhichOneof("type") != "new_session":
            received = connection.recv(timeout=30)
            assert isinstance(received, bytes)
            message.ParseFromString(received)
        yield
