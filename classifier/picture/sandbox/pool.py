"""The server's side of the workers: keeps the idle ones, gives them pictures, and handles answers that never come."""

from __future__ import annotations

import json
import logging
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict, replace
from typing import Any, TypeVar

import numpy as np

from classifier.checkout import ROOT
from classifier.errors import (
    BrokenImageError,
    DecodingError,
    EmptyImageError,
    ImageError,
    NoDecoderError,
    NoMemoryError,
    OutOfMemoryError,
    TooComplexError,
    TooManyBytesError,
    TooManyPixelsError,
    UnsupportedFormatError,
)
from classifier.machine.cpus import cpu_count
from classifier.machine.memory import MemoryPlan, available_memory
from classifier.picture.formats import FORMATS
from classifier.picture.geometry import Geometry
from classifier.picture.limits import Limits
from classifier.picture.prepare import Prepared
from classifier.picture.sandbox import wire
from classifier.picture.sandbox.bounds import MEMORY_BYTES, Bounds, memory_wanted

log = logging.getLogger(__name__)

COMMAND: Sequence[str] = (sys.executable, "-m", "classifier.picture.sandbox.worker")
_GRACE_SECONDS = 10.0
_LONGEST_ANSWER = 64 << 20
_ENVIRONMENT = {
    # A second thread would make forks unsafe, and malloc's many arenas would count as address space.
    **{"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MALLOC_ARENA_MAX": "1"},
    # If memory went back to the system after each picture, it would have to be mapped again page by page for the next
    # one, which takes a third of the time of a small picture.
    **{"MALLOC_MMAP_THRESHOLD_": str(16 << 20), "MALLOC_TRIM_THRESHOLD_": str(64 << 20)},
}
_ERRORS = {
    kind.code: kind
    for kind in (
        *(BrokenImageError, TooComplexError, EmptyImageError, UnsupportedFormatError),
        *(TooManyBytesError, TooManyPixelsError, NoMemoryError, OutOfMemoryError),
    )
}

T = TypeVar("T")


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
        self._command = (*(command or COMMAND), json.dumps(asdict(self.bounds)))
        self._settled = bounds is not None
        self._free = threading.Semaphore(self.count)
        self._lock = threading.Lock()
        self._idle: list[socket.socket] = []
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Starts the process that forks workers, without waiting for it; otherwise the first picture starts it."""
        with self._lock:
            if not self._process:
                self._start()

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
            self._free = threading.Semaphore(self.count)
            self._settled = True

    def prepare(self, data: bytes, geometry: Geometry) -> Prepared:
        """See `prepare.Decoder`.

        Raises:
            ImageError: as `decode.read` does, and `DecodingError` when the picture ended its worker.
            NoDecoderError: no worker can be started now.
        """

        def read(facts: dict[str, Any], payload: bytes) -> Prepared:
            return Prepared(
                np.frombuffer(payload, np.uint8).reshape(*geometry.size, 3),
                structured=bool(facts["structured"]),
                width=int(facts["width"]),
                height=int(facts["height"]),
                format=FORMATS[FORMATS.index(facts["format"])],
                decode=float(facts["decode"]),
                preprocess=float(facts["preprocess"]),
            )

        return self._ask({"job": "prepare", "geometry": asdict(geometry)}, data, read)

    def thumbnail(self, data: bytes, side: int) -> bytes:
        """See `prepare.Decoder`.

        Raises:
            ImageError: as `decode.read` does, and `DecodingError` when the picture ended its worker.
            NoDecoderError: no worker can be started now.
        """
        return self._ask({"job": "thumbnail", "side": side}, data, lambda _, payload: payload)

    def close(self) -> None:
        """Ends all workers; busy ones as soon as they have answered."""
        with self._lock:
            while self._idle:
                self._idle.pop().close()
            self._stop()

    def _ask(self, request: dict[str, Any], data: bytes, read: Callable[[dict[str, Any], bytes], T]) -> T:
        self.settle()
        limits = replace(self.limits, memory=self.bounds.memory)
        with self._free:
            worker = self._hand_over({**request, "limits": asdict(limits)}, data)
            start = time.perf_counter()
            keep = False
            try:
                facts, payload = wire.receive(worker, _LONGEST_ANSWER)
                result = _error(facts) if "error" in facts else read(facts, payload)
                keep = not facts["last"]
            except (EOFError, OSError, ValueError, TypeError, KeyError) as error:
                if self._process and self._process.poll() is not None:
                    log.error("the process that starts the decoders ended with status %s", self._process.returncode)
                    raise NoDecoderError from error
                seconds = time.perf_counter() - start
                log.warning("a picture of %d bytes ended its decoder after %.1f s: %r", len(data), seconds, error)
                raise DecodingError from error
            finally:
                self._put_back(worker, keep)
        if isinstance(result, ImageError):
            raise result
        return result

    def _hand_over(self, request: dict[str, Any], data: bytes) -> socket.socket:
        """Sends the request to a worker and returns its socket; a worker that died while it was idle is skipped."""
        for _ in range(self.count + 2):
            try:
                with self._lock:
                    worker = self._idle.pop() if self._idle else self._new()
            except OSError:  # no more file descriptors or processes can be had
                break
            try:
                wire.send(worker, request, data)
            except OSError:
                worker.close()
            else:
                return worker
        log.error("no decoder can be started")
        raise NoDecoderError

    def _put_back(self, worker: socket.socket, keep: bool) -> None:
        with self._lock:
            if keep and self._process:
                self._idle.append(worker)
                return
            worker.close()
            if self._process:  # start the next worker now, so that no picture waits for it
                with suppress(OSError):
                    self._idle.append(self._new())

    def _new(self) -> socket.socket:
        """The socket to a new worker, which may take a moment to listen."""
        ours, theirs = socket.socketpair()
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4 << 20)  # sends a photo in one go, if the system allows
        # A worker ends itself when its time is over. If nothing has come by then, it was stopped or cannot end itself.
        ours.settimeout(self.bounds.seconds + _GRACE_SECONDS)
        with theirs:
            if self._process:
                with suppress(OSError):
                    self._fork(theirs)
                    return ours
                self._stop()
            self._start()
            self._fork(theirs)
        return ours

    def _fork(self, connection: socket.socket) -> None:
        socket.send_fds(self._control, [self.bounds.memory.to_bytes(MEMORY_BYTES, "big")], [connection.fileno()])

    def _start(self) -> None:
        self._control, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                self._command,
                stdin=theirs.fileno(),
                stdout=subprocess.DEVNULL,
                cwd=ROOT,
                env={**os.environ, **_ENVIRONMENT},
            )

    def _stop(self) -> None:
        if self._process:
            self._control.close()
            self._process.wait()
            self._process = None


def _error(facts: dict[str, Any]) -> ImageError:
    return _ERRORS[facts["error"]](**facts["details"])
