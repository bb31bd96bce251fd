"""The real server stops in good order, and in bounded time."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.support.photos import photo
from tests.support.server import ENDED_AS_ASKED, ROOT, started
from tests.support.waiting import until
from tests.support.wire import Answer, answer, connected, head, metric, send, send_as_page, visiting

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


FORKS = """
import os, threading, time

def fork():
    now = os.path.join(os.environ["FOLDER"], "now")
    while not os.path.exists(now):
        time.sleep(0.05)
    child = os.fork()
    if not child:
        time.sleep(60)
        os._exit(0)
    os.kill(child, 15)
    os.rename(now, now + str(os.waitpid(child, 0)[1]))

threading.Thread(target=fork, daemon=True).start()
"""


def test_a_process_that_is_forked_from_the_server_can_be_ended(tmp_path: Path) -> None:
    """It has the server's handlers of signals, and none of the threads that heed them."""
    with started(tmp_path / "log.txt", {"FOLDER": str(tmp_path)}, first=FORKS) as (_, address):
        (tmp_path / "now").touch()
        until(lambda: not (tmp_path / "now").exists(), 20)
        assert (tmp_path / f"now{int(signal.SIGTERM)}").exists()
        with connected(address) as connection:
            assert classified(connection).status == 200


def healthcheck(address: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """The image's check of its container's health, beside this server."""
    return subprocess.run(
        [sys.executable, "-I", "-S", "deploy/image/healthcheck.py"],
        cwd=ROOT,
        env={"CLASSIFIER_PORT": str(urlsplit(address).port), **variables},
        capture_output=True,
        text=True,
    )


def readiness(address: str) -> tuple[int, object]:
    got = send(address, head("/readyz", "GET"))
    return got.status, json.loads(got.body)["status"]


def classified(connection: socket.socket) -> Answer:
    connection.sendall(head(Content_Length=str(len(PICTURE))) + PICTURE)
    return answer(connection)


def test_with_a_delay_everything_is_answered_after_sigterm_but_readiness(tmp_path: Path) -> None:
    with started(tmp_path / "log.txt", {"CLASSIFIER_STOP_DELAY": "4"}) as (process, address):
        assert healthcheck(address, STREAMLIT_SERVER_PORT="tcp://10.96.1.1:80").returncode == 0
        with connected(address) as kept, connected(address) as silent, visiting(address):
            before = classified(kept)
            assert before.status == 200
            assert before.headers["connection"] is None
            process.send_signal(signal.SIGTERM)
            begin = time.monotonic()
            until(lambda: readiness(address) == (503, "stopping"), 1)
            assert metric(address, "classifier_ready") == 0
            for path in ("/v2/health/ready", "/v2/models/efficientnet-lite2/ready"):
                assert "stopping" in send(address, head(path, "GET")).body.decode()
            assert healthcheck(address).stderr == "not ready: 503\n"
            last = classified(kept)  # of a connection from before, which is closed after it
            assert (last.status, last.headers["connection"]) == (200, "close")
            assert (
                json.loads(last.body)["results"][0]["predictions"]
                == json.loads(before.body)["results"][0]["predictions"]
            )
            assert kept.recv(1) == b""
            with connected(address) as late:
                assert classified(late).status == 200
            with visiting(address):  # the page is served, too, to who is here and to who comes
                assert send_as_page(address, PICTURE).status == 200
            assert process.poll() is None
            assert silent.recv(1) == b""  # nothing was asked: closed at the end
            assert time.monotonic() - begin >= 4
            assert process.wait(5) in ENDED_AS_ASKED
            assert time.monotonic() - begin < 7
    assert "answering for 4 s more" in (tmp_path / "log.txt").read_text()


def test_a_second_sigterm_ends_the_delay(tmp_path: Path) -> None:
    with started(tmp_path / "log.txt", {"CLASSIFIER_STOP_DELAY": "600"}) as (process, address):
        process.send_signal(signal.SIGTERM)
        until(lambda: readiness(address) == (503, "stopping"))
        process.send_signal(signal.SIGTERM)
        assert process.wait(5) in ENDED_AS_ASKED
