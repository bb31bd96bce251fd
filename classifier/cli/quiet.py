"""Keeps the terminal free of a line that LiteRT prints whenever it loads a model."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator

_LITERT_NOTICE = b"INFO: Created TensorFlow Lite XNNPACK delegate for CPU."


@contextlib.contextmanager
def without_notice() -> Iterator[None]:
    """Holds back what is written to standard error, and then writes it without LiteRT's notice.

    LiteRT's C++ code writes that line directly, and its Python API offers no way to set the log level.
    """
    try:
        held, kept = tempfile.TemporaryFile(), os.dup(2)  # noqa: SIM115  (closed below)
    except OSError:  # no folder for temporary files, or no standard error: the line is shown
        yield
        return
    with held:
        try:
            os.dup2(held.fileno(), 2)
            yield
        finally:
            os.dup2(kept, 2)
            os.close(kept)
            held.seek(0)
            for line in held:
                if line.strip() != _LITERT_NOTICE:
                    os.write(2, line)
