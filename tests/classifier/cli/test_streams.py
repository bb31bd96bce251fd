"""Standard input and output: empty, endless, closed, full, left by their reader; and Ctrl-C."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.support.command import COMMAND, ENVIRONMENT, PANDA, run

pytestmark = pytest.mark.usefixtures("lite0")


def test_standard_input() -> None:
    ended = run("classify", "--json", "-", input=PANDA.read_bytes())
    assert ended.returncode == 0, ended.stderr
    assert ended.stderr == b""  # LiteRT's own line is held back
    (result,) = json.loads(ended.stdout)["results"]
    assert (result["file"], result["predictions"][0]["index"]) == ("-", 388)


def test_standard_input_without_a_picture() -> None:
    ended = run("classify", "-", stdin=subprocess.DEVNULL)
    assert (ended.returncode, ended.stdout) == (1, b"")
    assert ended.stderr == b"classifier: -: Standard input is empty. Pipe a picture in.\n"


def test_standard_input_is_read_no_further_than_the_limit() -> None:
    with open("/dev/zero", "rb") as endless:
        ended = run("classify", "-", stdin=endless, env={**ENVIRONMENT, "CLASSIFIER_MAX_BYTES": "1000"})
    assert ended.returncode == 1
    assert b"too large" in ended.stderr


def test_a_reader_that_leaves_ends_it_quietly(tmp_path: Path) -> None:
    many = [str(PANDA)] * 200
    process = subprocess.Popen(
        [*COMMAND, "classify", *many], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=ENVIRONMENT
    )
    assert process.stdout
    assert process.stderr
    assert process.stdout.readline().decode().strip() == str(PANDA)
    process.stdout.close()
    assert process.wait(30) == 141
    assert process.stderr.read() == b""
    process.stderr.close()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="Linux only")
def test_a_full_disk_is_said() -> None:
    with open("/dev/full", "wb") as full:
        ended = run("classify", PANDA, stdout=full, stderr=subprocess.PIPE, capture_output=False)
    assert ended.returncode == 1
    assert ended.stderr == b"classifier: No space left on device.\n"


@pytest.mark.parametrize("closed", [0, 1, 2])
def test_a_closed_stream_is_no_crash(closed: int) -> None:
    ended = run("classify", PANDA, "-", "nope", preexec_fn=lambda: os.close(closed))
    assert ended.returncode == 1
    assert b"Traceback" not in ended.stderr
    assert (b"giant panda" in ended.stdout) == (closed != 1)
    assert (b"nope: There is no such file. Check its name and folder." in ended.stderr) == (closed != 2)


def test_ctrl_c_ends_it_with_one_line() -> None:
    many = [str(PANDA)] * 2000
    process = subprocess.Popen(
        [*COMMAND, "classify", *many], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=ENVIRONMENT
    )
    assert process.stdout
    process.stdout.readline()
    process.send_signal(signal.SIGINT)
    start = time.monotonic()
    _, err = process.communicate(timeout=30)
    assert time.monotonic() - start < 5
    assert (err, process.returncode) == (b"classifier: interrupted\n", 130)


def test_ctrl_c_while_waiting_for_standard_input() -> None:
    process = subprocess.Popen(
        [*COMMAND, "classify", str(PANDA), "-"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**ENVIRONMENT, "PYTHONFAULTHANDLER": "1"},
    )
    assert process.stdin
    process.stdin.write(b"x")
    process.stdin.flush()
    # It is reading once nothing of the first byte is left in the pipe.
    while _unread(process.stdin.fileno()):
        assert process.poll() is None
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert (process.returncode, err) == (130, b"classifier: interrupted\n")


def _unread(pipe: int) -> int:
    import fcntl
    import struct
    import termios

    (count,) = struct.unpack("i", fcntl.ioctl(pipe, termios.FIONREAD, b"\0" * 4))
    return int(count)
