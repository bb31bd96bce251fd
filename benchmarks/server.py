"""Runs the server as a child process, for benchmarks and tests that look at it from outside."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from classifier.checkout import ROOT

PAGE = (sys.executable, "-m", "streamlit", "run", "streamlit_app.py", "--server.port", "0", "--server.headless", "true")
"""The command that starts the server on a free port."""

ENDED_AS_ASKED = (0, -signal.SIGTERM, 128 + signal.SIGTERM)
"""The statuses with which the server may end after SIGTERM."""


@contextmanager
def serving(
    log: Path,
    command: Sequence[str] = PAGE,
    environment: Mapping[str, str] | None = None,
    ended: tuple[int, ...] = ENDED_AS_ASKED,
    seconds: float = 90,
) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """Starts the server and gives its process and address once the model is loaded; ends it afterwards.

    Args:
        log: file for what the server prints.
        command: what starts it and prints its address, as Streamlit does.
        environment: variables to add, such as settings.
        ended: the statuses with which it may end.
        seconds: time within which the model must be loaded.
    """
    with log.open("w") as output:
        process = subprocess.Popen(
            list(command),
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
        if found and ready(found[1]):
            return found[1]
        time.sleep(0.1)
    raise AssertionError(f"the server is not ready:\n{log.read_text()}")


def ready(address: str) -> bool:
    """Whether a server's model is loaded."""
    try:
        with urllib.request.urlopen(f"{address}/readyz", timeout=5) as response:  # noqa: S310  (ours)
            return bool(response.status == 200)
    except (urllib.error.URLError, TimeoutError, ConnectionError):
        return False
