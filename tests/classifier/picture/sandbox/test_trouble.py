"""What the machine or its operator does to a decoder is no picture's fault: 503, and one line in the log."""

from __future__ import annotations

import logging
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from classifier.errors import DecodingError, NoDecoderError
from classifier.picture.limits import Limits
from classifier.picture.sandbox import Workers
from tests.support import evil
from tests.support.hostile import seeds
from tests.support.photos import ROOT
from tests.support.waiting import until
from tests.support.workers import GEOMETRY, LIMITS, TIGHT, fork_server, linux, state, workers_of

pytestmark = linux
LONG = replace(TIGHT, cpu_seconds=20, seconds=20)
SHORT = replace(TIGHT, seconds=1.5)


@pytest.fixture
def pool() -> Iterator[Workers]:
    pool = Workers(LIMITS, 1, LONG, evil.COMMAND)
    pool.prepare(seeds()["JPEG"], GEOMETRY)
    yield pool
    pool.close()


def lines(caplog: pytest.LogCaptureFixture) -> list[tuple[int, str]]:
    return [(record.levelno, record.getMessage()) for record in caplog.records]


@pytest.mark.parametrize("reason", ["stopped", "waits"])
def test_a_decoder_that_cannot_go_on_is_killed_at_its_time(reason: str, caplog: pytest.LogCaptureFixture) -> None:
    pool = Workers(LIMITS, 1, SHORT, evil.COMMAND)
    pool.prepare(seeds()["JPEG"], GEOMETRY)
    (worker,) = workers_of(pool)
    if reason == "stopped":
        os.kill(worker, signal.SIGSTOP)
    start = time.monotonic()
    with pytest.raises(NoDecoderError) as caught:
        pool.prepare(evil.picture("wait"), GEOMETRY)
    assert caught.value.status == 503
    assert SHORT.seconds <= time.monotonic() - start < SHORT.seconds + 3
    assert state(worker) == ""
    ((level, line),) = lines(caplog)
    assert level == logging.ERROR
    assert "no answer within 1.5 s" in line
    assert pool.prepare(seeds()["JPEG"], GEOMETRY).format == "JPEG"
    pool.close()


def test_a_large_picture_that_a_stopped_decoder_does_not_take_is_no_worse(caplog: pytest.LogCaptureFixture) -> None:
    pool = Workers(Limits(max_bytes=60_000_000), 1, SHORT, evil.COMMAND)
    pool.prepare(seeds()["JPEG"], GEOMETRY)
    (worker,) = workers_of(pool)
    os.kill(worker, signal.SIGSTOP)
    with pytest.raises(NoDecoderError):
        pool.prepare(seeds()["JPEG"] + bytes(50_000_000), GEOMETRY)
    assert state(worker) == ""
    pool.close()


def test_stopped_decoders_end_with_their_server() -> None:
    pool = Workers(LIMITS, 1, TIGHT, evil.COMMAND)
    pool.prepare(seeds()["JPEG"], GEOMETRY)
    (worker,) = workers_of(pool)
    os.kill(worker, signal.SIGSTOP)
    pool.close()
    until(lambda: state(worker) == "")


def test_a_stopped_fork_server_is_replaced_and_its_workers_end(pool: Workers) -> None:
    (worker,), first = workers_of(pool), fork_server(pool)
    for process in (worker, first.pid):
        os.kill(process, signal.SIGSTOP)
    start = time.monotonic()
    pool.close()
    assert time.monotonic() - start < 10
    assert first.returncode == -signal.SIGKILL
    until(lambda: state(worker) == "")
    assert pool.prepare(seeds()["JPEG"], GEOMETRY).format == "JPEG"


def test_a_picture_outlasts_a_pause_of_all_processes(pool: Workers) -> None:
    """As `docker pause` does: the server's clock goes on meanwhile, and nobody else's."""
    script = (
        "import os, sys, time\n"
        "from tests.support import evil, workers\n"
        "from classifier.picture.sandbox import Bounds, Workers\n"
        "pool = Workers(workers.LIMITS, 1, Bounds(300_000_000, seconds=1.5), evil.COMMAND)\n"
        "pool.prepare(evil.picture('be slow'), workers.GEOMETRY)\n"
        "print(pool._fork_server.process.pid, *workers.workers_of(pool), flush=True)\n"
        "print(pool.prepare(evil.picture('be slow'), workers.GEOMETRY).format, flush=True)\n"
        "pool.close()\n"
    )
    with subprocess.Popen([sys.executable, "-c", script], cwd=ROOT, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout
        processes = [server.pid, *map(int, server.stdout.readline().split())]
        time.sleep(0.2)
        for process in processes:
            os.kill(process, signal.SIGSTOP)
        time.sleep(2 * SHORT.seconds)
        for process in processes:
            os.kill(process, signal.SIGCONT)
        assert server.stdout.read().strip() == "JPEG"


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGUSR1])
def test_a_decoder_that_somebody_else_kills(
    pool: Workers, caplog: pytest.LogCaptureFixture, number: signal.Signals
) -> None:
    (worker,) = workers_of(pool)
    with ThreadPoolExecutor(1) as thread:
        answer = thread.submit(pool.prepare, evil.picture("wait"), GEOMETRY)
        until(lambda: state(worker) == "S" and not answer.done())
        time.sleep(0.2)
        os.kill(worker, number)
        with pytest.raises(NoDecoderError):
            answer.result()
    ((_, line),) = lines(caplog)
    assert f"signal {int(number)} ended it" in line
    assert pool.prepare(seeds()["JPEG"], GEOMETRY).format == "JPEG"


