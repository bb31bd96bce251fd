"""Bounds on what a worker may use for a picture. The kernel enforces them, also inside a decoder's C code."""

from __future__ import annotations

import contextlib
import resource
import signal
from collections.abc import Iterator
from dataclasses import dataclass

from classifier.machine.process import end_first, forbid_core_dumps, memory_of
from classifier.picture.limits import Limits


@dataclass(frozen=True, slots=True)
class Bounds:
    """Bounds of one worker.

    Attributes:
        memory: bytes that it may take besides what it has at its start.
        cpu_seconds: CPU time for one picture.
        seconds: wall-clock time for one picture, in case its decoder waits for something that never comes, or was
            stopped; the server sees to it.
        pictures: number of pictures after which a new process takes the worker's place; a worker that still holds much
            memory after large pictures is replaced earlier.
    """

    memory: int
    cpu_seconds: float = 5.0
    seconds: float = 30.0
    pictures: int = 500

    def confine(self, memory: int) -> None:
        """Confines this process for the rest of its life. Bounds that the operating system does not know are left out.

        Args:
            memory: bytes that it may take; was not known yet when the process that forked this one began.
        """
        bounds = {resource.RLIMIT_FSIZE: 0}
        if mapped := memory_of()[0]:  # macOS neither reports this nor enforces a limit on it
            bounds[resource.RLIMIT_AS] = mapped + memory
        for kind, amount in bounds.items():
            with contextlib.suppress(ValueError, OSError):
                resource.setrlimit(kind, (amount, amount))
        end_first()  # and not the server, if the machine's memory runs out all the same
        forbid_core_dumps()

    @contextlib.contextmanager
    def timed(self) -> Iterator[None]:
        """Ends this process if the `with` block takes too much CPU time; by a signal, which also interrupts C code."""
        signal.setitimer(signal.ITIMER_PROF, self.cpu_seconds)
        try:
            yield
        finally:
            signal.setitimer(signal.ITIMER_PROF, 0)


def memory_wanted(limits: Limits) -> int:
    """The most memory, in bytes, that a worker can need for pictures within these limits.

    Measured at 64 million pixels: JPEG 4 MB, or 200 to 520 if progressive; PNG, GIF, TIFF 280; HEIC 450 to 770;
    AVIF 590 to 690; WebP 1,050.
    """
    return 16 * limits.max_pixels + 4 * limits.max_bytes


def resident() -> int:
    """Bytes of memory that this process holds now; 0 if unknown."""
    return memory_of()[1]
