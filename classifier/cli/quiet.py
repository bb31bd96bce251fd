"""Keeps the terminal free of what LiteRT and TensorFlow write to standard error of their own accord."""

from __future__ import annotations

import contextlib
import io
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from typing import BinaryIO

from classifier.errors import ClassifierError

_LITERT_NOTICE = b"INFO: Created TensorFlow Lite XNNPACK delegate for CPU."


@contextlib.contextmanager
def without_notice() -> Iterator[None]:
    """Holds back what is written to standard error, and then writes it without LiteRT's notice.

    LiteRT's C++ code writes that line directly, and its Python API offers no way to set the log level.
    """
    with _held() as (held, lasting):
        try:
            yield
        finally:
            _copy(held, lasting, lambda line: line.strip() != _LITERT_NOTICE)


@contextlib.contextmanager
def without_libraries(*, verbose: bool = False) -> Iterator[None]:
    """Holds back what is written to standard error, which TensorFlow, Keras and their C++ libraries fill with logs.

    Args:
        verbose: whether it is written after all, at the end.

    What goes wrong in a way that nobody foresaw is shown with everything that was held back. A `ClassifierError` says
    enough by itself.
    """
    with _held() as (held, lasting):
        try:
            yield
        except ClassifierError:
            raise
        except Exception:
            verbose = True
            raise
        finally:
            if verbose:
                _copy(held, lasting, lambda line: True)


@contextlib.contextmanager
def _held() -> Iterator[tuple[BinaryIO, int]]:
    """Lets standard error lead to a file, which is yielded with a descriptor of the true standard error."""
    with contextlib.ExitStack() as stack:
        try:
            held = stack.enter_context(tempfile.TemporaryFile())
            lasting = os.dup(2)
        except OSError:  # no folder for temporary files, or no standard error: everything is shown
            yield io.BytesIO(), 2
            return
        stack.callback(os.close, lasting)
        _flush()
        os.dup2(held.fileno(), 2)
        stack.callback(os.dup2, lasting, 2)
        stack.callback(_flush)
        yield held, lasting


def _copy(held: BinaryIO, lasting: int, wanted: Callable[[bytes], bool]) -> None:
    _flush()
    held.seek(0)
    for line in filter(wanted, held):
        os.write(lasting, line)


def _flush() -> None:
    if sys.stderr:
        sys.stderr.flush()
