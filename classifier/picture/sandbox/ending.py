"""How a worker ended, as the fork server tells the server: over a socket that no worker has."""

from __future__ import annotations

import errno
import os
import signal
import struct
from dataclasses import dataclass

_MESSAGE = struct.Struct("!?id")
LENGTH = _MESSAGE.size
"""Bytes of a message."""

# What C code does to its process, or the kernel for what the code did. SIGPROF: the CPU time of `Bounds` is over.
_OWN_SIGNALS = frozenset(
    {
        *(signal.SIGSEGV, signal.SIGBUS, signal.SIGABRT, signal.SIGFPE, signal.SIGILL, signal.SIGTRAP),
        *(signal.SIGSYS, signal.SIGPROF, signal.SIGXFSZ, signal.SIGXCPU),
    }
)


@dataclass(frozen=True, slots=True)
class End:
    """How a worker ended, or that it never was.

    Attributes:
        started: False if it could not be forked.
        status: its exit code, or minus the number of the signal that ended it; if not started, the `errno` of `fork`.
        cpu_seconds: the CPU time that it had used in its life.
    """

    started: bool
    status: int
    cpu_seconds: float = 0.0

    @property
    def own_doing(self) -> bool:
        """Whether the worker's own code ended it, rather than somebody else."""
        return self.started and (self.status >= 0 or -self.status in _OWN_SIGNALS)

    @property
    def aborted(self) -> bool:
        """Whether it ended as a C++ library ends a process in which it cannot start a thread."""
        return self.started and self.status == -signal.SIGABRT

    def __str__(self) -> str:
        """For the log."""
        if not self.started:
            return f"no process can be started for a decoder: {os.strerror(self.status)}"
        if self.status >= 0:
            return f"it ended with status {self.status}"
        if self.status == -signal.SIGPROF:
            return "its CPU time was over"
        known = signal.strsignal(-self.status) or ""
        hint = ", as the kernel does when memory is short" if self.status == -signal.SIGKILL else ""
        return f"signal {-self.status} ended it ({known}{hint})"

    def packed(self) -> bytes:
        """The message."""
        return _MESSAGE.pack(self.started, self.status, self.cpu_seconds)

    @classmethod
    def of(cls, message: bytes) -> End:
        """Reads what `packed` gave."""
        return cls(*_MESSAGE.unpack(message))


def not_started(error: OSError) -> End:
    """The end of a worker that could not be forked."""
    return End(started=False, status=error.errno or errno.EAGAIN)
