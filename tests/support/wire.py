"""HTTP by hand, for requests that no client would send; and a visit to the page without a browser."""

from __future__ import annotations

import http.client
import json
import re
import socket
import urllib.request
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
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


@dataclass(frozen=True)
class Visit:
    """A running visit to the page, and the files it holds."""

    address: str
    session: str
    token: str
    files: list[str] = field(default_factory=list)

    def head(self, length: int, file: str = "cut") -> bytes:
        """The beginning of an upload."""
        return head(
            f"/_stcore/upload_file/{self.session}/{file}",
            "PUT",
            Cookie=f"_streamlit_xsrf={self.token}",
            X_Xsrftoken=self.token,
            Content_Type=FORM,
            Content_Length=str(length),
        )

    def upload(self, data: bytes, file: str = "") -> Answer:
        """Sends a file as the page does."""
        body, file = form(data), file or str(uuid.uuid4())
        got = send(self.address, self.head(len(body), file), body)
        if got.status == 204:
            self.files.append(file)
        return got

    def remove(self, file: str) -> None:
        """Takes a file back."""
        path = f"/_stcore/upload_file/{self.session}/{file}"
        cookie = f"_streamlit_xsrf={self.token}"
        assert send(self.address, head(path, "DELETE", Cookie=cookie, X_Xsrftoken=self.token)).status == 204
        self.files.remove(file)


@contextmanager
def visiting(address: str) -> Iterator[Visit]:
    """Opens the page as far as an upload needs it: its socket, one run of its script, its token."""
    with urllib.request.urlopen(f"{address}/_stcore/health", timeout=10) as response:
        cookie = response.headers["set-cookie"] or ""  # none where the token is not asked for
        token = cookie.partition("=")[2].partition(";")[0]
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
        visit = Visit(address, message.new_session.initialize.session_id, token)
        yield visit
        for file in list(visit.files):  # or they stay until the session expires
            visit.remove(file)
