"""The process that forks workers and knows how each of them ended; it never sees a picture.

It is started as `python -m classifier.picture.sandbox.fork_server BOUNDS`, with a socket as its standard input. It
first imports what decoding needs. Then it waits for requests, forks a worker for each, and watches over it. A fork
takes milliseconds and shares the memory of what was imported. Forking this process is safe because it has a single
thread; forking the server would not be.

With each request come two sockets: one for the worker, over which it gets pictures, and one that this process keeps,
the worker's life. When the server closes that one, the worker is killed, whatever state it is in; when the worker ends,
this process says there how. A killed process is one that this process has not waited for yet, so its number cannot
belong to another one. If this process ends, the kernel ends its workers; if the server does, so does this process.
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
import select
import signal
import socket
import sys
import time
from collections.abc import Iterable

from classifier.machine.process import end_with
from classifier.picture import decode
from classifier.picture.sandbox.bounds import Bounds
from classifier.picture.sandbox.ending import End, not_started
from classifier.picture.sandbox.wire import MEMORY_BYTES
from classifier.picture.sandbox.worker import work

_MOMENT = 0.3  # seconds in which a process that ends has ended
_END_SECONDS = 1.0  # in which one that was killed has, unless the machine is in trouble
_LITTLE_MEMORY = 100 << 20  # bytes; with less, the stacks of several threads would take a large part of it


def main() -> None:
    """Forks workers until the server has gone."""
    bounds = Bounds(**json.loads(sys.argv[1]))
    control = socket.socket(fileno=os.dup(0))
    # The server decides when its workers end: by closing their sockets, after the answers.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    gc.collect()
    gc.freeze()  # otherwise each worker's first collection would copy every page
    _Watch(control, bounds).run()


class _Watch:
    """Waits for requests, for workers that end, and for workers that the server does not want any more."""

    def __init__(self, control: socket.socket, bounds: Bounds) -> None:
        self._control: socket.socket | None = control
        self._bounds = bounds
        self._lives: dict[int, socket.socket] = {}
        self._killed: set[int] = set()
        # A child that ends writes to the first of these, so that `select` returns.
        self._woken, self._wakes = socket.socketpair()
        self._woken.setblocking(False)
        self._wakes.setblocking(False)
        signal.set_wakeup_fd(self._wakes.fileno(), warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)

    def run(self) -> None:
        """Returns when the server has gone, and its workers with it."""
        while self._control or self._lives:
            wanted = {life for pid, life in self._lives.items() if pid not in self._killed}
            ready, _, _ = select.select([self._woken, *wanted, *([self._control] if self._control else [])], [], [])
            if self._woken in ready:
                self._woken.recv(4096)
            self._reap()
            self._kill(ready)
            if self._control and self._control in ready:
                self._take_request(self._control)

    def _reap(self) -> None:
        for pid, life in list(self._lives.items()):
            found, status, usage = os.wait4(pid, os.WNOHANG)
            if found:
                _tell(life, End(True, os.waitstatus_to_exitcode(status), usage.ru_utime + usage.ru_stime))
                del self._lives[pid]
                self._killed.discard(pid)

    def _kill(self, ready: Iterable[socket.socket | None]) -> None:
        """Kills the workers whose lives the server has closed; it sends nothing over them."""
        for pid, life in self._lives.items():
            if life in ready:
                os.kill(pid, signal.SIGKILL)
                self._killed.add(pid)

    def _take_request(self, control: socket.socket) -> None:
        message, descriptors, _, _ = socket.recv_fds(control, MEMORY_BYTES, 2)
        sockets = [socket.socket(fileno=descriptor) for descriptor in descriptors]
        if len(message) == MEMORY_BYTES and len(sockets) == 2:
            connection, life = sockets
            self._fork(int.from_bytes(message, "big"), connection, life)
            connection.close()
        else:
            for one in sockets:  # descriptors ran out: the server sees the other ones close
                one.close()
        if not message:
            control.close()
            self._control = None

    def _fork(self, memory: int, connection: socket.socket, life: socket.socket) -> None:
        parent = os.getpid()
        try:
            pid = self._forked()
        except OSError as error:
            _tell(life, not_started(error))
            return
        if pid:
            self._lives[pid] = life
            return
        try:
            end_with(parent)
            self._leave(life)
            _confine(self._bounds, memory)
            work(connection, self._bounds)
        finally:
            os._exit(0 if sys.exc_info()[0] is None else 1)

    def _forked(self) -> int:
        """Forks; where processes are bounded, those that are ending still count, so that is tried for a moment."""
        end = time.monotonic() + _MOMENT
        while True:
            try:
                return os.fork()
            except BlockingIOError:
                if time.monotonic() > end + (_END_SECONDS if self._killed else 0.0):
                    raise
            time.sleep(0.01)
            self._reap()

    def _leave(self, life: socket.socket) -> None:
        """Gives up, in the new worker, all that is this process's."""
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        for one in (self._control, self._woken, self._wakes, life, *self._lives.values()):
            if one:
                one.close()


def _tell(life: socket.socket, end: End) -> None:
    with contextlib.suppress(OSError):  # the server does not want to know
        life.send(end.packed())
    life.close()


def _confine(bounds: Bounds, memory: int) -> None:
    null = os.open(os.devnull, os.O_RDWR)
    for stream in range(3):  # C libraries may print whatever they like about a visitor's file
        os.dup2(null, stream)
    os.close(null)
    if memory < _LITTLE_MEMORY:
        decode.use_threads(1)
    bounds.confine(memory)


if __name__ == "__main__":
    main()
    os._exit(0)
