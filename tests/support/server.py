"""The real server as a child process, for tests that look at it from outside."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ENDED_AS_ASKED = (0, -signal.SIGTERM, 128 + signal.SIGTERM)


@contextmanager
def running(
    log: Path,
    environment: Mapping[str, str] | None = None,
    python: Path = Path(sys.executable),
    first: str = "",
    seconds: float = 90,
) -> Iterator[str]:
    """Starts the server on a free port and gives its address once the model is loaded; ends it afterwards.

    Args:
        log: file for what it prints.
        environment: variables to add, such as settings.
        python: the interpreter of another environment.
        first: code that the process runs before it becomes the server, for what no setting changes.
        seconds: until the model must be loaded.
    """
    with started(log, environment, python=python, first=first, seconds=seconds) as (_, address):
        yield address


@contextmanager
def started(
    log: Path,
    environment: Mapping[str, str] | None = None,
    port: int = 0,
    python: Path = Path(sys.executable),
    first: str = "",
    ended: tuple[int, ...] = ENDED_AS_ASKED,
    launcher: bool = False,
    seconds: float = 90,
) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """The same for tests that need the process, too, a port of their choice, `classifier serve`, or another end."""
    streamlit = ["-c", f"{first}\nfrom streamlit.web.cli import main\nmain()"] if first else ["-m", "streamlit"]
    command = [str(python), *streamlit, "run", "streamlit_app.py"]
    options = ["--server.port", str(port), "--server.headless", "true"]
    if launcher:
        command, options = [str(python), "-m", "classifier", "serve"], ["--port", str(port)]
    with log.open("w") as output:
        process = subprocess.Popen(
            [*command, *options],
            cwd=ROOT,
            env={**os.environ, **(environment or {})},
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        yield process, _address(process, log, seconds)
    finally:
        process.terminate()
        try:
            code = process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            raise
    assert code in ended, log.read_text()


def _address(process: subprocess.Popen[bytes], log: Path, seconds: float) -> str:
    end = time.monotonic() + seconds
    while time.monotonic() < end and process.poll() is None:
        found = re.search(r"URL: (http://\S+)", log.read_text())
        if found and _ready(found[1]):
            return found[1]
        time.sleep(0.1)
    raise AssertionError(f"the server is not ready:\n{log.read_text()}")


def _ready(address: str) -> bool:
    try:
        with urllib.request.urlopen(f"{address}/readyz", timeout=5) as response:
            return bool(response.status == 200)
    except (urllib.error.URLError, TimeoutError, ConnectionError):
        return False
