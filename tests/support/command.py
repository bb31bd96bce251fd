"""The command `classifier` as its tests run it: as a process, on a terminal, and used wrongly."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from classifier import cli
from tests.support.photos import ROOT, photo

PANDA = photo("panda.webp")
COMMAND = [sys.executable, "-m", "classifier"]
ENVIRONMENT = {
    **{name: value for name, value in os.environ.items() if not name.startswith("CLASSIFIER_")},
    "CLASSIFIER_MODEL": "efficientnet-lite0",
    "CLASSIFIER_BACKEND": "litert",
    "PYTHONPATH": str(ROOT),
}


def run(*arguments: str | Path, **options: Any) -> subprocess.CompletedProcess[bytes]:
    """The command as a process of its own."""
    command = [*COMMAND, *map(str, arguments)]
    options = {"env": ENVIRONMENT, "capture_output": True, "timeout": 120, **options}
    return subprocess.run(command, check=False, **options)


def refused(*arguments: str) -> int | str | None:
    """The exit status with which wrong usage ends."""
    with pytest.raises(SystemExit) as caught:
        cli.main(arguments)
    return caught.value.code


def on_terminal(*arguments: str | Path, piped: bool = False, **variables: str) -> tuple[int, str]:
    """Runs the command with its streams, or only standard error, on a terminal of 100 columns."""
    import fcntl
    import pty
    import struct
    import termios

    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 100, 0, 0))
    process = subprocess.Popen(
        [*COMMAND, *map(str, arguments)],
        stdin=theirs,
        stdout=subprocess.DEVNULL if piped else theirs,
        stderr=theirs,
        env={**ENVIRONMENT, "TERM": "xterm-256color", **variables},
    )
    os.close(theirs)
    written = b""
    while True:
        try:
            part = os.read(ours, 4096)
        except OSError:  # the other side is closed: that is how Linux says it
            break
        if not part:
            break
        written += part
    os.close(ours)
    return process.wait(60), written.decode()
