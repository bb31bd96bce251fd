"""Files made to break decoders, sent to the real server by several callers at once: it answers each, and goes on."""

from __future__ import annotations

import http.client
import json
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.support.hostile import SECONDS
from tests.support.imported import quick_package
from tests.support.pillow_images import pillow_images
from tests.support.server import started
from tests.support.watch import watching
from tests.support.wire import CLASSIFY, metric

pytestmark = pytest.mark.slow

CALLERS = 4
Row = tuple[str, int, str, float]


def send_all(address: str, files: Iterator[Path], lock: threading.Lock) -> list[Row]:
    """One caller, on one connection: (name, status, code, seconds) of each file it got hold of."""
    rows: list[Row] = []
    host, port = urlsplit(address).hostname, urlsplit(address).port
    with closing(http.client.HTTPConnection(host or "", port, timeout=60)) as connection:
        while True:
            with lock:
                file = next(files, None)
            if file is None:
                return rows
            data = file.read_bytes()
            begin = time.perf_counter()
            connection.request("POST", f"{CLASSIFY}?top_k=1", data)
            response = connection.getresponse()
            body = json.loads(response.read())
            seconds = time.perf_counter() - begin
            if response.status == 200:
                assert len(body["results"]) == 1
            else:
                assert response.headers["content-type"] == "application/problem+json"
            rows.append((file.name, response.status, body.get("code", "answer"), seconds))


def test_every_file_gets_an_answer_or_a_problem_and_the_server_stays_alive(tmp_path: Path) -> None:
    folder = pillow_images()
    files = sorted(file for file in folder.rglob("*") if file.is_file())
    assert len(files) == 1060
    log, environment = tmp_path / "log.txt", {"CLASSIFIER_MODEL": str(quick_package(tmp_path / "model"))}
    with started(log, environment) as (process, address):
        waiting, lock = iter(files), threading.Lock()
        with watching(address, process.pid) as seen, ThreadPoolExecutor(CALLERS) as pool:
            callers = [pool.submit(send_all, address, waiting, lock) for _ in range(CALLERS)]
            rows = [row for caller in callers for row in caller.result()]
        assert metric(address, "classifier_budget_used_bytes") == 0
    most = seen.most()
    memory = most.memory if most else 0  # the workers' included
    codes = Counter((status, code) for _, status, code, _ in rows)
    slowest = sorted(rows, key=lambda row: -row[3])[:5]
    # Seen with pytest -s: the evidence for what these files cost.
    print("\n" + ", ".join(f"{count} {status} {code}" for (status, code), count in codes.most_common()))
    print(f"memory: {memory:.0f} MB at the peak; alive within {seen.slowest_health * 1000:.0f} ms")
    print(*(f"{seconds * 1000:6.0f} ms  {code:18}  {name}" for name, _, code, seconds in slowest), sep="\n")
    assert len(rows) == len(files)
    assert all(status == 200 or 400 <= status < 500 for status, _ in codes)
    assert codes[200, "answer"] > 650
    assert slowest[0][3] < SECONDS
    assert memory < 1000
    assert not seen.unhealthy
    assert seen.slowest_health < SECONDS
    assert "Traceback" not in log.read_text()
