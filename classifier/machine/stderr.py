"""Holds back what is written to standard error, also by C++ code, which writes there without asking Python."""

from __future__ import annotations

import contextlib
import io
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from typing import BinaryIO


@contextlib.contextmanager
def held() -> Iterator[tuple[BinaryIO, int]]:
    """Lets standard error lead to a file, which is yielded with a descriptor of the true standard error."""
    with contextlib.ExitStack() as stack:
        try:
            kept = stack.enter_context(tempfile.TemporaryFile())
            lasting = os.dup(2)
        except OSError:  # no folder for temporary files, or no standard error: everything is shown
            yield io.BytesIO(), 2
            return
        stack.callback(os.close, lasting)
        _flush()
        os.dup2(kept.fileno(), 2)
        stack.callback(os.dup2, lasting, 2)
        stack.callback(_flush)
        yield kept, lasting


def copy(kept: BinaryIO, lasting: int, wanted: Callable[[bytes], bool]) -> None:
    """Writes the lines of `kept` that are wanted to the descriptor `lasting`."""
    _flush()
    kept.seek(0)
    for line in filter(wanted, kept):
        os.write(lasting, line)


def _flush() -> None:
    if sys.stderr:
        sys.stderr.flush()
