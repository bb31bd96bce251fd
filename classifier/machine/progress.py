"""Signs of life, which a process that runs foreign files gives to the one that watches it; see `machine.child`."""

from __future__ import annotations

import os

STEP = 60.0
"""Seconds that an ordinary step may take: loading a small model, or running a model once."""
LONG_STEP = 600.0
"""Seconds that TensorFlow may take for a step: its import, loading a model, and each conversion."""

_pipe: int | None = None


def report_to(descriptor: int) -> None:
    """Makes this a watched process, which gives its signs of life over a pipe."""
    global _pipe  # a process is watched by one other, or by none
    _pipe = descriptor


def watched() -> bool:
    """Whether another process watches this one, so that it may load what crashes, hangs or fills the memory."""
    return _pipe is not None


def sign(seconds: float = STEP) -> None:
    """Says that this process has come to another step; does nothing in a process that is not watched.

    Args:
        seconds: the most that the step takes.
    """
    if _pipe is None:
        return
    try:
        os.write(_pipe, b"%d\n" % seconds)
    except OSError:  # nobody reads it: the parent has ended, so nobody needs the result either
        os._exit(1)


def latest(message: bytes) -> float:
    """The seconds that the last sign in a message gives, which are never more than `LONG_STEP`."""
    words = message.split()
    return min(float(words[-1]), LONG_STEP) if words and words[-1].isdigit() else STEP
