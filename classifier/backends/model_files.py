"""Model files on disk: their format, what is in them, and whether loading them could run code.

A `.keras` file can name code and files, an `.h5` file is read by a part of Keras that did not heed `safe_mode`
(CVE-2025-9905), and a SavedModel is a program whose operations can read and write files. So `loading.load` checks a
file first. Nothing here imports TensorFlow, except to check a SavedModel.
"""

from __future__ import annotations

import json
import re
import zipfile
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from classifier.backends import keras_classes, saved_model_operations
from classifier.backends.onnx_content import START, is_onnx
from classifier.errors import PackageError, TrustError
from classifier.formatting import printable
from classifier.machine import files

Kind = Literal["tflite", "keras", "h5", "saved_model", "onnx"]

ENDINGS: dict[Kind, tuple[str, ...]] = {
    "tflite": (".tflite",),
    "keras": (".keras",),
    "h5": (".h5", ".hdf5"),
    "onnx": (".onnx",),
}
"""The endings of each format's files, the usual one first; `kind_of` goes by content. A SavedModel is a folder."""

SAVED_MODEL = "saved_model.pb"
CONFIG, METADATA = "config.json", "metadata.json"
"""The members of a `.keras` file, which is a zip, that describe the model and the Keras that wrote it."""

HDF5 = b"\x89HDF\r\n\x1a\n"
"""The first bytes of an HDF5 file."""
_MOST_JSON = 50_000_000  # bytes of a configuration; the largest one among Keras's own applications has 1.5 MB
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")
# What Keras and TensorFlow add to a cause: frames of the stack, arguments, advice to the program that loads.
_BESIDE = re.compile(
    r"\n\s*(?:Arguments received by|Stack trace|Traceback|File \")|Please ensure (?:you are using|that)"
)
_PLACES = re.compile(r"['\"]?(?<!\w)/[^\s'\"]*classifier-[^\s'\",:;)]*['\"]?")


def kind_of(path: Path) -> Kind | None:
    """A model's format by its content; None if it is not a model.

    Raises:
        OSError: the file cannot be read.
    """
    if files.kind(path) == "folder":
        return "saved_model" if files.kind(path / SAVED_MODEL) else None
    head = files.read(path, len(HDF5))
    if head[4:8] == b"TFL3":
        return "tflite"
    if head == HDF5:
        return "h5"
    if head[:2] == b"PK" and {CONFIG, METADATA} <= _members(path):
        return "keras"
    return "onnx" if head[:1] == START and is_onnx(path) else None


@dataclass(frozen=True)
class ModelFile:
    """A model file, or a SavedModel's folder. Its content is read once, when first needed.

    Attributes:
        path: the file or the folder.
        kind: its format.
    """

    path: Path
    kind: Kind

    @classmethod
    def open(cls, path: Path) -> ModelFile:
        """The model at a path.

        Raises:
            PackageError: there is no such file, it cannot be read, or its format is unknown.
        """
        with files.refusing(PackageError, path):
            kind = kind_of(path)
        if kind is None:
            raise PackageError(f"{path}: this is not a model file of a known kind, or it is damaged or cut off.")
        return cls(path, kind)

    @cached_property
    def data(self) -> bytes:
        """The whole file, kept in memory.

        Raises:
            PackageError: it cannot be read.
        """
        with files.refusing(PackageError, self.path):
            return files.read(self.path)

    @property
    def config(self) -> Any:
        """The configuration of a Keras file, parsed from JSON.

        Raises:
            PackageError: the file is damaged or holds no model.
        """
        return self._description[0]

    @property
    def keras_version(self) -> str:
        """Which Keras wrote a Keras file, such as `3.10.0`; empty if it does not say.

        Raises:
            PackageError: the file is damaged or holds no model.
        """
        return self._description[1]

    @cached_property
    def _description(self) -> tuple[Any, str]:
        try:
            return _hdf5_description(self.path) if self.kind == "h5" else _archive_description(self.path)
        except (OSError, ValueError, KeyError, RuntimeError, zipfile.BadZipFile) as error:
            raise PackageError(f"{self.path}: {reason(error)}") from error

    @cached_property
    def risk(self) -> str:
        """Why loading the model could run code that is in it; empty if there is no such risk.

        Raises:
            PackageError: the file is damaged.
        """
        if self.kind == "h5":
            return "an .h5 file can run code when it is loaded (CVE-2025-9905)"
        if self.kind == "keras":
            return keras_classes.risk(self.config)
        return _saved_model_risk(self.path) if self.kind == "saved_model" else ""

    def refuse_untrusted(self) -> None:
        """Refuses a model that could run code when it is loaded.

        Raises:
            TrustError: the model could.
            PackageError: the file is damaged.
        """
        if self.risk:
            raise TrustError(
                f"{self.path}: {self.risk}. If you made it, or trust those who did, give the option --trust or set "
                "CLASSIFIER_TRUST=1."
            )


def reason(error: Exception) -> str:
    """Why a model cannot be loaded, in one line, from an error of Keras or TensorFlow."""
    said = _COLOURS.sub("", str(error))
    said = said.rpartition("Exception encountered: ")[2]  # Keras prints the whole configuration before the cause
    said = _BESIDE.split(said, maxsplit=1)[0]
    said = printable(_PLACES.sub("the file", " ".join(said.split()))) or type(error).__name__
    return f"TensorFlow cannot load it: it is damaged or cut off, or of a kind that is not supported: {said[:300]}"


def _members(path: Path) -> set[str]:
    """The names of the files in a zip; an empty set if it is damaged."""
    try:
        with zipfile.ZipFile(path) as archive:
            return set(archive.namelist())
    except (zipfile.BadZipFile, NotImplementedError):
        return set()


def _hdf5_description(path: Path) -> tuple[Any, str]:
    import h5py  # installed only together with TensorFlow

    with h5py.File(path, "r") as file:
        text, version = file.attrs.get("model_config"), file.attrs.get("keras_version", "")
    if text is None:
        raise PackageError(f"{path}: it holds only weights, not the model. Save the whole model: model.save(...).")
    return json.loads(text), version if isinstance(version, str) else version.decode()


def _archive_description(path: Path) -> tuple[Any, str]:
    with zipfile.ZipFile(path) as archive:
        return _json(archive, CONFIG), str(_json(archive, METADATA).get("keras_version", ""))


def _json(archive: zipfile.ZipFile, name: str) -> Any:
    with archive.open(name) as stream:
        data = stream.read(_MOST_JSON + 1)
    if len(data) > _MOST_JSON:
        raise PackageError(f"{archive.filename}: its {name} is over {_MOST_JSON // 10**6} MB, more than any model's.")
    return json.loads(data)


def _saved_model_risk(folder: Path) -> str:
    # TensorFlow takes seconds to import, and nothing else here needs it.
    from google.protobuf.message import DecodeError
    from tensorflow.core.protobuf import saved_model_pb2

    try:
        saved = saved_model_pb2.SavedModel.FromString((folder / SAVED_MODEL).read_bytes())
    except (OSError, DecodeError) as error:
        raise PackageError(f"{folder}: {reason(error)}") from error
    return saved_model_operations.risk(saved)
