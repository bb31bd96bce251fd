"""Finds the model at a path: a model file, a SavedModel, or a folder or zip with one and its labels."""

from __future__ import annotations

import shutil
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from classifier.backends.model_files import ENDINGS, SAVED_MODEL, Kind, ModelFile, kind_of
from classifier.errors import ModelFileError
from classifier.formatting import listed
from classifier.importing import huggingface, labels
from classifier.machine import files

_ENDINGS = tuple(ending for endings in ENDINGS.values() for ending in endings)
_LABELS = ("labels.txt", "label.txt", "class_names.txt", "classes.txt", "class_indices.json", "labels.json")
TEACHABLE_GREY = "vww_96_grayscale_quantized.tflite"
"""File name of Teachable Machine's export for microcontrollers, which takes `pixel / 127 - 1`."""
# File names of Teachable Machine's exports: Keras, TensorFlow Lite with floats and quantised, and for microcontrollers.
_TEACHABLE = ("keras_model.h5", "model_unquant.tflite", "model.tflite", TEACHABLE_GREY)
_EDGE_TPU = "_edgetpu.tflite"  # the ending that the Edge TPU's compiler gives to what runs on nothing else
_MOST_BYTES = 4_000_000_000
_MOST_FILES = 10_000
KNOWN = (
    f"a {listed(endings[0] for endings in ENDINGS.values())} file, a SavedModel's folder, "
    "or a folder or zip that holds one of these"
)


@dataclass(frozen=True, slots=True)
class Source:
    """A model that was found, and what lies beside it.

    Attributes:
        model: the model's file, or the SavedModel's folder.
        labels: the labels file beside it, if there is one.
        teachable_machine: whether Teachable Machine exported it.
    """

    model: ModelFile
    labels: Path | None
    teachable_machine: bool

    @property
    def file(self) -> Path:
        """The path of the model."""
        return self.model.path

    @property
    def kind(self) -> Kind:
        """The model's format."""
        return self.model.kind


def find(path: Path, scratch: Path) -> Source:
    """Finds the model.

    Args:
        path: the file or folder.
        scratch: an empty folder to unpack a zip into.

    Raises:
        ModelFileError: there is no model, or more than one; or it cannot be read.
    """
    with files.refusing(ModelFileError, path):
        found = files.kind(path)
        if found is None:
            raise ModelFileError(f"{path}: there is no such file or folder.")
        if found == "folder":
            return _folder(path, path)
        if model := _model(path):
            return _source(model)
        if zipfile.is_zipfile(path):
            _unpack(path, scratch)
            return _folder(scratch, path)
    raise ModelFileError(f"{path}: this is not a model file of a known kind. Give {KNOWN}.")


def _source(model: ModelFile) -> Source:
    file = model.path
    places = (file, file.parent) if file.is_dir() else (file.parent,)
    beside = next((place / name for place in places for name in _LABELS if (place / name).is_file()), None)
    named = file.name in _TEACHABLE or file.name == "model.savedmodel"
    return Source(model, beside, named and beside is not None and labels.are_numbered(beside))


def _folder(folder: Path, named: Path) -> Source:
    if itself := _model(folder):
        return _source(itself)
    paths = sorted(folder.iterdir())
    models, refused = [], []
    for path in filter(_could_be_model, paths):
        try:
            if model := _model(path):
                models.append(model)
        except OSError as error:
            refused.append(error)
    if refused and not models:  # beside a model, what cannot be read is of no concern
        raise refused[0]
    models = [model for model in models if not model.path.name.endswith(_EDGE_TPU)] or models
    inner = [path for path in paths if path.is_dir() and not path.name.startswith(("__", "."))]
    if not models and len(inner) == 1:  # a zip of one folder
        return _folder(inner[0], named)
    if not models:
        raise ModelFileError(f"{named}: it holds no model. Give {KNOWN}.")
    if len(models) > 1:
        have = ", ".join(model.path.name for model in models)
        raise ModelFileError(f"{named}: it holds several models: {have}. Give the path of one.")
    return _source(models[0])


def _could_be_model(path: Path) -> bool:
    """Whether something in a folder is opened at all: a folder, or what has the name of a model."""
    return path.is_dir() or path.suffix.lower() in _ENDINGS


def _model(path: Path) -> ModelFile | None:
    """The model at a path, if there is one.

    Raises:
        OSError: it cannot be read.
        ModelFileError: the file's name is that of a model, but its content is not a model.
    """
    if kind := kind_of(path):
        files.check_readable(path)
        return ModelFile(path, kind)
    if path.is_file() and path.suffix.lower() in _ENDINGS:
        raise ModelFileError(
            f"{path}: by its name it is a {path.suffix} model, by its content it is not: it is damaged, cut off, or "
            "something else."
        )
    return None


def _unpack(path: Path, folder: Path) -> None:
    """Unpacks the models and what belongs to them, and nothing else, into `folder`; refuses a zip with too much."""
    try:
        with zipfile.ZipFile(path) as archive:
            entries = [entry for entry in archive.infolist() if not entry.is_dir()]
            roots = [PurePosixPath(entry.filename).parent for entry in entries if _is(entry, SAVED_MODEL)]
            wanted = [entry for entry in entries if _wanted(PurePosixPath(entry.filename), roots)]
            _extract(archive, wanted, folder)
            named = _data_files(folder)
            data = [entry for entry in entries if folder / entry.filename in named and entry not in wanted]
            _extract(archive, [*wanted, *data], folder, done=len(wanted))
    except (zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError, zlib.error) as error:
        raise ModelFileError(f"{path}: the zip file is damaged, cut off, or locked with a password: {error}") from error


def _extract(archive: zipfile.ZipFile, entries: list[zipfile.ZipInfo], folder: Path, done: int = 0) -> None:
    """Unpacks entries, of which some may be there already, unless all together are too much."""
    if len(entries) > _MOST_FILES or sum(entry.file_size for entry in entries) > _MOST_BYTES:
        raise ModelFileError(
            f"{archive.filename}: it holds over {_MOST_BYTES // 10**9} GB or {_MOST_FILES} files. Unpack it first."
        )
    with files.refusing(ModelFileError, folder, writing=True):
        for entry in entries[done:]:
            target = folder.joinpath(*PurePosixPath(entry.filename).parts)
            target.parent.mkdir(parents=True, exist_ok=True)
            # zipfile reads no more than the size that the entry declares, which the sum above includes.
            with archive.open(entry) as stream, target.open("wb") as out:
                shutil.copyfileobj(stream, out)


def _data_files(folder: Path) -> set[Path]:
    """The files in which the ONNX models in a folder say that their weights are."""
    models = [path for path in folder.rglob("*") if path.suffix.lower() in ENDINGS["onnx"]]
    if not models:
        return set()
    try:
        from classifier.importing import onnx_data
    except ModuleNotFoundError:  # the reader says what to install
        return set()
    return {model.parent / name for model in models for name in onnx_data.locations_in(model)}


def _is(entry: zipfile.ZipInfo, name: str) -> bool:
    return PurePosixPath(entry.filename).name == name


def _wanted(path: PurePosixPath, roots: list[PurePosixPath]) -> bool:
    if path.is_absolute() or ".." in path.parts or "__MACOSX" in path.parts:
        return False
    if path.name in (*_LABELS, *huggingface.FILES) or path.suffix.lower() in _ENDINGS:
        return True
    return any(root in path.parents for root in roots)
