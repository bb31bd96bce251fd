"""Pictures whose classes are known: a folder with one sub-folder per class, or a CSV file of paths and labels."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from classifier.errors import InputError, ParameterError
from classifier.evaluation.naming import ClassNames
from classifier.inputs import Entry, pictures
from classifier.machine import files
from classifier.package import ModelPackage
from classifier.picture.formats import ENDINGS

_PATH, _LABEL = ("path", "file", "filename", "image", "picture"), ("label", "class")


@dataclass(frozen=True, slots=True)
class Dataset:
    """The pictures to classify, and their true classes.

    Attributes:
        name: the folder or the file.
        entries: the pictures, and the folders that hold none.
        truths: the index of the true class of each entry.
        skipped: number of files in the folders without a picture's ending.
    """

    name: str
    entries: list[Entry]
    truths: list[int]
    skipped: int = 0


def read_dataset(name: str, package: ModelPackage, further: Sequence[str] = ()) -> Dataset:
    """Finds the pictures and their classes; opens no picture.

    Args:
        name: a folder with one sub-folder per class, or a CSV file of `path,label`, whose paths are relative to it.
            A header is optional; with one, the two columns may be anywhere among other columns.
        package: the model, whose labels name the classes.
        further: one more name for each class, in index order.

    Raises:
        InputError: when there is nothing of that name, it holds no picture, or a class is not the model's.
        ParameterError: when the model is `multi_label`: a picture has no single true class then.
    """
    if package.manifest.output.multi_label:
        raise ParameterError(
            f"The model {package.name} scores each label for itself (output.multi_label). "
            "Only models that choose one class for a picture can be evaluated and calibrated."
        )
    names = ClassNames(package, further)
    with files.refusing(InputError, name):
        found = files.kind(Path(name))
    if found == "folder":
        return _from_folder(name, names)
    if found is None:
        raise InputError(f"{name}: there is no such folder or CSV file.")
    rows = _rows(name)
    classes = names.find(label for _, label in rows)
    base = os.path.dirname(name) or "."
    return Dataset(name, [Entry(os.path.join(base, path)) for path, _ in rows], [classes[label] for _, label in rows])


def _from_folder(name: str, names: ClassNames) -> Dataset:
    try:
        inside = sorted(one for one in os.listdir(name) if not one.startswith("."))
    except OSError as error:
        raise InputError(f"{name}: this folder cannot be listed: {files.reason(error)}.") from error
    folders = [one for one in inside if os.path.isdir(os.path.join(name, one))]
    beside = [one for one in inside if one.lower().endswith(ENDINGS) and one not in folders]
    if beside or not folders:
        found = f"{len(beside)} pictures are beside them, such as {beside[0]}" if beside else "there is none"
        raise InputError(
            f"{name}: expected one sub-folder per class, but {found}. "
            "Sort the pictures into such folders, or give a CSV file of path,label."
        )
    classes = names.find(folders)
    entries: list[Entry] = []
    truths: list[int] = []
    for folder in folders:
        found_here = pictures(os.path.join(name, folder))
        entries += found_here
        truths += [classes[folder]] * len(found_here)
    read = sum(entry.error is None for entry in entries)
    if not read:
        raise InputError(f"{name}: none of its {len(folders)} sub-folders holds a picture ({', '.join(ENDINGS)}).")
    return Dataset(name, entries, truths, _files(name, folders) - read)


def _files(name: str, folders: Sequence[str]) -> int:
    """How many files are in and below the folders, without hidden ones."""
    count = 0
    for folder in folders:
        for _, below, inside in os.walk(os.path.join(name, folder)):
            below[:] = [one for one in below if not one.startswith(".")]
            count += sum(not one.startswith(".") for one in inside)
    return count


def _rows(name: str) -> list[tuple[str, str]]:
    """The paths and labels of a CSV file.

    Raises:
        InputError: naming the line that is wrong.
    """
    rows: list[tuple[str, str]] = []
    path = label = -1
    columns = 2
    try:
        with io.TextIOWrapper(files.open_file(Path(name)), "utf-8-sig", newline="") as file:
            reader = csv.reader(file, strict=True)
            for row in reader:
                if not any(cell.strip() for cell in row):
                    continue
                if path < 0:
                    heads = [cell.strip().casefold() for cell in row]
                    path = next((heads.index(one) for one in _PATH if one in heads), -1)
                    label = next((heads.index(one) for one in _LABEL if one in heads), -1)
                    if path >= 0 and label >= 0:
                        columns = len(row)
                        continue
                    path, label = 0, 1
                if len(row) != columns or not row[path].strip() or not row[label].strip():
                    raise InputError(
                        f"{name}: line {reader.line_num}: expected {columns} values, path and label among them, "
                        f"found {','.join(row)!r}. Separate values by commas; quote those that hold one."
                    )
                rows.append((row[path].strip(), row[label].strip()))
    except UnicodeDecodeError as error:
        raise InputError(f"{name}: this is no CSV file in UTF-8: {error.reason}.") from error
    except csv.Error as error:
        raise InputError(f"{name}: this is no CSV file: {error}.") from error
    except OSError as error:
        raise InputError(f"{name}: this file cannot be read: {files.reason(error, name)}.") from error
    if not rows:
        raise InputError(f"{name}: this file lists no pictures. It needs a line `path,label` for each.")
    return rows
