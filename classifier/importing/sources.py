"""Finds the model at a path: a model file, a SavedModel, or a folder or zip with one and its labels."""

from __future__ import annotations

import re
import shutil
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from mmap import ACCESS_READ, mmap
from pathlib import Path, PurePosixPath

from classifier.backends.model_files import ENDINGS, SAVED_MODEL, Kind, ModelFile, kind_of
from classifier.errors import ModelFileError
from classifier.formatting import listed, printable
from classifier.importing import huggingface, label_files, labels, told
from classifier.importing.foreign import kinds as foreign
from classifier.importing.foreign.look import Look
from classifier.importing.foreign.stray import POINTERS, ZIP
from classifier.machine import files

_ENDINGS = tuple(ending for endings in ENDINGS.values() for ending in endings)
TEACHABLE_GREY = "vww_96_grayscale_quantized.tflite"
"""File name of Teachable Machine's export for microcontrollers, which takes `pixel / 127 - 1`."""
# File names of Teachable Machine's exports: Keras, TensorFlow Lite with floats and quantised, and for microcontrollers.
_TEACHABLE = ("keras_model.h5", "model_unquant.tflite", "model.tflite", TEACHABLE_GREY)
TEACHABLE_ALONE = ("keras_model.h5", "model_unquant.tflite")
"""Those of the names that few others give to their files."""
_EDGE_TPU = "_edgetpu.tflite"  # the ending that the Edge TPU's compiler gives to what runs on nothing else
# Operations of TensorFlow 2 and 1 that hold a weight.
_VARIABLES = (b"VarHandleOp", b"VariableV2")
_PART = re.compile(r"variables\.data-\d{5}-of-(\d{5})")
_WHOLE = "Give the whole folder, with all of variables/ beside saved_model.pb."
_MOST_BYTES = 4_000_000_000
_MOST_FILES = 10_000
_MOST_LOOKS = 1_000  # files of a folder without a model that are looked at, to say what it holds
KNOWN = (
    f"a {listed(endings[0] for endings in ENDINGS.values())} file, a SavedModel's folder, "
    "or a folder or zip that holds one of these"
)


@dataclass(frozen=True, slots=True)
class Source:
    """A model that was found, and what lies beside it.

    Attributes:
        model: the model's file, or the SavedModel's folder.
        labels: the files beside it that may hold its labels, the surest names first.
        teachable_machine: whether Teachable Machine exported it.
    """

    model: ModelFile
    labels: tuple[label_files.Candidate, ...]
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
        look = Look.at(path)
        fits = foreign.kind(look)
        if zipfile.is_zipfile(path) and fits in (None, ZIP):
            return _zip(path, scratch)
    if fits:
        raise ModelFileError(f"{path}: {fits.sentence(look)}")
    raise ModelFileError(f"{path}: this is not a model file of a known kind. Give {KNOWN}.")


def _source(model: ModelFile) -> Source:
    file = model.path
    beside = label_files.beside(file)
    named = file.name in _TEACHABLE or file.name == "model.savedmodel"
    numbered = any(labels.are_numbered(one.path) for one in beside if one.path.name == "labels.txt")
    return Source(model, beside, named and numbered)


def _folder(folder: Path, named: Path) -> Source:
    if itself := _model(folder):
        return _source(itself)
    paths = sorted(folder.iterdir())
    models, refused = _models(filter(_could_be_model, paths))
    if not models and not refused:
        models, _ = _models(path for path in paths if path.is_file())
    if refused and not models:  # beside a model, what cannot be read is of no concern
        raise refused[0]
    models = [model for model in models if not model.path.name.endswith(_EDGE_TPU)] or models
    inner = [path for path in paths if path.is_dir() and not path.name.startswith(("__", "."))]
    if not models and len(inner) == 1:  # a zip of one folder
        return _folder(inner[0], named)
    if not models and (other := foreign.first(_looks(folder))):
        raise ModelFileError(f"{folder / other[0]}: {other[1]}")
    if not models:
        raise ModelFileError(f"{named}: it holds no model. Give {KNOWN}.")
    if len(models) > 1:
        have = ", ".join(printable(model.path.name) for model in models)
        raise ModelFileError(f"{named}: it holds several models: {have}. Give the path of one.")
    return _source(models[0])


def _models(paths: Iterable[Path]) -> tuple[list[ModelFile], list[OSError | ModelFileError]]:
    """The models at these paths, and why others cannot be read."""
    models: list[ModelFile] = []
    refused: list[OSError | ModelFileError] = []
    for path in paths:
        try:
            if model := _model(path):
                models.append(model)
        except (OSError, ModelFileError) as error:
            refused.append(error)
    return models, refused


def _looks(folder: Path) -> Iterator[tuple[str, Look]]:
    """The files in a folder and in those in it, hidden ones left out, by their paths from there."""
    for path in sorted(islice(folder.rglob("*"), _MOST_LOOKS)):
        inside = path.relative_to(folder)
        if not any(part.startswith((".", "__MACOSX")) for part in inside.parts) and path.is_file():
            with suppress(OSError):
                yield str(inside), Look.at(path)


