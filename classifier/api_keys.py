"""The file of keys that an operator gives to callers of the API: read, checked, and read again when it changes.

Each line is a name and a key. Keys are kept as hashes only, and no message or log line contains one.
"""

from __future__ import annotations

import errno
import hashlib
import hmac
import logging
import re
import stat
import time
from pathlib import Path

from classifier.errors import ParameterError

log = logging.getLogger(__name__)

LEAST = 16
"""The fewest characters of a key."""

MOST_KEYS = 1000
"""The most keys: each request is compared with all of them."""

_MOST_BYTES = 1_000_000
_NAME = re.compile(r"[A-Za-z0-9._@-]{1,64}")
_KEY = re.compile(r"[A-Za-z0-9._~+/=-]+")  # what RFC 6750 allows after `Bearer`
_SETTLED = 0.5  # seconds without a change after which a file counts as written in full

_Keys = dict[bytes, str]  # names by the hashes of their keys
_Version = tuple[int, ...]


class ApiKeys:
    """The keys of a file, looked at anew for each request.

    A new version that is wrong or incomplete, or a file that is gone, leaves the keys as they were, and logs one line.
    """

    def __init__(self, path: Path) -> None:
        """Reads the file.

        Raises:
            ParameterError: it cannot be read, or a line in it is wrong. The message is a sentence that names both.
        """
        self._path = path
        try:
            self._keys, self._version = _read(path)
        except OSError as error:
            raise _unreadable(path, error) from None
        self._seen, self._since = self._version, time.monotonic()
        self._said = ""

    def name_of(self, key: bytes) -> str | None:
        """The name of a key, or None if there is no such key; takes the same time either way."""
        self._renew()
        asked, name = _hashed(key), None
        for known, its_name in self._keys.items():
            if hmac.compare_digest(asked, known):
                name = its_name
        return name

    def _renew(self) -> None:
        """Reads the file again if it has changed, but not while it is being written."""
        try:
            version = _version(self._path)
            if version == self._version:
                return
            if version != self._seen:
                self._seen, self._since = version, time.monotonic()
            if not self._settled(version):
                return
            keys, read = _read(self._path)
        except OSError as error:
            self._say(_unreadable(self._path, error))
        except ParameterError as wrong:
            self._version = self._seen  # not to be read again
            self._say(wrong)
        else:
            if read == version:  # else it was changed meanwhile: the next request looks again
                self._keys, self._version, self._said = keys, version, ""
                log.info("read %d keys from %s", len(keys), self._path)

    def _settled(self, version: _Version) -> bool:
        written = time.time() - version[-1] / 1e9
        return written > _SETTLED or time.monotonic() - self._since > _SETTLED

    def _say(self, wrong: ParameterError) -> None:
        """Logs what is wrong, once."""
        if wrong.message != self._said:
            self._said = wrong.message
            log.error("%s The keys from before stay in force.", wrong.message)


def _version(path: Path) -> _Version:
    """What tells one version of a file from another, also behind a symbolic link; its time of change comes last."""
    found = path.stat()
    if not stat.S_ISREG(found.st_mode):  # opening a pipe might wait without end
        raise OSError(errno.EINVAL, "It is not a regular file")
    return (found.st_dev, found.st_ino, found.st_size, found.st_ctime_ns, found.st_mtime_ns)


def _read(path: Path) -> tuple[_Keys, _Version]:
    version = _version(path)
    with path.open("rb") as file:
        content = file.read(_MOST_BYTES + 1)
    if len(content) > _MOST_BYTES:
        raise ParameterError(f"The file of keys {path} is too large: at most {_MOST_BYTES} bytes are read.")
    try:
        return _parsed(content.decode("utf-8-sig"), path), version
    except UnicodeDecodeError:
        raise ParameterError(f"The file of keys {path} is not text in UTF-8. Write a line NAME KEY for each.") from None


def _parsed(text: str, path: Path) -> _Keys:
    keys: _Keys = {}
    for number, line in enumerate(text.splitlines(), 1):
        parts = line.split()
        if parts and not parts[0].startswith("#"):
            problem = _problem(parts) or _taken(parts, keys)
            if problem:
                raise ParameterError(f"Line {number} of the file of keys {path}: {problem}.")
            keys[_hashed(parts[1].encode())] = parts[0]
    if not keys:
        raise ParameterError(f"The file of keys {path} holds no key. Write a line NAME KEY for each.")
    if len(keys) > MOST_KEYS:
        raise ParameterError(f"The file of keys {path} holds {len(keys)} keys: the limit is {MOST_KEYS}.")
    return keys


def _problem(parts: list[str]) -> str:
    if len(parts) != 2:
        return f"expected a name and a key with a space between them, and found {len(parts)} words"
    name, key = parts
    if not _NAME.fullmatch(name):
        return "the name may have 64 letters, digits and . _ @ - only"
    if len(key) < LEAST:
        return f"the key of {name} is too short: it needs {LEAST} characters, better 64 from `openssl rand -hex 32`"
    if not _KEY.fullmatch(key):
        return f"the key of {name} may have letters, digits and . _ ~ + / = - only"
    return ""


def _taken(parts: list[str], keys: _Keys) -> str:
    name, key = parts
    if name in keys.values():
        return f"there is a key of {name} already; give each a name of its own"
    other = keys.get(_hashed(key.encode()))
    return f"{name} and {other} have the same key; give each a key of its own" if other else ""


def _hashed(key: bytes) -> bytes:
    return hashlib.sha256(key).digest()


def _unreadable(path: Path, error: OSError) -> ParameterError:
    return ParameterError(f"The file of keys {path} cannot be read: {error.strerror}.")
