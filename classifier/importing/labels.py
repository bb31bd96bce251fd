"""Labels as training tools write them: one on each line, or numbered, as Teachable Machine does (`0 Cat`)."""

from __future__ import annotations

import re
from pathlib import Path

from classifier.errors import ModelFileError
from classifier.formatting import whole_number
from classifier.package import labels

_NUMBERED = re.compile(r"(\d+)[\s:,]+(\S.*)")


def read(file: Path) -> tuple[str, ...]:
    """Reads a labels file, without the numbers before its labels.

    Raises:
        ModelFileError: the file is missing, or is not text with a label on each line.
    """
    return _without_numbers(labels.read(file, ModelFileError))


def parse(data: bytes, name: str) -> tuple[str, ...]:
    """Labels from a file's content, without the numbers before them.

    Args:
        data: the content.
        name: the file's name, for messages.

    Raises:
        ModelFileError: the content is not text with a label on each line.
    """
    return _without_numbers(labels.parse(data, name, ModelFileError))


def are_numbered(file: Path) -> bool:
    """Whether the first line begins with 0 and a label, as Teachable Machine writes it."""
    try:
        with file.open("rb") as stream:
            return re.match(rb"(\xef\xbb\xbf)?0 \S", stream.read(16)) is not None
    except OSError:
        return False


def _without_numbers(lines: tuple[str, ...]) -> tuple[str, ...]:
    """The labels without their numbers if all lines are numbered, counting from 0; else the lines as they are."""
    numbered = [_NUMBERED.fullmatch(line) for line in lines]
    if all(match and whole_number(match[1], index) == index for index, match in enumerate(numbered)):
        return tuple(match[2] for match in numbered if match)
    return lines
