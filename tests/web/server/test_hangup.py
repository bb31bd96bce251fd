"""SIGHUP: changes are read, except that a closed terminal ends what was started in it."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from classifier.checkout import ROOT

PROGRAM = """
import signal, sys, time
from pathlib import Path
from web.server import hangup
said = Path(sys.argv[1])
hangup.bound(lambda: said.write_text("asked"))
said.write_text("ready")
time.sleep(60)
"""


def until_says(said: Path, text: str) -> None:
    end = time.monotonic() + 30
    while not said.exists() or said.read_text() != text:
        assert time.monotonic() < end
        time.sleep(0.02)


@contextmanager
def program(said: Path, before: Sequence[str] = (), **options) -> Iterator[subprocess.Popen[bytes]]:
    command = [*before, sys.executable, "-c", PROGRAM, str(said)]
    process = subprocess.Popen(command, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, **options)
    try:
        until_says(said, "ready")
        yield process
    finally:
        process.kill()
        process.wait(20)


def test_a_server_without_a_terminal_is_asked_to_read_changes(tmp_path: Path) -> None:
    with program(tmp_path / "said", start_new_session=True) as process:
        process.send_signal(signal.SIGHUP)
        until_says(tmp_path / "said", "asked")
        assert process.poll() is None


@pytest.mark.parametrize(("before", "ends"), [((), True), (("nohup",), False)], ids=["plain", "nohup"])
def test_a_server_ends_with_its_terminal_unless_it_is_to_outlive_it(
    tmp_path: Path, before: Sequence[str], ends: bool
) -> None:
    said = tmp_path / "said"
    child, terminal = pty.fork()
    if not child:  # with the terminal as its own, as a shell starts it
        os.chdir(tmp_path)  # where nohup writes, too
        os.environ["PYTHONPATH"] = str(ROOT)
        command = [*before, sys.executable, "-c", PROGRAM, str(said)]
        os.execvp(command[0], command)
    try:
        until_says(said, "ready")
        os.kill(child, signal.SIGHUP)  # while the terminal is open
        until_says(said, "asked")
        os.close(terminal)
        if ends:
            assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGTERM
            return
        said.write_text("closed")
        os.kill(child, signal.SIGHUP)
        until_says(said, "asked")
        assert os.waitpid(child, os.WNOHANG) == (0, 0)
    finally:
        if not ends:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
