"""The real server while its model loads, and with more callers than may wait."""

from __future__ import annotations

import resource
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from benchmarks.server import PAGE
from classifier.checkout import ROOT
from tests.support.photos import photo
from tests.support.server import started

PICTURE = photo("panda.webp").read_bytes()
pytestmark = pytest.mark.slow
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


@pytest.mark.skipif(sys.platform != "linux", reason="Linux enforces a limit on the address space")
def test_a_server_without_the_memory_for_its_libraries_ends_with_a_sentence() -> None:
    most = 200 << 20
    ended = subprocess.run(
        PAGE,
        cwd=ROOT,
        capture_output=True,
        timeout=60,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (most, most)),
    )
    assert ended.returncode == 1
    assert b"The server cannot start. Allow it more memory, processes and threads. (" in ended.stderr
