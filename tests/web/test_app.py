"""The life of the real server: it stops in good order, in bounded time, and answers beside Streamlit's own routes."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.support.photos import photo
from tests.support.server import ENDED_AS_ASKED, ROOT, started
from tests.support.wire import metric, until

PICTURE = photo("panda.webp").read_bytes()

pytestmark = pytest.mark.slow


@pytest.fixture
def server(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    with started(tmp_path / "log.txt") as process_and_address:
        yield process_and_address


def begin_upload(address: str) -> socket.socket:
    """A request whose body has begun."""
    connection = socket.create_connection((urlsplit(address).hostname, urlsplit(address).port), timeout=30)
    head = f"POST /api/v1/classify HTTP/1.1\r\nHost: test\r\nContent-Length: {len(PICTURE)}\r\n\r\n"
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


def test_routes_beside_the_page(server: tuple[subprocess.Popen[bytes], str]) -> None:
    _, address = server

    def get(path: str, **headers: str) -> tuple[int, str]:
        request = urllib.request.Request(address + path, headers=headers)
        try:
            with urllib.request.urlopen(request, timeout=10) as response:
                return response.status, response.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    assert get("/healthz") == (200, '{"status":"alive"}')
    assert get("/readyz") == (200, '{"status":"ready","model":"efficientnet-lite2"}')
    assert get("/api/nothing")[0] == 404
    assert get("/api")[0] == 404
    assert "classifier_ready 1.0" in get("/metrics")[1]
    page = get("/")[1]
    assert "<title>Image Classifier</title>" in page
    assert '<html lang="en">' in page
    assert '<html lang="zh-CN">' in get("/", **{"Accept-Language": "zh-CN,zh;q=0.9"})[1]
    for script in re.findall(r'<script[^>]* src="\.?/?([^"]+)"', page):
        assert get(f"/{script}")[0] == 200, script


# As TensorFlow's is on a small machine.
SLOW_LOADING = """
import time
from classifier import Classifier
load = Classifier.load
Classifier.load = lambda *arguments, **options: time.sleep(2) or load(*arguments, **options)
"""


def test_the_server_answers_while_it_still_loads(tmp_path: Path) -> None:
    seen: list[int] = []

    def watch(port: int) -> None:
        while 200 not in seen:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5) as response:
                    seen.append(response.status)
            except urllib.error.HTTPError as error:
                seen.append(error.code)
            except OSError:
                time.sleep(0.01)

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    watcher = threading.Thread(target=watch, args=(port,), daemon=True)
    watcher.start()
    with started(tmp_path / "log.txt", port=port, first=SLOW_LOADING):
        watcher.join(60)
    assert set(seen) == {503, 200}
    assert seen[-1] == 200


def test_a_wrong_setting_ends_the_server_and_is_all_it_says() -> None:
    command = [sys.executable, "-m", "streamlit", "run", "streamlit_app.py", "--server.port", "0"]
    environment = {**os.environ, "CLASSIFIER_QUEUE": "-1"}
    ended = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60)
    assert ended.returncode == 1
    assert ended.stderr == "CLASSIFIER_QUEUE=-1: Input should be greater than or equal to 0.\n"


def test_a_browser_gets_the_page_before_the_libraries_are_imported() -> None:
    code = "import sys, streamlit_app; print(*{name.partition('.')[0] for name in sys.modules})"
    names = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert "starlette" in names.split()
    assert not {"fastapi", "pydantic", "numpy", "PIL", "ai_edge_litert", "prometheus_client"} & set(names.split())


def test_over_the_queues_bound_callers_are_told_to_come_back_at_once(tmp_path: Path) -> None:
    with started(tmp_path / "log.txt", {"CLASSIFIER_QUEUE": "2"}) as (_, address):

        def post(_: int) -> tuple[int, str | None]:
            request = urllib.request.Request(f"{address}/api/v1/classify", PICTURE)
            try:
                with urllib.request.urlopen(request, timeout=30) as response:
                    return response.status, None
            except urllib.error.HTTPError as error:
                return error.code, error.headers["Retry-After"]

        with ThreadPoolExecutor(40) as pool:
            answers = list(pool.map(post, range(120)))
        assert set(answers) == {(200, None), (503, "1")}
        assert post(0) == (200, None)
