"""What lies at the path that somebody names: a model file, a SavedModel, or a folder or zip with one and its labels."""

from __future__ import annotations

import shutil
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Literal

from classifier.backends.model_files import HDF5, SAVED_MODEL
from classifier.errors import ModelFileError
from classifier.importing import labels

Kind = Literal["tflite", "keras", "h5", "saved_model", "onnx"]

_ENDINGS = {".tflite": "tflite", ".keras": "keras", ".h5": "h5", ".hdf5": "h5", ".onnx": "onnx"}
_LABELS = ("labels.txt", "label.txt", "class_names.txt", "classes.txt")
# What Teachable Machine calls its exports: Keras, TensorFlow Lite as floats and quantised.
_TEACHABLE = ("keras_model.h5", "model_unquant.tflite", "model.tflite", "model_edgetpu.tflite")
_MOST_BYTES = 4_000_000_000
_MOST_FILES = 10_000
KNOWN = "a .tflite, .keras, .h5 or .onnx file, a SavedModel's folder, or a folder or zip that holds one of these"


@dataclass(frozen=True, slots=True)
class Source:
    """A model that was found.

    Attributes:
        file: the model's file, or the SavedModel's folder.
        kind: its format, by content.
        labels: the labels file beside it, if there is one.
        teachable_machine: whether Teachable Machine exported it.
    """

    file: Path
    kind: Kind
    labels: Path | None
    teachable_machine: bool


def find(path: Path, scratch: Path) -> Source:
    """Finds the model.

    Args:
        path: what was named.
        scratch: an empty folder, for what is taken out of a zip.

    Raises:
        ModelFileError: there is none, or more than one.
    """
    if not path.exists():
        raise ModelFileError(f"{path}: there is no such file or folder.")
    if path.is_dir():
        return _folder(path, path)
    kind = _kind(path)
    if kind is None and zipfile.is_zipfile(path):
        _unpack(path, scratch)
        return _folder(scratch, path)
    if kind is None:
        raise ModelFileError(f"{path}: this is no model file that is known. Give {KNOWN}.")
    return _source(path, kind)


def _source(file: Path, kind: Kind) -> Source:
    places = (file, file.parent) if file.is_dir() else (file.parent,)
    beside = next((place / name for place in places for name in _LABELS if (place / name).is_file()), None)
    named = file.name in _TEACHABLE or file.name == "model.savedmodel"
    return Source(file, kind, beside, named and beside is not None and labels.are_numbered(beside))


def _folder(folder: Path, named: Path) -> Source:
    if (folder / SAVED_MODEL).is_file():
        return _source(folder, "saved_model")
    models: list[tuple[Path, Kind]] = []
    for path in sorted(folder.iterdir()):
        if path.is_dir() and (path / SAVED_MODEL).is_file():
            models.append((path, "saved_model"))
        elif path.is_file() and path.suffix.lower() in _ENDINGS and (kind := _kind(path)):
            models.append((path, kind))
    inner = [path for path in folder.iterdir() if path.is_dir() and not path.name.startswith(("__", "."))]
    if not models and len(inner) == 1:  # a zip of one folder
        return _folder(inner[0], named)
    if not models:
        raise ModelFileError(f"{named}: there is no model in it. Give {KNOWN}.")
    if len(models) > 1:
        have = ", ".join(path.name for path, _ in models)
        raise ModelFileError(f"{named}: there are several models in it: {have}. Give the path of one.")
    return _source(*models[0])


def _kind(file: Path) -> Kind | None:
    """A model file's format by its content; ONNX has no mark, so there its name counts."""
    with file.open("rb") as stream:
        head = stream.read(len(HDF5))
    if head[4:8] == b"TFL3":
        return "tflite"
    if head == HDF5:
        return "h5"
    if head[:2] == b"PK" and zipfile.is_zipfile(file):
        with zipfile.ZipFile(file) as archive:
            names = set(archive.namelist())
        return "keras" if {"config.json", "metadata.json"} <= names else None
    claimed = _ENDINGS.get(file.suffix.lower())
    if claimed == "onnx":
        return "onnx"
    if claimed:
        raise ModelFileError(
            f"{file}: by its name it is a {file.suffix} model, by its content it is not: it is damaged, cut off, or "
            "something else."
        )
    return None


def _unpack(path: Path, folder: Path) -> None:
    """Takes models and labels out of a zip, and nothing else, within bounds and inside `folder`."""
    try:
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
            roots = [PurePosixPath(entry.filename).parent for entry in entries if _is(entry, SAVED_MODEL)]
            wanted = [
                entry for entry in entries if _wanted(PurePosixPath(entry.filename), roots) and not entry.is_dir()
            ]
            if len(wanted) > _MOST_FILES or sum(entry.file_size for entry in wanted) > _MOST_BYTES:
                raise ModelFileError(
                    f"{path}: what is in it is larger than {_MOST_BYTES // 10**9} GB. Unpack it first."
                )
            for entry in wanted:
                target = folder.joinpath(*PurePosixPath(entry.filename).parts)
                target.parent.mkdir(parents=True, exist_ok=True)
                # zipfile reads no more than the size that the entry declares, and that was counted.
                with archive.open(entry) as stream, target.open("wb") as out:
                    shutil.copyfileobj(stream, out)
    except (zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError, zlib.error) as error:
        raise ModelFileError(f"{path}: the zip file is damaged, cut off, or locked with a password: {error}") from error


def _is(entry: zipfile.ZipInfo, name: str) -> bool:
    return PurePosixPath(entry.filename).name == name


def _wanted(path: PurePosixPath, roots: list[PurePosixPath]) -> bool:
    if path.is_absolute() or ".." in path.parts or "__MACOSX" in path.parts:
        return False
    if path.name in _LABELS or path.suffix.lower() in _ENDINGS:
        return True
    return any(root in path.parents for root in roots)
