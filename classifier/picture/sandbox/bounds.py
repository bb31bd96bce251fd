"""What a worker may use for a picture. The kernel holds it to that, also inside a decoder's C code."""

from __future__ import annotations

import contextlib
import os
import resource
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from classifier.picture.limits import Limits

MEMORY_BYTES = 8
"""Length of the message, a big-endian number, in which a worker is told the memory it may take."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """Bounds of one worker.

    Attributes:
        memory: bytes that it may take besides what it has at its start.
        cpu_seconds: CPU time for one picture.
        seconds: time on the clock for one picture, should its decoder wait for something that never comes.
        pictures: so many, then a new process takes its place; one that large pictures have bloated goes earlier.
    """

    memory: int
    cpu_seconds: float = 5.0
    seconds: float = 30.0
    pictures: int = 500

    def confine(self, memory: int) -> None:
        """Confines this process for the rest of its life. What a system does not know of is left out.

        Args:
            memory: bytes that it may take; not known yet when the process that forked this one began.
        """
        bounds = {resource.RLIMIT_CORE: 0, resource.RLIMIT_FSIZE: 0}
        if mapped := _address_space():  # macOS neither says this nor holds anybody to it
            bounds[resource.RLIMIT_AS] = mapped + memory
        for kind, amount in bounds.items():
            with contextlib.suppress(ValueError, OSError):
                resource.setrlimit(kind, (amount, amount))
        # When memory runs out all the same, the kernel ends this process and not the server.
        with contextlib.suppress(OSError):
            Path("/proc/self/oom_score_adj").write_text("1000")

    @contextlib.contextmanager
    def timed(self) -> Iterator[None]:
        """Ends this process when what is done inside takes too long: by signals, which no C code can hold up."""
        signal.setitimer(signal.ITIMER_PROF, self.cpu_seconds)
        signal.setitimer(signal.ITIMER_REAL, self.seconds)
        try:
            yield
        finally:
            signal.setitimer(signal.ITIMER_PROF, 0)
            signal.setitimer(signal.ITIMER_REAL, 0)


def memory_wanted(limits: Limits) -> int:
    """The most bytes that a worker has use for with pictures within these limits.

    Measured at 50 million pixels: JPEG 6 MB, or 150 if progressive; PNG, TIFF 230; AVIF 640; WebP 760.
    """
    return 16 * limits.max_pixels + 4 * limits.max_bytes


def resident() -> int:
    """Bytes of memory that this process holds now; 0 if unknown."""
    return _statm(1)


def _address_space() -> int:
    return _statm(0)


def _statm(field: int) -> int:
    try:
        return int(Path("/proc/self/statm").read_text().split()[field]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return 0
