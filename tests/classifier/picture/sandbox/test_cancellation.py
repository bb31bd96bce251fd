"""Work that nobody waits for any more ends at once, wherever it is."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest

from classifier.errors import AbandonedError
from classifier.machine.cancellation import Cancellation
from classifier.picture import decode, prepare
from classifier.picture.limits import Limits
from classifier.picture.prepare import InProcess
from classifier.picture.sandbox import Workers
from tests.support import evil
from tests.support.hostile import seeds
from tests.support.waiting import until
from tests.support.workers import GEOMETRY, LIMITS, TIGHT, fork_server, linux, state, workers_of

LONG = replace(TIGHT, cpu_seconds=30, seconds=30)


@pytest.fixture
def pool() -> Iterator[Workers]:
    pool = Workers(Limits(max_bytes=60_000_000), 1, LONG, evil.COMMAND)
    pool.prepare(seeds()["JPEG"], GEOMETRY)
    yield pool
    pool.close()


def cancelled(work: Callable[[Cancellation], object], after: float = 0.3) -> float:
    """Cancels work that has begun and gives the seconds until its caller was free."""
    cancellation = Cancellation()
    with ThreadPoolExecutor(1) as thread:
        answer: Future[object] = thread.submit(work, cancellation)
        time.sleep(after)
        assert not answer.done()
        start = time.monotonic()
        cancellation.cancel()
        assert time.monotonic() - start < 0.05, "it is called on the event loop"
        with pytest.raises(AbandonedError):
            answer.result(5)
        return time.monotonic() - start


@linux
@pytest.mark.parametrize("deed", ["loop", "wait"])
@pytest.mark.parametrize("job", ["prepare", "thumbnail"])
def test_a_decoder_at_work_is_killed(pool: Workers, caplog: pytest.LogCaptureFixture, deed: str, job: str) -> None:
    (worker,) = workers_of(pool)
    data = evil.picture(deed)
    jobs: dict[str, Callable[[Cancellation], object]] = {
        "prepare": lambda cancellation: pool.prepare(data, GEOMETRY, cancellation),
        "thumbnail": lambda cancellation: pool.thumbnail(data, 100, cancellation),
    }
    assert cancelled(jobs[job]) < 0.5
    until(lambda: state(worker) == "", 2)
    assert pool.prepare(seeds()["JPEG"], GEOMETRY).format == "JPEG"
    assert not caplog.records


@linux
def test_a_picture_is_not_handed_over_any_further(pool: Workers) -> None:
    (worker,) = workers_of(pool)
    os.kill(worker, signal.SIGSTOP)
    data = seeds()["JPEG"] + bytes(50_000_000)
    assert cancelled(lambda cancellation: pool.prepare(data, GEOMETRY, cancellation)) < 0.5
    until(lambda: state(worker) == "", 2)
    assert pool.prepare(seeds()["JPEG"], GEOMETRY).format == "JPEG"


@linux
def test_nobody_waits_for_a_decoder_that_does_not_begin(pool: Workers) -> None:
    (worker,) = workers_of(pool)
    os.kill(worker, signal.SIGKILL)
    until(lambda: state(worker) == "")
    os.kill(fork_server(pool).pid, signal.SIGSTOP)
    assert cancelled(lambda cancellation: pool.prepare(seeds()["JPEG"], GEOMETRY, cancellation)) < 0.5
    os.kill(fork_server(pool).pid, signal.SIGCONT)
    assert pool.prepare(seeds()["JPEG"], GEOMETRY).format == "JPEG"


def test_nobody_waits_for_a_free_decoder(pool: Workers) -> None:
    first = Cancellation()
    with ThreadPoolExecutor(1) as thread:
        busy = thread.submit(pool.prepare, evil.picture("wait"), GEOMETRY, first)
        time.sleep(0.2)
        assert cancelled(lambda cancellation: pool.prepare(seeds()["JPEG"], GEOMETRY, cancellation)) < 0.5
        assert not busy.done()
        first.cancel()
        with pytest.raises(AbandonedError):
            busy.result()
    assert pool.prepare(seeds()["JPEG"], GEOMETRY).format == "JPEG"


def test_work_that_was_cancelled_before_never_begins(pool: Workers) -> None:
    cancellation = Cancellation()
    cancellation.cancel()
    for decoder in (pool, InProcess(LIMITS)):
        with pytest.raises(AbandonedError):
            decoder.prepare(evil.picture("crash"), GEOMETRY, cancellation)
        with pytest.raises(AbandonedError):
            decoder.thumbnail(evil.picture("crash"), 100, cancellation)


def test_in_this_process_it_ends_before_the_next_step(monkeypatch: pytest.MonkeyPatch) -> None:
    cancellation, read = Cancellation(), decode.read

    def cancel_meanwhile(*arguments: Any) -> decode.Picture:
        cancellation.cancel()
        return read(*arguments)

    monkeypatch.setattr(decode, "read", cancel_meanwhile)
    monkeypatch.setattr(prepare, "fit", lambda *_: pytest.fail("the next step"))
    with pytest.raises(AbandonedError):
        InProcess(LIMITS).prepare(seeds()["JPEG"], GEOMETRY, cancellation)


def test_many_that_are_cancelled_at_any_moment_cost_the_others_nothing(pool: Workers) -> None:
    """The moments are spread over the whole of an exchange."""
    good = seeds()["JPEG"]

    def ask(number: int) -> str:
        cancellation = Cancellation()
        timer = threading.Timer(number % 20 * 0.0005, cancellation.cancel)
        if number % 2:
            timer.start()
        try:
            return pool.prepare(good, GEOMETRY, cancellation).format
        except AbandonedError as error:
            return error.code

    with ThreadPoolExecutor(4) as threads:
        answers = list(threads.map(ask, range(200)))
    assert set(answers[::2]) == {"JPEG"}
    assert set(answers) == {"JPEG", "abandoned"}
