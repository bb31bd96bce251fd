"""Sentences as people can use them: without paths of temporary folders, without lines of other programs' code."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from classifier.errors import ClassifierError

_FRAME = re.compile(r'\s*File "[^"]*", line \d+(, in \S+)?( \*)?')
_GRAPH_NODE = re.compile(r"\s*(\[\[(\{\{[^}]*\}\})+\]\]|\{\{[^}]*\}\}|\[Op:[^\]]*\]( name: \S*)?|\(defined at [^)]*\))")


def inside(text: str, folder: Path, archive: Path) -> str:
    """A text in which what was unpacked into a folder is named as what it is in its archive."""
    if str(folder) not in text:
        return text
    for path in sorted(folder.rglob("*"), key=lambda path: len(str(path)), reverse=True):
        text = text.replace(str(path), f"{path.relative_to(folder)} in {archive}")
    return text.replace(str(folder), str(archive))


@contextmanager
def plainly(scratch: Path, source: Path, folder: Path, target: Path) -> Iterator[Callable[[str], str]]:
    """Makes each `ClassifierError` of the `with` block name what the user knows.

    Args:
        scratch: the folder into which a zip was unpacked.
        source: that zip, or the model.
        folder: where the package is made.
        target: where it will be.

    Yields:
        What does the same to any text.
    """

    def plain(text: str) -> str:
        text = inside(text, scratch, source).replace(str(folder), str(target))
        text = re.sub(rf"{re.escape(tempfile.gettempdir())}/classifier-[^/\s]+/", "", text)
        return _GRAPH_NODE.sub("", _FRAME.sub("", text)).replace(":  ", ": ")

    try:
        yield plain
    except ClassifierError as error:
        error.message = plain(error.message)
        error.args = (error.message,)
        raise
