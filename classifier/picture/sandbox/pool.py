"""The server's side of the workers: keeps the idle ones, gives them pictures, and handles answers that never come."""

from __future__ import annotations

import logging
import math
import os
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, fields, replace
from typing import Any

from classifier.errors import ClassifierError, NoDecoderError
from classifier.machine import forks
from classifier.machine.cancellation import Cancellation
from classifier.machine.cpus import cpu_count
from classifier.machine.memory import MemoryPlan, available_memory
from classifier.machine.semaphore import Semaphore
from classifier.picture.geometry import Geometry
from classifier.picture.limits import Limits
from classifier.picture.prepare import Prepared, jpeg
from classifier.picture.sandbox import answers
from classifier.picture.sandbox.bounds import Bounds, memory_wanted
from classifier.picture.sandbox.exchange import LostError, Request, TroubleError, ask
from classifier.picture.sandbox.processes import ForkServer, Worker

log = logging.getLogger(__name__)

COMMAND: Sequence[str] = (sys.executable, "-m", "classifier.picture.sandbox.fork_server")
_LIMITS = tuple(field.name for field in fields(Limits))


class Workers:
    """A pool of child processes that decode pictures; a `prepare.Decoder`, safe to use from many threads.

    If a picture makes its decoder crash, that picture gets an error and its worker is replaced; the others go on. The
    answer of a worker is never trusted: a malicious picture may have taken the worker over.
    """

    def __init__(
        self,
        limits: Limits,
        count: int | None = None,
        bounds: Bounds | None = None,
        command: Sequence[str] | None = None,
    ) -> None:
        """Starts nothing yet; see `start`.

        Args:
            limits: the limits for a picture.
            count: the most workers; if None, one per CPU, or fewer if memory is short.
            bounds: what each worker may use; if None, derived from the limits and the free memory.
            command: the command to start, without the bounds; `COMMAND` if None.
        """
        self.limits = limits
        self.count = count or cpu_count()
        self.bounds = bounds or Bounds(memory_wanted(limits))
        self._given = (limits, count, bounds, command)
        self._command = command or COMMAND
        self._settled = bounds is not None
        self._begin()
        forks.renew(self)

    def _begin(self) -> None:
        self._process = os.getpid()
        self._free = Semaphore(self.count)
        self._lock = threading.Lock()
        self._idle: list[Worker] = []
        self._busy: set[Worker] = set()
        self._fork_server: ForkServer | None = None
        self._left: list[ForkServer] = []

    def forked(self) -> None:
        """See `forks`: the workers are the parent's; a process that was forked starts its own when it needs some."""
        for worker in (*self._idle, *self._busy):
            worker.forget()
        for server in (*self._left, *([self._fork_server] if self._fork_server else [])):
            server.forget()
        self._begin()

    def __reduce__(self) -> tuple[Any, ...]:
        return Workers, self._given  # which starts its own

    def start(self) -> None:
        """Starts the process that forks workers, without waiting for it; otherwise the first picture starts it."""
        with self._lock, suppress(OSError):  # the first picture's error will say what the matter is
            self._started()

    def settle(self, plan: MemoryPlan | None = None) -> None:
        """Fixes how many workers there are, and the memory of each. Later calls have no effect.

        Args:
            plan: decides both; if None, a plan is made from the memory that is free now. The first picture does that
                if nobody has called this before.
        """
        with self._lock:
            if self._settled:
                return
            if plan is None:
                wanted = {"max_bytes": self.limits.max_bytes, "decoders": self.count, "decoder": self.bounds.memory}
                plan = MemoryPlan.share(available_memory(), **wanted)
            self.count, self.bounds = plan.decoders, replace(self.bounds, memory=plan.decoder)
            self._free = Semaphore(self.count)
            self._settled = True

    def prepare(self, data: bytes, geometry: Geometry, cancellation: Cancellation | None = None) -> Prepared:
        """See `prepare.Decoder`.

        Raises:
            ImageError: as `decode.read` does, and `DecodingError` when the picture ended its worker.
            NoDecoderError: no worker can be started now, or one was ended by somebody else.
            AbandonedError: the work was cancelled.
        """

        def read(facts: dict[str, Any], payload: bytes, elapsed: float) -> Prepared:
            return answers.prepared(facts, payload, geometry, self.limits, elapsed)

        facts = {"job": "prepare", "geometry": asdict(geometry)}
        request = Request(facts, data, math.prod(geometry.shape), read)
        found: Prepared = self._ask(request, cancellation or Cancellation())
        return found

    def thumbnail(self, data: bytes, side: int, cancellation: Cancellation | None = None) -> bytes:
        """See `prepare.Decoder`.

        Raises:
            ImageError: as `decode.read` does, and `DecodingError` when the picture ended its worker.
            NoDecoderError: no worker can be started now, or one was ended by somebody else.
            AbandonedError: the work was cancelled.
        """
        request = Request(
            {"job": "thumbnail", "side": side},
            data,
            3 * side * side,
            lambda facts, payload, _: answers.thumbnail(facts, payload, side),
        )
        return jpeg(self._ask(request, cancellation or Cancellation()))

    @contextmanager
    def spared(self) -> Iterator[int]:
        """Keeps one worker from decoding, and tells the bytes that may be used for something else meanwhile."""
        self.settle()
        with self._free.hold(Cancellation()):
            yield self.bounds.memory

    def close(self) -> None:
        """Ends all workers; busy ones as soon as they have answered, or their time is over."""
        with self._lock:
            while self._idle:
                self._idle.pop().close()
            self._leave()
        self._reap()

    def _ask(self, request: Request, cancellation: Cancellation) -> Any:
        if self._process != os.getpid():  # forked by C code, of which Python knows nothing
            self.forked()
        self.settle()
        # Not `asdict`, which copies each of the formats' names.
        request.facts["limits"] = {name: getattr(self.limits, name) for name in _LIMITS} | {
            "memory": self.bounds.memory
        }
        with self._free.hold(cancellation):
            try:
                try:
                    answer = self._try(request, cancellation)
                except LostError:
                    answer = self._try(request, cancellation)
            except (LostError, TroubleError, OSError) as error:
                log.error("a picture could not be decoded: %s", error)
                raise NoDecoderError from error
        if isinstance(answer, ClassifierError):
            raise answer
        return answer

    def _try(self, request: Request, cancellation: Cancellation) -> Any:
        worker = self._take()
        keep = False
        try:
            with cancellation.stopped_by(worker.kill):
                answer, keep = ask(worker, request, self.bounds.seconds, cancellation)
            keep = keep and not cancellation.cancelled
        finally:
            self._put_back(worker, keep)
        return answer

    def _take(self) -> Worker:
        """An idle worker, or a new one; one that ended while it was idle is skipped."""
        with self._lock:
            worker = None
            while self._idle and not worker:
                idle = self._idle.pop()
                if idle.is_fit():
                    worker = idle
                else:
                    idle.close()
            worker = worker or self._new()
            self._busy.add(worker)
        return worker

    def _put_back(self, worker: Worker, keep: bool) -> None:
        with self._lock:
            self._busy.discard(worker)
            if keep and worker.fork_server is self._fork_server:
                self._idle.append(worker)
            else:
                worker.close()
                if self._fork_server:  # start the next worker now, so that no picture waits for it
                    with suppress(OSError):
                        self._idle.append(self._new())
        self._reap()

    def _new(self) -> Worker:
        """A new worker, which may take a moment to begin.

        Raises:
            OSError: no more file descriptors or processes can be had.
        """
        server = self._started()
        try:
            return server.fork(self.bounds.memory)
        except ChildProcessError:
            server.kill()
            self._leave()
        return self._started().fork(self.bounds.memory)

    def _started(self) -> ForkServer:
        if not self._fork_server:
            self._fork_server = ForkServer(self._command, self.bounds)
        return self._fork_server

    def _leave(self) -> None:
        """Has the fork server end after its last worker."""
        if self._fork_server:
            self._fork_server.leave()
            self._left.append(self._fork_server)
            self._fork_server = None

    def _reap(self) -> None:
        """Waits for the fork servers that were left, once no worker is busy: then they end at once, or are stuck."""
        while self._left and not self._busy:
            with suppress(IndexError):  # another thread was faster
                self._left.pop().end()
