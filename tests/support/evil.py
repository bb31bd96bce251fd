"""A decoder that does evil: what the picture's first comment says, as C code would, past Python.

As a program it is the worker with that decoder, or `python -m tests.support.evil classify FILE` the command with such
workers.
"""

from __future__ import annotations

import ctypes
import io
import os
import sys
import tempfile
import time
from collections.abc import Callable

import numpy as np
from PIL import Image

from classifier.picture import prepare
from classifier.picture.geometry import Geometry
from classifier.picture.limits import Limits
from classifier.picture.sandbox import fork_server, pool
from tests.support.hostile import seeds

COMMAND = (sys.executable, "-m", "tests.support.evil")
_LIBC = ctypes.PyDLL(None)  # keeps the interpreter's lock, so that no Python code runs meanwhile


def picture(deed: str) -> bytes:
    """A sound JPEG that makes the decoder do one of `DEEDS`."""
    comment = f"do:{deed};".encode()
    data = seeds()["JPEG"]
    return data[:2] + b"\xff\xfe" + (len(comment) + 2).to_bytes(2, "big") + comment + data[2:]


def _crash() -> None:
    ctypes.string_at(0)


def _loop() -> None:
    numbers = (ctypes.c_char * 50_000_000)()
    while True:
        _LIBC.memset(numbers, 1, len(numbers))


def _wait() -> None:
    while True:
        _LIBC.pause()


def _take_memory() -> None:
    held = []
    while True:
        held.append(bytearray(10_000_000))


def _write_file() -> None:
    with tempfile.TemporaryFile() as file:
        file.write(b"x")
        file.flush()


def _shout() -> None:
    os.write(1, b"a line for the log")
    os.write(2, b"another one")


DEEDS: dict[str, Callable[[], object]] = {
    "crash": _crash,
    "abort": lambda: _LIBC.abort(),
    "leave": lambda: os._exit(0),
    "loop": _loop,
    "wait": _wait,
    "take memory": _take_memory,
    "write a file": _write_file,
    "shout": _shout,
    "be slow": lambda: time.sleep(0.5),
}

_open, _prepare = Image.open, prepare.prepare


def _evil_open(file: io.BytesIO, formats: list[str]) -> Image.Image:
    start = file.read(100)
    file.seek(0)
    for name, deed in DEEDS.items():
        if f"do:{name};".encode() in start:
            deed()
    return _open(file, formats=formats)


def _evil_prepare(data: bytes, geometry: Geometry, limits: Limits) -> prepare.Prepared:
    if b"do:lie;" in data[:100]:
        return prepare.Prepared(np.zeros(7, np.uint8), True, 1, 1, "JPEG", 0, 0)
    return _prepare(data, geometry, limits)


if __name__ == "__main__":
    pool.COMMAND = COMMAND
    if sys.argv[1] == "classify":
        import classifier.cli

        sys.exit(classifier.cli.main())
    else:
        Image.open, prepare.prepare = _evil_open, _evil_prepare  # type: ignore[assignment]
        fork_server.main()
