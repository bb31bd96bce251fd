"""Stopped in the middle of a load, the server answers whatever it had accepted."""

from __future__ import annotations

import http.client
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from benchmarks.visitor import PATIENCE, client, opened
from classifier.machine.cpus import cpu_count
from tests.support.caller import Caller, connected
from tests.support.hostile import encode
from tests.support.photos import mosaic, photo
from tests.support.pictures import slow_picture
from tests.support.server import ENDED_AS_ASKED, started
from web.uploads.forms import MAX_FILES

pytestmark = pytest.mark.slow

CALLERS = 40  # more than may wait, so that some are told to come back
UPLOADS = 4


@dataclass
class Upload:
    """A picture for the page, the first half of which is sent."""

    connection: http.client.HTTPConnection
    rest: bytes


def begin_upload(address: str, picture: bytes) -> Upload:
    connection = connected(address)
    connection.putrequest("POST", "/page/classify")
    for name, value in {"Sec-Fetch-Site": "same-origin", "Content-Length": str(len(picture))}.items():
        connection.putheader(name, value)
    connection.endheaders(picture[: len(picture) // 2])
    return Upload(connection, picture[len(picture) // 2 :])


@pytest.mark.alone
def test_every_request_sent_before_sigterm_is_answered(tmp_path: Path) -> None:
    picture = encode(mosaic(1600, 1200), "JPEG", quality=90)
    gone = threading.Event()
    callers = [Caller() for _ in range(CALLERS)]
    with ExitStack() as stack:
        process, address = stack.enter_context(started(tmp_path / "log.txt"))
        stack.enter_context(opened(address))
        uploads = [begin_upload(address, picture) for _ in range(UPLOADS)]
        pool = stack.enter_context(ThreadPoolExecutor(CALLERS))
        for caller in callers:
            pool.submit(caller.run, address, picture, gone)
        try:
            end = time.monotonic() + PATIENCE
            while not all(caller.answered for caller in callers):
                assert time.monotonic() < end
                time.sleep(0.01)
            signalled = time.monotonic()
            process.send_signal(signal.SIGTERM)
            statuses = []
            for upload in uploads:
                upload.connection.send(upload.rest)
                statuses.append(upload.connection.getresponse().status)
            assert process.wait(15) in ENDED_AS_ASKED
        finally:
            gone.set()
    assert set(statuses) <= {200, 429, 503}  # as for the callers, whose pictures wait, too
    assert [what for caller in callers for sent, what in caller.lost if sent < signalled] == []
    under_way = [status for caller in callers for sent, status in caller.answered if sent < signalled]
    assert {200, 503} <= set(under_way) <= {200, 429, 503}  # 429: the share of one who is beside others


@pytest.mark.alone
def test_who_cannot_have_a_turn_before_the_server_must_end_is_told_to_come_back(tmp_path: Path) -> None:
    files = [("file", ("slow.png", slow_picture()))] * MAX_FILES  # seconds of work
    callers = cpu_count() + 2
    with (
        started(tmp_path / "log.txt") as (process, address),
        client(address) as http,
        ThreadPoolExecutor(callers) as pool,
    ):
        answers = [pool.submit(http.post, "/api/v1/classify", files=files) for _ in range(callers)]
        end = time.monotonic() + PATIENCE
        while "classifier_queue_depth 2.0" not in http.get("/metrics").text:
            assert time.monotonic() < end, "nobody waits"
            time.sleep(0.01)
        process.send_signal(signal.SIGTERM)
        results = [result for one in answers for result in one.result().json()["results"]]
        assert process.wait(15) in ENDED_AS_ASKED
    assert {result["error"]["status"] if "error" in result else 200 for result in results} == {200, 503}


@pytest.mark.parametrize("known", [True, False], ids=["on an old connection", "on a new connection"])
def test_what_came_before_sigterm_is_answered_by_a_server_that_had_no_time_to_read_it(
    tmp_path: Path, known: bool
) -> None:
    with started(tmp_path / "log.txt") as (process, address):
        connections = [connected(address) for _ in range(8)]
        for connection in connections if known else []:
            connection.request("GET", "/healthz")
            connection.getresponse().read()
        process.send_signal(signal.SIGSTOP)
        for connection in connections:
            connection.request("POST", "/api/v1/classify", photo("panda.webp").read_bytes())
        process.send_signal(signal.SIGTERM)
        time.sleep(0.3)  # Uvicorn looks every tenth of a second whether to stop: it must be time to look
        process.send_signal(signal.SIGCONT)
        assert [connection.getresponse().status for connection in connections] == [200] * len(connections)
        assert process.wait(10) in ENDED_AS_ASKED
