"""Runs what loads foreign files in a child process: a file that crashes, hangs or fills the memory harms only that.

Limits: 60 seconds without a sign of life, or as many more as the child asks for, up to ten minutes; nine tenths of the
memory that is free. A child that makes progress may take as long as it needs. See `machine.confined` for the rest.
"""

from __future__ import annotations

import codecs
import os
import re
import selectors
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from classifier import checkout
from classifier.machine import progress
from classifier.machine.memory import available_memory
from classifier.machine.process import memory_of

_SHARE = 0.9  # of the free memory; what is left is for what comes between two looks
_LOOK = 0.05  # seconds between two looks at the child's memory
_MOST_AT_ONCE = 1.0  # seconds that count between two looks: if it was more, this process was stopped, too
_LINGERING = 1.0  # seconds in which a child that has closed its streams must have ended

# What the C and C++ libraries write when they abort a process: the end says what happened, in words for people.
_LAST_WORDS = re.compile(
    r"double free or corruption|(free|[cm]alloc|realloc|memalign|munmap_chunk|malloc_consolidate|mremap_chunk)\(\): "
    r"|corrupted (size|double)|Fatal glibc error|\*\*\* |terminate called |  what\(\): |pure virtual method called"
)

Write = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class End:
    """How a child ended.

    Attributes:
        status: its exit status; None if it did not end by itself.
        problem: what ended it then, as `it crashed (Segmentation fault)`; "" if it ended by itself.
    """

    status: int | None
    problem: str = ""


def run(
    module: str,
    arguments: Sequence[str],
    *,
    out: Write,
    err: Write,
    variables: Mapping[str, str] | None = None,
) -> End:
    """Runs a module of ours, as `python -m` does, until it ends or has to be ended.

    Its temporary files lie in a folder that is removed afterwards. It has a session of its own: Ctrl-C in a terminal
    reaches only this process, which then ends it.

    Args:
        module: its full name.
        arguments: its arguments.
        out: called with each line of its standard output, line feed included, as it comes.
        err: called likewise with each line of its standard error, but for what libraries write when they abort it.
        variables: environment variables to set.

    Raises:
        OSError: no process can be started, or there is no folder for temporary files.
    """
    with tempfile.TemporaryDirectory(prefix="classifier-", ignore_cleanup_errors=True) as scratch:
        signs, theirs = os.pipe()
        command = [sys.executable, "-P", "-m", "classifier.machine.confined", str(os.getpid()), str(theirs)]
        try:
            process = subprocess.Popen(
                [*command, module, *arguments],
                env={**checkout.environment(), **(variables or {}), "TMPDIR": scratch, "PYTHONIOENCODING": "utf-8"},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                pass_fds=[theirs],
                start_new_session=True,
            )
        except BaseException:
            os.close(signs)
            raise
        finally:
            os.close(theirs)
        with process, os.fdopen(signs, "rb", buffering=0) as signs_of_life:
            try:
                watch = _Watch(process.pid)
                for stream, take in ((process.stdout, out), (process.stderr, _without_last_words(err))):
                    if stream:
                        watch.add(stream.fileno(), _Lines(take))
                watch.add(signs_of_life.fileno(), watch.alive)
                problem = watch.run(process)
            finally:
                process.kill()
        if problem:
            return End(None, problem)
        return End(process.returncode) if process.returncode >= 0 else End(None, _crash(-process.returncode))


class _Watch:
    """Reads what a child writes, until it ends, is silent for too long or takes too much memory."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        free = available_memory()
        self._most = None if free is None else int(free * _SHARE)
        self._patience = progress.STEP
        self._silent = 0.0
        self._selector = selectors.DefaultSelector()

    def add(self, stream: int, taker: Callable[[bytes], None]) -> None:
        """Adds a stream to read, and what is called with each part of it, and with nothing at its end."""
        self._selector.register(stream, selectors.EVENT_READ, taker)

    def alive(self, message: bytes) -> None:
        """Takes a sign of life."""
        self._silent = 0.0
        self._patience = progress.latest(message)

    def run(self, process: subprocess.Popen[bytes]) -> str:
        """Watches until all streams are closed; what is wrong, or "" if all went well."""
        before = time.monotonic()
        with self._selector:
            while self._selector.get_map():
                ready = self._selector.select(_LOOK)
                now = time.monotonic()
                self._silent += min(now - before, _MOST_AT_ONCE)
                before = now
                for key, _ in ready:
                    data = os.read(key.fd, 65536)
                    if not data:
                        self._selector.unregister(key.fd)
                    key.data(data)
                if problem := self._problem():
                    return problem
                if not ready and process.poll() is not None:  # a process of its own holds the streams open
                    break
        try:
            process.wait(_LINGERING)
        except subprocess.TimeoutExpired:
            return "it did not end by itself"
        return ""

    def _problem(self) -> str:
        if self._silent > self._patience:
            return f"it made no progress for {self._patience:.0f} s"
        if self._most is not None and _held(self._pid) > self._most:
            return f"it took more than the {self._most / 1e9:.1f} GB of memory that are free"
        return ""


class _Lines:
    """Cuts what comes into lines of text."""

    def __init__(self, take: Write) -> None:
        self._take = take
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._rest = ""

    def __call__(self, data: bytes) -> None:
        """Takes another part; nothing is the end."""
        *lines, self._rest = (self._rest + self._decoder.decode(data, final=not data)).split("\n")
        for line in lines:
            self._take(f"{line}\n")
        if not data and self._rest:
            self._take(self._rest)


def _without_last_words(err: Write) -> Write:
    def take(line: str) -> None:
        if not _LAST_WORDS.match(line):
            err(line)

    return take


def _held(process: int) -> int:
    """Bytes of memory that a process holds beside what it shares with files; 0 if unknown."""
    _, resident, shared = memory_of(process)
    return resident - shared


def _crash(number: int) -> str:
    """What ended a child that a signal has ended."""
    name = signal.strsignal(number) or f"signal {number}"
    if number == signal.SIGKILL:
        return f"the system ended it ({name}), as it does when memory runs out"
    return f"it crashed ({name})"
