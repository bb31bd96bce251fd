"""The server's handles of its child processes: the fork server, and the workers that it forks."""

from __future__ import annotations

import json
import os
import select
import socket
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict
from typing import Any

from classifier.checkout import ROOT
from classifier.picture.sandbox import ending, wire
from classifier.picture.sandbox.bounds import Bounds
from classifier.picture.sandbox.ending import End
from classifier.picture.sandbox.wire import Patience

_START_SECONDS = 60.0  # for the fork server's imports, where a CPU is slow or has much else to do
_MOMENT = 1.0  # seconds
_END_SECONDS = 5.0  # within which the fork server kills a worker, and itself ends
_ENVIRONMENT = {
    # A second thread would make forks unsafe, and malloc's many arenas would count as address space.
    **{"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MALLOC_ARENA_MAX": "1"},
    # If memory went back to the system after each picture, it would have to be mapped again page by page for the next
    # one, which takes a third of the time of a small picture.
    **{"MALLOC_MMAP_THRESHOLD_": str(16 << 20), "MALLOC_TRIM_THRESHOLD_": str(64 << 20)},
}


class Worker:
    """A process that decodes pictures, or will be one in a moment. It ends when this is closed, at the latest."""

    def __init__(self, connection: socket.socket, life: socket.socket, fork_server: ForkServer) -> None:
        """Args: connection: carries pictures and answers; life: see `fork_server`; fork_server: what forks it."""
        for one in (connection, life):
            one.settimeout(wire.TICK)
        self.fork_server = fork_server
        self.ready = False
        """Whether it has begun to work."""
        self._connection, self._life = connection, life
        self._readable = select.poll()
        self._readable.register(connection, select.POLLIN)

    def is_fit(self) -> bool:
        """Whether it can be given a picture: it has not ended meanwhile, and has said nothing unasked."""
        if not self.ready and self._readable.poll(0):
            with suppress(EOFError, OSError):
                self.wait()
            if not self.ready:
                return False
        return not (self.ready and self._readable.poll(0))

    def wait(self) -> None:
        """Waits until it has begun to work.

        Raises:
            EOFError: it ended before, or could not be started.
            TimeoutError: it does not begin.
        """
        if not self.ready:
            wire.exactly(self._connection, len(wire.READY), Patience(_START_SECONDS))
            self.ready = True

    def send(self, request: dict[str, Any], data: bytes, patience: Patience) -> None:
        """Gives it a picture; see `wire.send`."""
        wire.send(self._connection, request, data, patience)

    def receive(self, longest: tuple[int, int], patience: Patience) -> tuple[dict[str, Any], bytes]:
        """Waits for its answer; see `wire.receive`."""
        return wire.receive(self._connection, longest, patience)

    def kill(self) -> None:
        """Has it killed, and whoever waits for it woken; returns at once and may be called from any thread."""
        for connection, how in ((self._life, socket.SHUT_WR), (self._connection, socket.SHUT_RDWR)):
            with suppress(OSError):  # it has been closed already
                connection.shutdown(how)

    def end(self, *, at_once: bool) -> End | None:
        """Kills it and says how it ended; None if the fork server has ended and cannot say.

        Args:
            at_once: False if it seems to be ending on its own, and may take a moment for that.
        """
        if at_once:
            self.kill()
        for seconds in (_MOMENT, _END_SECONDS):
            try:
                return End.of(wire.exactly(self._life, ending.LENGTH, Patience(seconds)))
            except TimeoutError:
                self.kill()
            except (EOFError, OSError):
                return None
        self.fork_server.kill()  # it was stopped; its workers end with it
        return None

    def close(self) -> None:
        """Has it killed if it still runs; does not wait for that."""
        self.kill()
        self.forget()

    def forget(self) -> None:
        """Closes this process's ends of its sockets, and leaves alone a worker that another process uses."""
        self._connection.close()
        self._life.close()


class ForkServer:
    """The process that forks workers; see `fork_server`."""

    def __init__(self, command: Sequence[str], bounds: Bounds) -> None:
        """Starts it, without waiting for it.

        Raises:
            OSError: no more processes or file descriptors can be had.
        """
        self._control, theirs = socket.socketpair()
        self._control.setblocking(False)
        try:
            with theirs:
                self.process = subprocess.Popen(
                    [*command, json.dumps(asdict(bounds))],
                    stdin=theirs.fileno(),
                    stdout=subprocess.DEVNULL,
                    cwd=ROOT,
                    env={**os.environ, **_ENVIRONMENT},
                )
        except BaseException:
            self._control.close()
            raise

    def fork(self, memory: int) -> Worker:
        """Asks for a worker, which may take a moment to begin.

        Args:
            memory: bytes that it may take.

        Raises:
            ChildProcessError: the fork server has ended, or does not read what it is asked.
            OSError: no more file descriptors can be had.
        """
        ours, theirs = socket.socketpair()
        try:
            life, told = socket.socketpair()
        except OSError:
            ours.close()
            theirs.close()
            raise
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4 << 20)  # sends a photo in one go, if the system allows
        worker = Worker(ours, life, self)
        with theirs, told:
            try:
                message = memory.to_bytes(wire.MEMORY_BYTES, "big")
                socket.send_fds(self._control, [message], [theirs.fileno(), told.fileno()])
            except OSError as error:
                worker.close()
                raise ChildProcessError(*error.args) from error
        return worker

    def leave(self) -> None:
        """Tells it to end as soon as its last worker has ended; does not wait for that."""
        self._control.close()

    def forget(self) -> None:
        """Leaves it to the process that started it; for one that was forked from that."""
        self._control.close()
        self.process.returncode = 0  # or it would be waited for, which only its parent can do

    def kill(self) -> None:
        """Ends it, whatever state it is in, and on Linux its workers with it; does not wait for that."""
        self.leave()
        self.process.kill()

    def end(self) -> int:
        """Waits until it has ended after it was left or has failed, kills it otherwise, and returns its exit code."""
        try:
            return self.process.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()
            return self.process.wait()
