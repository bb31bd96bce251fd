"""Reads the CSV file of a dataset, as people and programs write them: one row for each picture."""

from __future__ import annotations

import codecs
import csv
import io
import os
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from classifier.errors import InputError
from classifier.formatting import printable
from classifier.machine import files
from classifier.picture.formats import ENDINGS

# As their letters alone: `image_path`, `Image Path` and `imagePath` are the same. The first that is there counts.
_PATHS = (
    *("path", "file", "filename", "filepath", "image", "imagepath", "imagefile", "imagename", "picture"),
    *("img", "imgpath", "imgname", "photo", "x"),
)
_LABELS = (
    *("label", "class", "labels", "classname", "labelname", "target", "targets", "y", "category", "truth"),
    *("groundtruth", "ytrue", "wnid", "synset"),
    *("classid", "classindex", "classidx", "labelid", "labelindex", "labelidx"),
)
_DELIMITERS = {",": "commas", ";": "semicolons", "\t": "tabs"}
_SHOWN = 200  # characters of a wrong line
_MARKS = {  # the longer ones first: that of UTF-32 begins like that of UTF-16
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
_REMEDY = "Save it as CSV UTF-8."

csv.field_size_limit(2**31 - 1)  # a column that nobody needs may hold a whole picture, or thousands of numbers


@dataclass(frozen=True, slots=True)
class Row:
    """A picture's path as the file gives it, and what its label's cell holds."""

    path: str
    label: str


def read_rows(name: str, is_class: Callable[[str], bool]) -> list[Row]:
    """The rows of a CSV file; a header is optional, and the delimiter is a comma, a semicolon or a tab.

    Args:
        name: the file.
        is_class: whether a cell names a class, so that a first line with one is no header.

    Raises:
        InputError: naming the line that is wrong.
    """
    text = read_text(name)
    hint = re.match(r"sep=([,;\t])\r?\n", text)  # what Excel writes and hides
    if hint:
        text = text[hint.end() :]
    candidates = hint[1] if hint else "".join(_DELIMITERS)
    tables = {delimiter: _Table(name, text, delimiter, bool(hint)) for delimiter in candidates}
    best = max(tables.values(), key=lambda table: table.fitness)  # of equals the first
    return best.rows(is_class)


class _Table:
    """The file read with one delimiter."""

    def __init__(self, name: str, text: str, delimiter: str, hint: bool) -> None:
        self._name, self._text, self._delimiter, self._hint = name, text, delimiter, hint
        try:
            self._first = next(self._lines(), (1, []))[1]
        except InputError:  # by this delimiter; if by all, `rows` will say so
            self._first = []
        self._heads = [re.sub(r"[\W_]", "", cell.casefold()) for cell in self._first]
        self._path = next((self._heads.index(one) for one in _PATHS if one in self._heads), -1)
        self._labels = [self._heads.index(one) for one in _LABELS if one in self._heads]
        self._has_header = self._path >= 0 and any(at != self._path for at in self._labels)

    @property
    def fitness(self) -> int:
        """How well this delimiter fits the first line."""
        if self._has_header:
            return 4
        if len(self._first) == 2:
            return 3 if _is_picture(self._first[0]) else 2
        return int(len(self._first) > 2)

    def rows(self, is_class: Callable[[str], bool]) -> list[Row]:
        """The rows.

        Raises:
            InputError: see `read_rows`.
        """
        lines = list(self._lines())
        path, label, columns = 0, 1, 2
        if self._has_header:
            lines, columns = lines[1:], len(self._first)
            path, label = self._path, self._label_column([cells for _, cells in lines])
        elif lines and self._looks_like_a_header(is_class):
            raise InputError(
                f"{self._name}: line 1: this header is not understood: {_shown(self._first, self._delimiter)}. "
                "Call the column of the pictures `path` and that of their classes `label`."
            )
        rows = []
        for number, cells in lines:
            if len(cells) != columns or not cells[path].strip() or not cells[label].strip():
                raise InputError(
                    f"{self._name}: line {number}: expected {columns} values, path and label among them, "
                    f"found {_shown(cells, self._delimiter)}. "
                    f"Separate values by {_DELIMITERS[self._delimiter]}; quote those that hold one."
                )
            rows.append(Row(cells[path].strip(), cells[label].strip()))
        if not rows:
            raise InputError(f"{self._name}: this file lists no pictures. It needs a line `path,label` for each.")
        return rows

    def _label_column(self, rows: Sequence[Sequence[str]]) -> int:
        """The column of the classes: names before numbers, which may be those of another model."""
        columns = [at for at in self._labels if at != self._path]
        for at in columns:
            if not all(len(cells) > at and index_text(cells[at]).isdecimal() for cells in rows):
                return at
        return columns[0]

    def _looks_like_a_header(self, is_class: Callable[[str], bool]) -> bool:
        if len(self._first) < 2 or any(_is_picture(cell) or is_class(cell) for cell in self._first):
            return False
        there = os.path.join(os.path.dirname(self._name), self._first[0].strip())
        try:
            return not os.path.exists(there)
        except ValueError:
            return False

    def _lines(self) -> Iterator[tuple[int, list[str]]]:
        """Each line that is not empty, with its number."""
        lines = io.StringIO(self._text, newline="")
        reader = csv.reader(lines, delimiter=self._delimiter, skipinitialspace=True, strict=True)
        try:
            for cells in reader:
                if any(cell.strip() for cell in cells):
                    yield reader.line_num + self._hint, cells
        except csv.Error as error:
            raise InputError(f"{self._name}: this is no CSV file: {error}.") from error


def read_text(name: str) -> str:
    """A file as text: UTF-8, or UTF-16 or UTF-32 with its mark, as spreadsheets write it.

    Raises:
        InputError: it cannot be read, or is something else.
    """
    try:
        with files.open_file(Path(name)) as file:
            data = file.read()
    except OSError as error:
        raise InputError(f"{name}: this file cannot be read: {files.reason(error, name)}.") from error
    encoding = next((_MARKS[mark] for mark in _MARKS if data.startswith(mark)), "utf-8-sig")
    if encoding == "utf-8-sig" and data.count(0) > len(data) / 4:
        raise InputError(f"{name}: this is no text in UTF-8, but UTF-16 without the mark that says so. {_REMEDY}")
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        kind = encoding.removesuffix("-sig").upper()
        raise InputError(f"{name}: this is no CSV file in {kind}: {error.reason}. {_REMEDY}") from error


def index_text(cell: str) -> str:
    """A cell's text as an index is written: pandas makes 3.0 of 3 in a column where some are missing."""
    return cell.strip().removesuffix(".0")


def _is_picture(cell: str) -> bool:
    return cell.strip().lower().endswith(ENDINGS)


def _shown(cells: Sequence[str], delimiter: str) -> str:
    return repr(printable(delimiter.join(cells))[:_SHOWN])
