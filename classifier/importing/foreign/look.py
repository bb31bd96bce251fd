"""A look at a file: its name, its beginning, the names in it if it is a zip; and the tests that tell kinds by these."""

from __future__ import annotations

import re
import struct
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from classifier.formatting import printable
from classifier.machine import files

HEAD = 4096
"""Bytes of a file's beginning that are looked at."""


@dataclass(frozen=True, slots=True)
class Look:
    """What is seen of a file.

    Attributes:
        name: its name.
        head: its first `HEAD` bytes.
        size: all its bytes.
        members: the names in it, if it is a whole zip.
        pickled: the beginning of PyTorch's `data.pkl` in it, if it has one.
    """

    name: str
    head: bytes
    size: int
    members: frozenset[str] = frozenset()
    pickled: bytes = b""

    @classmethod
    def at(cls, path: Path) -> Look:
        """A look at a file.

        Raises:
            OSError: it cannot be read.
        """
        with files.open_file(path) as stream:
            return cls.into(path.name, stream, path.stat().st_size)

    @classmethod
    def into(cls, name: str, stream: BinaryIO, size: int) -> Look:
        """A look into an open file; into a zip only if `stream` can be searched."""
        head = stream.read(HEAD)
        if not head.startswith(b"PK") or not stream.seekable():
            return cls(name, head, size)
        try:
            with zipfile.ZipFile(stream) as archive:
                members = frozenset(archive.namelist())
                pickled = next((one for one in members if one.rpartition("/")[2] == "data.pkl"), None)
                start = archive.open(pickled).read(HEAD) if pickled else b""
        except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, OSError, ValueError):
            return cls(name, head, size)
        return cls(name, head, size, members, start)


Test = Callable[[Look], bool]


@dataclass(frozen=True, slots=True)
class Foreign:
    """A kind of file that cannot be imported.

    Attributes:
        test: whether a file is of this kind.
        what: what it is, after `it is`.
        remedy: what to do, in sentences; FILE stands for the file's name, FIRST for its first line.
        model: whether a folder that holds one was meant for a model by that; a text or a picture may lie in any folder.
    """

    test: Test
    what: str
    remedy: str
    model: bool = True

    def sentence(self, look: Look) -> str:
        """What the file is and what to do."""
        first = look.head.decode("utf-8", "replace").strip().partition("\n")[0][:80]
        remedy = self.remedy.replace("FILE", printable(look.name)).replace("FIRST", printable(first.strip()))
        return f"it is {self.what}. {remedy}"


def begins(*starts: bytes) -> Test:
    """Whether a file begins with one of these."""
    return lambda look: look.head.startswith(starts)


def named(*patterns: str) -> Test:
    """Whether one of these expressions is found in the name, in small letters or capitals."""
    expression = re.compile("|".join(patterns), re.IGNORECASE)
    return lambda look: expression.search(look.name) is not None


def binary(*patterns: str) -> Test:
    """Whether one of these expressions is found in the name, and the content is neither text nor nothing."""
    return both(named(*patterns), lambda look: look.size > 0 and not is_text(look))


def holds(*words: bytes, start: bytes = b"") -> Test:
    """Whether one of these is in the beginning, which starts with `start` apart from white space; never in a zip's."""

    def test(look: Look) -> bool:
        head = look.head.lstrip()
        return head.startswith(start) and not head.startswith(b"PK") and any(word in head for word in words)

    return test


def either(*tests: Test) -> Test:
    """Whether one of the tests holds."""
    return lambda look: any(test(look) for test in tests)


def both(*tests: Test) -> Test:
    """Whether all tests hold."""
    return lambda look: all(test(look) for test in tests)


def pickled(*words: bytes) -> Test:
    """Whether one of these is in the beginning of PyTorch's `data.pkl`."""
    return lambda look: bool(look.pickled) and any(word in look.pickled for word in words)


def member(*endings: str) -> Test:
    """Whether a name in the zip ends so."""
    return lambda look: any(name.endswith(endings) for name in look.members)


def is_safetensors(look: Look) -> bool:
    """Whether it is a file of Hugging Face's safetensors: a length, then that much JSON."""
    if len(look.head) < 10:
        return False
    (length,) = struct.unpack("<Q", look.head[:8])
    return 2 <= length < look.size and look.head[8:9] == b"{" and b'"dtype"' in look.head


_GRAPH = re.compile(rb"\n[\x00-\xff]{1,5}?\n[\x01-\x7f][\x20-\x7e]+?\x12[\x01-\x7f][A-Z][A-Za-z0-9_]+")


def is_graph(look: Look) -> bool:
    """Whether it is a TensorFlow `GraphDef`: its first field is a node, and that node's its name and its operation."""
    return _GRAPH.match(look.head) is not None


def is_text(look: Look) -> bool:
    """Whether it is UTF-8 without control characters; a letter may be cut off where `head` ends."""
    text = look.head.decode("utf-8", "ignore")
    whole = len(text.encode()) >= len(look.head) - 3
    return whole and not any(char < " " and char not in "\t\n\r\f\x1b" for char in text)
