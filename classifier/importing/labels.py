"""Labels: one on each line, as most tools write them, or numbered, as Teachable Machine does (`0 Cat`)."""

from __future__ import annotations

import re
from pathlib import Path

from classifier.errors import ModelFileError

_MOST_BYTES = 5_000_000
_NUMBERED = re.compile(r"(\d+)[\s:,]+(\S.*)")


def read(file: Path) -> tuple[str, ...]:
    """Reads a labels file.

    Raises:
        ModelFileError: it is missing, or no text with a label on each line.
    """
    try:
        with file.open("rb") as stream:
            data = stream.read(_MOST_BYTES + 1)
    except OSError as error:
        raise ModelFileError(f"{file}: the labels cannot be read: {error.strerror}.") from error
    return parse(data, str(file))


def parse(data: bytes, name: str) -> tuple[str, ...]:
    """Labels from a file's content.

    Args:
        data: UTF-8 text; empty lines at the end do not count.
        name: of the file, for messages.

    Returns:
        The labels in the order of the model's output; numbers before them that count from 0 are taken away.

    Raises:
        ModelFileError: it is no such text.
    """
    if len(data) > _MOST_BYTES:
        raise ModelFileError(f"{name}: a labels file of more than {_MOST_BYTES // 10**6} MB is none.")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ModelFileError(f"{name}: the labels are not UTF-8 text. Save them as UTF-8.") from error
    if "\0" in text:
        raise ModelFileError(f"{name}: the labels are not UTF-8 text. Save them as UTF-8.")
    lines = [line.strip() for line in text.rstrip().splitlines()]
    if not lines:
        raise ModelFileError(f"{name}: there is no label in it. Write one on each line.")
    if empty := [number for number, line in enumerate(lines, 1) if not line]:
        raise ModelFileError(f"{name}: line {empty[0]} is empty. Write a label on each line.")
    numbered = [_NUMBERED.fullmatch(line) for line in lines]
    if all(match and int(match[1]) == index for index, match in enumerate(numbered)):
        return tuple(match[2] for match in numbered if match)
    return tuple(lines)


def are_numbered(file: Path) -> bool:
    """Whether the first line begins with 0 and a label, as Teachable Machine writes it."""
    try:
        with file.open("rb") as stream:
            return re.match(rb"(\xef\xbb\xbf)?0 \S", stream.read(16)) is not None
    except OSError:
        return False
