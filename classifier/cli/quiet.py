"""Keeps the terminal free of what LiteRT and TensorFlow write to standard error of their own accord."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from classifier.errors import ClassifierError
from classifier.machine import stderr

_LITERT_NOTICE = b"INFO: Created TensorFlow Lite XNNPACK delegate for CPU."


@contextlib.contextmanager
def without_notice() -> Iterator[None]:
    """Holds back what is written to standard error, and then writes it without LiteRT's notice.

    LiteRT's C++ code writes that line directly, and its Python API offers no way to set the log level.
    """
    with stderr.held() as (kept, lasting):
        try:
            yield
        finally:
            stderr.copy(kept, lasting, lambda line: line.strip() != _LITERT_NOTICE)


@contextlib.contextmanager
def without_libraries(*, verbose: bool = False) -> Iterator[None]:
    """Holds back what is written to standard error, which TensorFlow, Keras and their C++ libraries fill with logs.

    Args:
        verbose: whether it is written after all, at the end.

    What goes wrong in a way that nobody foresaw is shown with everything that was held back. A `ClassifierError` says
    enough by itself.
    """
    with stderr.held() as (kept, lasting):
        try:
            yield
        except ClassifierError:
            raise
        except Exception:
            verbose = True
            raise
        finally:
            if verbose:
                stderr.copy(kept, lasting, lambda line: True)
