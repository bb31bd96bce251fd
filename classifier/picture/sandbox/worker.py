"""The child's side: a process that forks workers, and what a worker does.

The process is started as `python -m classifier.picture.sandbox.worker BOUNDS`, with a socket as its standard input. It
first imports what decoding needs. Then it waits for sockets, each sent with the number of bytes of memory that a worker
may take, and forks a worker for each. A fork takes milliseconds and shares the memory of what was imported. Forking
this process is safe because it has a single thread; forking the server would not be.
"""

from __future__ import annotations

import gc
import json
import os
import signal
import socket
import sys
from dataclasses import asdict
from typing import Any

from classifier.errors import ClassifierError
from classifier.picture import decode, prepare
from classifier.picture.geometry import Geometry
from classifier.picture.limits import Limits
from classifier.picture.sandbox import wire
from classifier.picture.sandbox.bounds import MEMORY_BYTES, Bounds, resident

# Bytes by which a worker may grow before it is replaced: the C library keeps memory after large pictures, and a new
# worker costs less than that.
_BLOAT = 48 << 20

_LITTLE_MEMORY = 100 << 20  # bytes; with less, the stacks of several threads would take a large part of it


def main() -> None:
    """Forks workers until the server has gone."""
    bounds = Bounds(**json.loads(sys.argv[1]))
    control = socket.socket(fileno=os.dup(0))
    # The server decides when its workers end: by closing their sockets, after the answers.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the system clears away workers that ended
    gc.collect()
    gc.freeze()  # otherwise each worker's first collection would copy every page
    while True:
        message, descriptors, _, _ = socket.recv_fds(control, MEMORY_BYTES, 1)
        if not message:
            return
        if _fork() == 0:
            control.close()
            _silence()
            memory = int.from_bytes(message, "big")
            if memory < _LITTLE_MEMORY:
                decode.use_threads(1)
            bounds.confine(memory)
            work(socket.socket(fileno=descriptors[0]), bounds)
            os._exit(0)
        os.close(descriptors[0])


def work(connection: socket.socket, bounds: Bounds) -> None:
    """Answers requests until the server closes its end, or until a new process should take this one's place."""
    start = resident()
    for number in range(1, bounds.pictures + 1):
        try:
            request, data = wire.receive(connection)
            with bounds.timed():
                answer, payload = _answer(request, data)
            del data
            answer["last"] = number == bounds.pictures or resident() - start > _BLOAT
            wire.send(connection, answer, payload)
        except (EOFError, OSError):
            return
        if answer["last"]:
            return


def _answer(request: dict[str, Any], data: bytes) -> tuple[dict[str, Any], bytes]:
    limits = Limits(**request["limits"])
    try:
        if request["job"] == "thumbnail":
            return {}, prepare.thumbnail(data, request["side"], limits)
        prepared = prepare.prepare(data, Geometry(**request["geometry"]), limits)
    except ClassifierError as error:
        return {"error": error.code, "details": error.details}, b""
    facts = asdict(prepared)
    return facts, facts.pop("pixels").tobytes()


def _fork() -> int:
    try:
        return os.fork()
    except OSError:  # no more processes allowed; the server sees the socket close
        return -1


def _silence() -> None:
    """Discards everything that C libraries print about a visitor's file."""
    null = os.open(os.devnull, os.O_RDWR)
    for stream in range(3):
        os.dup2(null, stream)
    os.close(null)


if __name__ == "__main__":
    main()
    os._exit(0)
