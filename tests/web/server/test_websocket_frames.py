"""However much a WebSocket sends, and however small its frames: the server answers others, and holds little of it."""

from __future__ import annotations

import socket
import struct
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from streamlit.proto.BackMsg_pb2 import BackMsg

from tests.support.server import started
from tests.support.wire import answer, connected, head

pytestmark = pytest.mark.slow

MORE, TEXT, BINARY, PING = 0, 1, 2, 9
SECONDS = 2.0
"""The longest that another request may take meanwhile; on a machine that does nothing else it takes 10 ms."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[int, str]]:
    with started(tmp_path_factory.mktemp("frames") / "log.txt") as (process, address):
        yield process.pid, address


def memory(pid: int) -> float:
    """What a process has in memory, in MB."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0]) / 1024


def frame(data: bytes, kind: int = BINARY, last: bool = True, length: int | None = None) -> bytes:
    """A frame, or the beginning of one that says it is longer."""
    length = len(data) if length is None else length
    begin = bytes([last << 7 | kind])
    if length < 126:
        begin += bytes([0x80 | length])
    else:
        begin += b"\xff" + struct.pack("!Q", length)
    return begin + bytes(4) + data  # masked with zeros


@contextmanager
def page(address: str) -> Iterator[socket.socket]:
    """A page's WebSocket, on which nothing is read."""
    with connected(address) as connection:
        connection.sendall(
            head(
                "/_stcore/stream",
                "GET",
                Upgrade="websocket",
                Connection="Upgrade",
                Sec_WebSocket_Key="dGhlIHNhbXBsZSBub25jZQ==",
                Sec_WebSocket_Version="13",
                Sec_WebSocket_Protocol="streamlit",
            )
        )
        assert answer(connection, "GET").status == 101
        yield connection


def closed_with(connection: socket.socket) -> int:
    """The code with which the server closes."""
    stream = connection.makefile("rb")
    while True:
        begin, length = stream.read(2)
        length &= 127
        if length > 125:
            length = int.from_bytes(stream.read(2 if length == 126 else 8), "big")
        data = stream.read(length)
        if begin & 15 == 8:
            return int.from_bytes(data[:2], "big")


def seconds(address: str) -> float:
    """How long another request takes."""
    begin = time.monotonic()
    with urllib.request.urlopen(f"{address}/healthz", timeout=60) as response:
        assert response.status == 200
    return time.monotonic() - begin


def send(connection: socket.socket, data: bytes) -> None:
    """Sends as much as the server takes."""
    with suppress(OSError):
        connection.sendall(data)


def run() -> bytes:
    message: Any = BackMsg()
    message.rerun_script.query_string = ""
    return frame(message.SerializeToString())


TINY = {
    "fragments of a byte": frame(b"a", last=False) + frame(b"a", MORE, last=False) * 60_000,
    "fragments of nothing": frame(b"a", last=False) + frame(b"", MORE, last=False) * 200_000,
    "pings": frame(b"", PING) * 100_000,
    "long pings": frame(b"x" * 125, PING) * 50_000,
    "messages": run() * 10_000,
}


@pytest.mark.parametrize("flood", TINY.values(), ids=TINY)
def test_tiny_frames_are_refused_before_they_cost_anything(server: tuple[int, str], flood: bytes) -> None:
    pid, address = server
    before = memory(pid)
    longest: list[float] = []
    with page(address) as connection:
        sending = threading.Thread(target=send, args=(connection, flood))
        sending.start()
        while sending.is_alive() or not longest:
            longest.append(seconds(address))
            time.sleep(0.05)
        sending.join()
        assert max(longest) < SECONDS
        assert memory(pid) < before + 20


def test_a_message_larger_than_a_page_sends_is_refused_at_its_first_bytes(server: tuple[int, str]) -> None:
    _, address = server
    for begin in (frame(b"", length=65_537), frame(b"x" * 65_536, last=False) + frame(b"", MORE, last=False, length=1)):
        with page(address) as connection:
            connection.sendall(begin)
            assert closed_with(connection) == 1009


def test_text_is_refused_whatever_it_is(server: tuple[int, str]) -> None:
    _, address = server
    for text in (frame(b"load_git_info", TEXT), frame(b"\xff", TEXT), frame(b"x", TEXT, last=False)):
        with page(address) as connection:
            connection.sendall(text)
            assert closed_with(connection) == 1008


def test_messages_that_never_end_take_little_memory(server: tuple[int, str]) -> None:
    pid, address = server
    before = memory(pid)
    with ExitStack() as stack:
        for number in range(100):
            connection = stack.enter_context(page(address))
            if number % 2:
                connection.sendall(frame(b"x" * 65_000, length=65_536))
            else:
                connection.sendall(frame(b"x" * 400, last=False) + frame(b"x" * 400, MORE, last=False) * 150)
        assert seconds(address) < SECONDS
        assert memory(pid) < before + 60


def test_a_page_that_pings_and_answers_pings_stays(server: tuple[int, str]) -> None:
    _, address = server
    with page(address) as connection:
        for _ in range(30):
            connection.sendall(frame(b"", PING) + run())
            time.sleep(0.1)
        connection.sendall(frame(struct.pack("!H", 1000), 8))
        assert closed_with(connection) == 1000
