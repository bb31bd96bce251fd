"""The token that is sent to an engine: read from a file, and again when the file changes."""

from __future__ import annotations

import logging
import re
from pathlib import Path

log = logging.getLogger(__name__)

_MOST_BYTES = 10_000
_TOKEN = re.compile(r"[A-Za-z0-9._~+/=-]+")  # what RFC 6750 allows after `Bearer`


class TokenFile:
    """Gives the token of a file. A new version that cannot be read, or is none, leaves the token as it was."""

    def __init__(self, path: Path | None) -> None:
        """Reads nothing yet."""
        self._path = path
        self._token = ""
        self._seen: tuple[int, ...] = ()
        self._said = ""

    def __call__(self) -> str:
        """The present token; "" if there is no file."""
        if self._path is None:
            return ""
        try:
            stat = self._path.stat()
            version = (stat.st_ino, stat.st_size, stat.st_mtime_ns)
            if version != self._seen:
                self._token, self._seen = read_token(self._path), version
        except (OSError, ValueError) as error:
            if str(error) != self._said:
                self._said = str(error)
                log.error("the token's file: %s; the token from before stays in use", error)
        return self._token


def read_token(path: Path) -> str:
    """The token in a file.

    Raises:
        OSError: the file cannot be read.
        ValueError: it holds no token. The message does not show what it holds.
    """
    if not path.is_file():
        raise OSError(f"{path} is not a regular file")
    text = path.read_bytes()[:_MOST_BYTES].decode("ascii", "replace").strip()
    if not _TOKEN.fullmatch(text):
        raise ValueError(f"{path} does not hold one token of letters, digits and . _ ~ + / = -")
    return text