def test_a_fork_server_that_cannot_import_is_no_picture_s_fault(caplog: pytest.LogCaptureFixture) -> None:
    pool = Workers(LIMITS, 1, TIGHT, [sys.executable, "-c", "import time; time.sleep(0.3); raise SystemExit(7)"])
    with pytest.raises(NoDecoderError):
        pool.prepare(seeds()["JPEG"], GEOMETRY)
    ((_, line),) = lines(caplog)
    assert "ended with status 7" in line
    pool.close()


def test_without_descriptors_pictures_wait_for_better_times(
    pool: Workers, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    (worker,) = workers_of(pool)
    os.kill(worker, signal.SIGKILL)
    until(lambda: state(worker) == "")
    with monkeypatch.context() as context:

        def none_left() -> None:
            raise OSError(24, "Too many open files")

        context.setattr("socket.socketpair", none_left)
        with pytest.raises(NoDecoderError):
            pool.prepare(seeds()["JPEG"], GEOMETRY)
    ((_, line),) = lines(caplog)
    assert "Too many open files" in line
    assert pool.prepare(seeds()["JPEG"], GEOMETRY).format == "JPEG"


@pytest.mark.skipif(
    os.geteuid() != 0 or not shutil.which("setpriv"),
    reason="takes a user of its own: a bound on processes counts all of a user's, and does not bind root",
)
@pytest.mark.parametrize(
    ("processes", "answers"),
    [
        # Room for the server alone; for the fork server, too; for a worker, too; for some threads; for all.
        (1, {"AVIF": "no_decoder", "HEIC": "no_decoder", "JPEG": "no_decoder"}),
        (2, {"AVIF": "no_decoder", "HEIC": "no_decoder", "JPEG": "no_decoder"}),
        (3, {"AVIF": "AVIF", "HEIC": "no_decoder", "JPEG": "JPEG", "broken": "broken_image"}),
        (5, {"AVIF": "AVIF", "HEIC": "HEIC", "JPEG": "JPEG", "broken": "broken_image"}),
        (40, {"AVIF": "AVIF", "HEIC": "HEIC", "JPEG": "JPEG", "broken": "broken_image"}),
    ],
)
def test_where_processes_or_threads_are_bounded_no_picture_is_called_broken(
    processes: int, answers: dict[str, str]
) -> None:
    script = (
        "import os, resource, sys\n"
        "from classifier.errors import ClassifierError\n"
        "from classifier.picture.sandbox import Workers\n"
        "from tests.support.hostile import encode, gradient, seeds\n"
        "from tests.support.workers import GEOMETRY, LIMITS, TIGHT\n"
        "files = {**seeds(), 'AVIF': encode(gradient().resize((1600, 1200)), 'AVIF')}\n"
        "files['HEIC'] = open('tests/files/panda.heic', 'rb').read()\n"
        "files['broken'] = files['AVIF'][:-999]\n"
        "bound = int(sys.argv[1])\n"
        "resource.setrlimit(resource.RLIMIT_NPROC, (bound, bound))\n"
        "pool = Workers(LIMITS, 1, TIGHT)\n"
        "for name in sys.argv[2:]:\n"
        "    try:\n"
        "        print(name, pool.prepare(files[name], GEOMETRY).format)\n"
        "    except ClassifierError as error:\n"
        "        print(name, error.code)\n"
        "pool.close()\n"
    )
    readable = "-all,+dac_read_search"  # Python may lie where only root looks
    user = 100_000 + os.getpid() % 100_000 * 10 + processes % 10  # nobody else's, so that nothing else counts
    done = subprocess.run(
        [
            *("setpriv", "--reuid", str(user), "--inh-caps", readable, "--ambient-caps", readable),
            *(sys.executable, "-c", script, str(processes), *answers),
        ],
        cwd=ROOT,
        env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert dict(line.split() for line in done.stdout.splitlines()) == answers


def test_a_decoder_that_ends_itself_is_the_picture_s_fault(pool: Workers) -> None:
    with pytest.raises(DecodingError):
        pool.prepare(evil.picture("leave"), GEOMETRY)
