"""The real server stops in good order, and in bounded time."""

from __future__ import annotations

import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.support.photos import photo
from tests.support.server import ENDED_AS_ASKED, started
from tests.support.waiting import until
from tests.support.wire import metric

PICTURE = photo("panda.webp").read_bytes()
pytestmark = pytest.mark.slow


@pytest.fixture
def server(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    with started(tmp_path / "log.txt") as process_and_address:
        yield process_and_address


def begin_upload(address: str) -> socket.socket:
    """A request whose body has begun."""
    connection = socket.create_connection((urlsplit(address).hostname, urlsplit(address).port), timeout=30)
    head = f"POST /api/v1/classify HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(PICTURE)}\r\n\r\n"
    connection.sendall(head.encode() + PICTURE[:1000])
    until(lambda: metric(address, "classifier_budget_used_bytes") > 0)  # it has come in
    return connection


def refuses(address: str) -> bool:
    try:
        socket.create_connection((urlsplit(address).hostname, urlsplit(address).port), timeout=5).close()
    except OSError:
        return True
    return False


def test_a_request_under_way_is_finished_after_sigterm(server: tuple[subprocess.Popen[bytes], str]) -> None:
    process, address = server
    upload = begin_upload(address)
    process.send_signal(signal.SIGTERM)
    until(lambda: refuses(address))  # it stops to accept new ones first
    assert process.poll() is None
    upload.sendall(PICTURE[1000:])
    answer = upload.makefile("rb").read()
    assert answer.startswith(b"HTTP/1.1 200")
    assert b"giant panda" in answer
    assert process.wait(10) in ENDED_AS_ASKED


def test_a_request_that_never_ends_does_not_keep_the_server(server: tuple[subprocess.Popen[bytes], str]) -> None:
    process, address = server
    upload = begin_upload(address)
    begin = time.monotonic()
    process.send_signal(signal.SIGTERM)
    assert process.wait(15) in ENDED_AS_ASKED
    assert time.monotonic() - begin < 10
    upload.close()
