"""The real server with a decoder that crashes and hangs: that one picture gets a clear error, all others go on."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx2 as httpx
import pytest

from tests.support import evil
from tests.support.photos import photo
from tests.support.server import started
from tests.support.waiting import until
from tests.support.watch import descendants
from tests.support.workers import linux, state

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    log = tmp_path_factory.mktemp("evil") / "log.txt"
    evil_workers = (
        "import functools; from classifier.picture.sandbox import pool; from tests.support import evil;"
        "pool.COMMAND = evil.COMMAND; pool.Bounds = functools.partial(pool.Bounds, cpu_seconds=2, seconds=15)"
    )
    with started(log, first=evil_workers) as running:
        yield running
    said = Path(log).read_text()
    assert "ended its decoder" in said
    assert "Traceback" not in said


@pytest.fixture
def address(server: tuple[subprocess.Popen[bytes], str]) -> str:
    return server[1]


def ask(address: str, data: bytes) -> httpx.Response:
    return httpx.post(f"{address}/api/v1/classify", content=data, timeout=60)


@pytest.mark.parametrize("deed", ["crash", "abort", "lie"])
def test_a_decoder_that_crashes_costs_one_answer(address: str, deed: str) -> None:
    answer = ask(address, evil.picture(deed))
    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["code"] == "decoding_failed"
    assert "Export it again" in answer.json()["detail"]
    assert ask(address, photo("panda.webp").read_bytes()).status_code == 200


def test_among_several_pictures_the_others_stand(address: str) -> None:
    panda = photo("panda.webp").read_bytes()
    files = [("file", data) for data in (panda, evil.picture("crash"), panda)]
    results = httpx.post(f"{address}/api/v1/classify", files=files, timeout=60).json()["results"]
    assert [result.get("error", {}).get("code") for result in results] == [None, "decoding_failed", None]
    assert results[0]["predictions"] == results[2]["predictions"]


def test_while_one_decoder_hangs_the_others_work(address: str) -> None:
    panda = photo("panda.webp").read_bytes()
    with ThreadPoolExecutor(1) as thread:
        hanging = thread.submit(ask, address, evil.picture("loop"))
        answered = 0
        while not hanging.done():
            answered += ask(address, panda).status_code == 200
            assert httpx.get(f"{address}/healthz", timeout=5).status_code == 200
    assert hanging.result().json()["code"] == "decoding_failed"
    assert answered > 5


@linux
def test_a_decoder_that_was_stopped_is_the_operator_s_trouble_and_ends(
    server: tuple[subprocess.Popen[bytes], str],
) -> None:
    process, address = server
    assert ask(address, photo("panda.webp").read_bytes()).status_code == 200
    _, *workers = descendants(process.pid)
    with ThreadPoolExecutor(1) as thread:
        answer = thread.submit(ask, address, evil.picture("wait"))
        for worker in workers:
            os.kill(worker, signal.SIGSTOP)
        stopped = answer.result()
    assert (stopped.status_code, stopped.json()["code"]) == (503, "no_decoder")
    assert int(stopped.headers["retry-after"]) >= 1
    until(lambda: any(state(worker) == "" for worker in workers))
    for worker in workers:
        if state(worker) == "T":
            os.kill(worker, signal.SIGCONT)
    assert ask(address, photo("panda.webp").read_bytes()).status_code == 200
