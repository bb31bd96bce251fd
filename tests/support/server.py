"""The real server as a child process, for tests that look at it from outside."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from benchmarks.server import ENDED_AS_ASKED, serving
from classifier.checkout import ROOT

__all__ = ["ENDED_AS_ASKED", "ROOT", "free_port", "running", "started"]


def free_port() -> int:
    """A port that nothing listens on at the moment."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return int(listening.getsockname()[1])


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


def started(
    log: Path,
    environment: Mapping[str, str] | None = None,
    port: int = 0,
    python: Path = Path(sys.executable),
    first: str = "",
    ended: tuple[int, ...] = ENDED_AS_ASKED,
    launcher: bool = False,
    seconds: float = 90,
) -> AbstractContextManager[tuple[subprocess.Popen[bytes], str]]:
    """The same for tests that need the process, too, a port of their choice, `classifier serve`, or another end."""
    streamlit = ["-c", f"{first}\nfrom streamlit.web.cli import main\nmain()"] if first else ["-m", "streamlit"]
    command = [str(python), *streamlit, "run", "streamlit_app.py"]
    options = ["--server.port", str(port), "--server.headless", "true"]
    if launcher:
        command, options = [str(python), "-m", "classifier", "serve"], ["--port", str(port)]
    return serving(log, [*command, *options], environment, ended, seconds)
