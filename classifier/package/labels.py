"""Labels files: UTF-8 text with a label on each line, in the order of the model's output."""

from __future__ import annotations

from pathlib import Path

from classifier.formatting import printable
from classifier.machine import files
from classifier.machine.files import Refusal
from classifier.package.manifest import MANIFEST

MAX_BYTES = 5_000_000


def read(file: Path, refusal: Refusal, *, classes: int | None = None) -> tuple[str, ...]:
    """Reads a labels file.

    Args:
        file: its path.
        refusal: the class of error to raise if the file is wrong.
        classes: the package's `output.classes`, which is how many labels there must be; any number if None.

    Returns:
        The labels without the white space around them.

    Raises:
        ClassifierError: of the class `refusal`: the file cannot be read, or is not a labels file.
    """
    labels = parse(content(file, refusal), str(file), refusal)
    if classes is not None and len(labels) != classes:
        raise refusal(
            f"{file}: expected {classes} labels, one on each line, as output.classes in {MANIFEST} says, "
            f"but found {len(labels)}."
        )
    return labels


def content(file: Path, refusal: Refusal) -> bytes:
    """A labels file's content, one byte more than `MAX_BYTES` at most.

    Args:
        file: its path.
        refusal: the class of error to raise if it cannot be read.

    Raises:
        ClassifierError: of the class `refusal`: the file cannot be read.
    """
    try:
        return files.read(file, MAX_BYTES + 1)
    except OSError as error:
        raise refusal(f"{printable(str(file))}: the labels cannot be read: {files.reason(error, file)}.") from error


def parse(data: bytes, name: str, refusal: Refusal) -> tuple[str, ...]:
    """Labels from a file's content.

    Args:
        data: the content; a byte order mark and empty lines at the end are ignored.
        name: the file's name, for messages.
        refusal: the class of error to raise if the content is wrong.

    Returns:
        The labels without the white space around them.

    Raises:
        ClassifierError: of the class `refusal`: the content is too large, empty, not UTF-8, or has an empty line.
    """
    if len(data) > MAX_BYTES:
        raise refusal(f"{name}: labels files over {MAX_BYTES // 10**6} MB are refused.")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        number = data.count(b"\n", 0, error.start) + 1
        raise refusal(f"{name}: line {number} is not UTF-8 text. Save the file as UTF-8.") from error
    if "\0" in text:
        raise refusal(f"{name}: this is not UTF-8 text, it has NUL characters. Save the file as UTF-8.")
    labels = tuple(line.strip() for line in text.rstrip().splitlines())
    if not labels:
        raise refusal(f"{name}: the labels file is empty. Write a label on each line.")
    if "" in labels:
        raise refusal(f"{name}: line {labels.index('') + 1} is empty. Write a label on each line.")
    return labels
