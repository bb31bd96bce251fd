"""Labels files: read as they come, numbered ones too, and refused with the line that is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from classifier.errors import ModelFileError
from classifier.importing import labels


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("cat\ndog\n", ("cat", "dog")),
        ("\ufeffcat\r\n  dog \r\n\r\n", ("cat", "dog")),
        ("0 Cat\n1 Big Dog\n", ("Cat", "Big Dog")),
        ("0: cat\n1: dog\n", ("cat", "dog")),
        ("1 cat\n2 dog\n", ("1 cat", "2 dog")),  # no count from 0: part of the label
        ("0 cat\n2 dog\n", ("0 cat", "2 dog")),
        ("猫\n狗", ("猫", "狗")),
        ("10\n20\n", ("10", "20")),
    ],
)
def test_a_label_on_each_line(text: str, expected: tuple[str, ...]) -> None:
    assert labels.parse(text.encode(), "labels.txt") == expected


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"", "file is empty"),
        (b"\n \n", "file is empty"),
        (b"cat\n\ndog\n", "line 2 is empty"),
        ("Brot\nKäse".encode("latin-1"), "line 2 is not UTF-8"),
        (b"cat\0dog", "not UTF-8"),
        (b"a\n" * 3_000_000, "labels files over 5 MB are refused"),
    ],
)
def test_a_file_without_a_label_on_each_line_is_refused(data: bytes, problem: str) -> None:
    with pytest.raises(ModelFileError, match=rf"labels\.txt: .*{problem}"):
        labels.parse(data, "labels.txt")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match=r"none\.txt: the labels cannot be read: No such file"):
        labels.read(tmp_path / "none.txt")


def test_a_line_of_thousands_of_digits_is_a_label_like_any_other() -> None:
    assert labels.parse(f"0 a\n{'9' * 5000} b\n".encode(), "labels.txt") == ("0 a", f"{'9' * 5000} b")
