"""Turns names, as on a command line, into pictures.

Folders are listed, `-` is standard input, and anything that is not a regular file is refused before it is opened. Files
in a folder that are not pictures are left out: by their content where their names do not say.
"""

from __future__ import annotations

import os
import stat
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from classifier.classifier import Classifier
from classifier.errors import (
    ClassifierError,
    EmptyFileError,
    EmptyInputError,
    ForbiddenFileError,
    MissingFileError,
    NoPicturesError,
    NotAFileError,
    UnlistedFolderError,
    UnreadableFileError,
)
from classifier.machine import files
from classifier.picture.formats import ENDINGS, sniff
from classifier.result import Classification

STDIN = "-"

_TEXTS = (
    *(".txt", ".md", ".rst", ".csv", ".tsv", ".json", ".jsonl", ".toml", ".yaml", ".yml", ".xml", ".html", ".htm"),
    *(".log", ".ini", ".cfg", ".py"),
)
"""Endings of files that lie beside pictures and hold text: these are left out whatever is in them."""

_BEGINNING = 256  # bytes, by which every format is told

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Entry:
    """One picture to classify, or the reason why a folder could not be listed."""

    name: str
    error: ClassifierError | OSError | None = None


def expand(names: Iterable[str]) -> list[Entry]:
    """The files that names stand for, in order; a folder stands for the pictures in and below it.

    Args:
        names: files, folders, or `-` for standard input. A file given by name is tried whatever its ending; for those
            in a folder see `is_picture`.
    """
    entries: list[Entry] = []
    for name in names:
        if name != STDIN and os.path.isdir(name):
            entries += pictures(name)
        else:
            entries.append(Entry(name))
    return entries


def classify_entries(
    classifier: Classifier, entries: Iterable[Entry], top_k: int | None, lang: str | None
) -> Iterator[tuple[str, Classification | ClassifierError | OSError]]:
    """Classifies entries in order.

    Args:
        classifier: the loaded model.
        entries: what `expand` found.
        top_k: as for `Classifier.classify`.
        lang: as for `Classifier.classify`.

    Yields:
        For each entry its name, and the result or what went wrong.

    Raises:
        ParameterError: `top_k` or `lang` is out of range.
    """
    return each(entries, lambda sources: classifier.classify_many(sources, top_k, lang), classifier.settings.max_bytes)


def each(
    entries: Iterable[Entry],
    many: Callable[[Iterator[Path | bytes]], Iterator[Result | ClassifierError | OSError]],
    max_bytes: int,
) -> Iterator[tuple[str, Result | ClassifierError | OSError]]:
    """Runs a method such as `Classifier.scores_many` on the pictures that entries stand for.

    Args:
        entries: what `expand` found.
        many: gives a result, or what went wrong, for each of its sources in order.
        max_bytes: the most that is read from standard input.

    Yields:
        For each entry in order its name, and the result or what went wrong.
    """
    begun: deque[Entry] = deque()

    def sources() -> Iterator[Path | bytes]:
        for entry in entries:
            try:
                if entry.error:
                    raise entry.error
                source = _open(entry.name, max_bytes)
            except (ClassifierError, OSError) as error:
                begun.append(Entry(entry.name, error))
                continue
            begun.append(entry)
            yield source

    for result in many(sources()):
        while error := (entry := begun.popleft()).error:
            yield entry.name, error
        yield entry.name, result
    for entry in begun:
        assert entry.error  # noqa: S101  (the others had a result)
        yield entry.name, entry.error


def code_and_sentence(error: ClassifierError | OSError) -> tuple[str, str]:
    """A stable code for programs and a sentence for people."""
    found = as_ours(error)
    return found.code, found.message


def as_ours(error: ClassifierError | OSError) -> ClassifierError:
    """The error itself, or for an error of the operating system the `ClassifierError` with the same meaning."""
    if isinstance(error, ClassifierError):
        return error
    if isinstance(error, FileNotFoundError):
        return MissingFileError()
    if isinstance(error, PermissionError):
        return ForbiddenFileError(user=files.user(), remedy=files.remedy(error.filename))
    return UnreadableFileError(reason=error.strerror or str(error))


def pictures(folder: str) -> list[Entry]:
    """The pictures in and below a folder, sorted; entries with an error if there are none or it cannot be listed."""
    found: list[Entry] = []

    def refuse(error: OSError) -> None:
        found.append(Entry(error.filename, UnlistedFolderError(reason=files.reason(error))))

    for path, folders, names in os.walk(folder, onerror=refuse):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        found += (Entry(os.path.join(path, name)) for name in sorted(names) if is_picture(os.path.join(path, name)))
    return found or [Entry(folder, NoPicturesError(endings=list(ENDINGS)))]


def is_picture(file: str) -> bool:
    """Whether a file in a folder is meant to be a picture, rather than something that lies beside pictures.

    It is if its name has a picture's ending: then it is tried, and damage in it is reported. With any other ending, or
    none, it is if it begins as a picture does. Hidden files, and texts by their ending, are not; nor is what cannot be
    read, since it may be anything.
    """
    name = os.path.basename(file).lower()
    if name.startswith(".") or name.endswith(_TEXTS):
        return False
    return name.endswith(ENDINGS) or _begins_as_picture(file)


def _begins_as_picture(file: str) -> bool:
    try:
        if not stat.S_ISREG(os.stat(file).st_mode):
            return False
        with open(file, "rb", buffering=0) as opened:
            beginning = opened.read(_BEGINNING)
    except OSError:
        return False
    # A text may begin with the two letters of a BMP. No text has the byte 0, and the head of every picture has.
    return b"\0" in beginning and sniff(beginning) is not None


def _open(name: str, max_bytes: int) -> Path | bytes:
    """The path or the bytes to classify; refuses pipes and devices, on which reading might wait without end."""
    if name == STDIN:
        # Read here, not in the decoding thread: a read there could not be interrupted.
        data = sys.stdin.buffer.read(max_bytes + 1) if sys.stdin else b""
        if not data:
            raise EmptyInputError
        return data
    try:
        found = os.stat(name)
    except ValueError as error:  # a list of files can have names with NUL, or with letters that the locale lacks
        raise UnreadableFileError(reason=f"no file can have that name ({error})") from error
    if not stat.S_ISREG(found.st_mode):
        raise NotAFileError
    if not found.st_size:
        raise EmptyFileError
    return Path(name)