def _zip(path: Path, scratch: Path) -> Source:
    """The model in a zip; errors name what is in it as that, not by where it was unpacked."""
    _unpack(path, scratch)
    try:
        return _folder(scratch, path)
    except (OSError, ModelFileError) as error:
        said = str(error) if isinstance(error, ModelFileError) else files.sentence(error)
        raise ModelFileError(told.inside(said, scratch, path)) from error


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
        if what := _no_model(path, kind):
            raise ModelFileError(f"{path}: {what}")
        return ModelFile(path, kind)
    if path.is_file() and path.suffix.lower() in _ENDINGS:
        look = Look.at(path)
        fits = foreign.kind(look)
        what = fits.sentence(look) if fits and fits is not ZIP else "it is damaged, cut off, or something else."
        raise ModelFileError(f"{path}: by its name it is a {path.suffix} model, by its content it is not: {what}")
    return None


def _no_model(path: Path, kind: Kind) -> str:
    """What it is, if it has the signature of a model and is none that can be loaded; else empty."""
    if kind == "saved_model":
        return _no_saved_model(path)
    if kind != "h5" or _has_model(path):
        return ""
    look = Look.at(path)
    fits = foreign.kind(look)
    return fits.sentence(look) if fits else ""


def _no_saved_model(folder: Path) -> str:
    """Why a SavedModel cannot be loaded: it is of another kind, or a file of it has not been fetched."""
    variables = sorted((folder / "variables").glob("variables.*"))
    module = [path for path in (folder / "tfhub_module.pb",) if path.is_file()]
    for path in (folder / SAVED_MODEL, *variables, *module):
        look = Look.at(path)
        if (fits := foreign.kind(look)) and (fits in POINTERS or path in module):
            return fits.sentence(look) if path in module else f"its {path.name} is not there: {fits.sentence(look)}"
    if variables and (gone := _missing(variables)):
        return f"its variables/{gone} is not there. {_WHOLE}"
    if not variables and any(word in (folder / SAVED_MODEL).read_bytes() for word in _VARIABLES):
        return f"its weights are not there. {_WHOLE}"
    return ""


def _missing(variables: list[Path]) -> str:
    """The name of the first of a SavedModel's files of weights that is not there; empty if all are."""
    names = [path.name for path in variables]
    parts = max((int(match[1]) for name in names if (match := _PART.fullmatch(name))), default=1)
    wanted = ("variables.index", *(f"variables.data-{part:05}-of-{parts:05}" for part in range(parts)))
    return next((name for name in wanted if name not in names), "")


def _has_model(path: Path) -> bool:
    """Whether an HDF5 file holds Keras' description of a model: the attribute's name, which is stored as it is.

    True for a file that is cut off, too, of which that cannot be told.
    """
    with files.open_file(path) as stream, mmap(stream.fileno(), 0, access=ACCESS_READ) as content:
        # The address of the end of the file, in the superblock of each version:
        # https://support.hdfgroup.org/documentation/hdf5/latest/_f_m_t3.html
        end = {0: 40, 1: 44}.get(content[8], 28) if len(content) > 52 else 0
        whole = end and int.from_bytes(content[end : end + 8], "little") <= len(content)
        return not whole or content.find(b"model_config") >= 0


def _unpack(path: Path, folder: Path) -> None:
    """Unpacks the models and what belongs to them, and nothing else, into `folder`; refuses a zip with too much."""
    try:
        with zipfile.ZipFile(path) as archive:
            entries = [entry for entry in archive.infolist() if not entry.is_dir()]
            roots = [PurePosixPath(entry.filename).parent for entry in entries if _is(entry, SAVED_MODEL)]
            wanted = [entry for entry in entries if _wanted(PurePosixPath(entry.filename), roots)]
            if not any(PurePosixPath(entry.filename).suffix.lower() in _ENDINGS for entry in wanted) and not roots:
                # No name tells which is the model: its content will.
                wanted = [entry for entry in entries if _harmless(PurePosixPath(entry.filename))]
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
        from classifier.importing.onnx import data as onnx_data
    except ModuleNotFoundError:  # the reader says what to install
        return set()
    return {model.parent / name for model in models for name in onnx_data.locations_in(model)}


def _is(entry: zipfile.ZipInfo, name: str) -> bool:
    return PurePosixPath(entry.filename).name == name


def _wanted(path: PurePosixPath, roots: list[PurePosixPath]) -> bool:
    if not _harmless(path):
        return False
    if path.name in huggingface.FILES or label_files.could_be(path.name) or path.suffix.lower() in _ENDINGS:
        return True
    return any(root in path.parents for root in roots)


def _harmless(path: PurePosixPath) -> bool:
    """Whether a path leads to a place in the folder, and is not what macOS adds."""
    return not path.is_absolute() and ".." not in path.parts and "__MACOSX" not in path.parts
