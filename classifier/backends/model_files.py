"""TensorFlow's model files: `.keras`, `.h5` and SavedModel folders, loaded only as far as they are trusted.

Loading a model file can run code that is in it: a Lambda layer holds Python bytecode, an `.h5` file is read by a part
of Keras that did not heed `safe_mode` (CVE-2025-9905), and a SavedModel can hold operations that read and write files.
So a file is looked through before it is loaded.
"""

from __future__ import annotations

import json
import re
import shutil
import tempfile
import warnings
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from classifier.backends.legacy_keras import mend
from classifier.errors import PackageError, TrustError

HDF5 = b"\x89HDF\r\n\x1a\n"
SAVED_MODEL = "saved_model.pb"
_MOST_JSON = 50_000_000  # bytes of a configuration; the largest of Keras's own applications has 1.5 MB
_LAMBDA = ("Lambda", "__lambda__")
_FILE_OPERATIONS = ("ReadFile", "WriteFile")


@dataclass(frozen=True, slots=True)
class Loaded:
    """A model in TensorFlow's memory.

    Attributes:
        call: a batch to its scores, or to a dictionary of outputs.
        inputs: shape of each input, with the batch, None where any size goes; None where the file does not tell.
        outputs: number of outputs; None where the file does not tell.
        dtype: of the input, as TensorFlow names it.
        model: the Keras model, or the SavedModel, which must live as long as `call`.
        legacy: whether Keras 2 wrote it.
    """

    call: Callable[[Any], Any]
    inputs: tuple[tuple[int | None, ...], ...] | None
    outputs: int | None
    dtype: str
    model: Any
    legacy: bool = False

    @property
    def single(self) -> bool:
        """Whether it takes one picture at a time and no more."""
        return self.inputs is not None and len(self.inputs) > 0 and self.inputs[0][:1] == (1,)


def is_hdf5(file: Path) -> bool:
    """Whether the content is HDF5, as an `.h5` file's is."""
    if not file.is_file():
        return False
    with file.open("rb") as stream:
        return stream.read(len(HDF5)) == HDF5


def load(file: Path, *, trust: bool = False) -> Loaded:
    """Loads a model.

    Args:
        file: a `.keras` or `.h5` file, or a SavedModel's folder.
        trust: whether code in it may run.

    Raises:
        TrustError: there may be code in it, and it is not trusted.
        PackageError: it is no such model, or a broken one.
    """
    if not trust:
        refuse_untrusted(file)
    try:
        with warnings.catch_warnings():  # about how the model was made, which is nobody's to mend here
            warnings.simplefilter("ignore")
            return _saved_model(file) if file.is_dir() else _keras(file, trust)
    except PackageError:
        raise
    except Exception as error:  # Keras and TensorFlow raise whatever a broken file leads them to
        raise PackageError(f"{file}: {_reason(error)}") from error


def refuse_untrusted(file: Path) -> None:
    """Refuses a file that may have code in it; looks at it without TensorFlow, but for a SavedModel.

    Raises:
        TrustError: there may be some.
        PackageError: the file is broken.
    """
    why = ""
    try:
        if file.is_dir():
            if operations := _file_operations(file):
                why = f"it reads or writes files when it runs ({', '.join(operations)})"
        elif is_hdf5(file):
            why = "an .h5 file can run code when it is loaded (CVE-2025-9905)"
        elif _has_lambda(_config(file)[0]):
            why = "it has a Lambda layer, which is code that runs when it is loaded"
    except (OSError, ValueError, KeyError, RuntimeError, zipfile.BadZipFile) as error:
        raise PackageError(f"{file}: {_reason(error)}") from error
    if why:
        raise TrustError(
            f"{file}: {why}. If you made it, or trust those who did, say so: --trust, or CLASSIFIER_TRUST=1 "
            "where a variable starts the server."
        )


def _keras(file: Path, trust: bool) -> Loaded:
    import keras

    config, version = _config(file)
    legacy = not version.startswith("3")
    mended = mend(config) if legacy else config
    with _with_config(file, mended, changed=mended != config) as whole:
        model = keras.saving.load_model(whole, compile=False, safe_mode=not trust)
    inputs = getattr(model, "inputs", None)
    shapes = tuple(tuple(one.shape) for one in inputs) if inputs else None
    outputs = getattr(model, "outputs", None) if inputs else None

    def call(image: Any) -> Any:
        return model(image, training=False)

    return Loaded(call, shapes, len(outputs) if outputs else None, "float32", model, legacy)


def _file_operations(folder: Path) -> list[str]:
    from google.protobuf.message import DecodeError
    from tensorflow.core.protobuf import saved_model_pb2

    try:
        saved = saved_model_pb2.SavedModel.FromString((folder / SAVED_MODEL).read_bytes())
    except DecodeError as error:
        raise PackageError(f"{folder}: {_reason(error)}") from error
    found: set[str] = set()
    for graph in (meta.graph_def for meta in saved.meta_graphs):
        nodes = (*graph.node, *(node for function in graph.library.function for node in function.node_def))
        found |= {node.op for node in nodes} & set(_FILE_OPERATIONS)
    return sorted(found)


def _saved_model(folder: Path) -> Loaded:
    import tensorflow as tf

    model = tf.saved_model.load(str(folder))
    signatures = dict(model.signatures)
    if not signatures:
        raise PackageError(
            f"{folder}: this SavedModel has no signature, so nothing says how to call it. "
            "Save it with one: model.export(folder) of Keras 3, or tf.saved_model.save(model, folder, signatures=...)."
        )
    default = signatures.get("serving_default")
    if default is None and len(signatures) > 1:
        raise PackageError(
            f"{folder}: this SavedModel has the signatures {', '.join(signatures)}. "
            "Call the one to use serving_default."
        )
    signature = default or next(iter(signatures.values()))
    _, keywords = signature.structured_input_signature
    shapes = tuple(tuple(one.shape) if one.shape.rank is not None else () for one in keywords.values())
    name = next(iter(keywords), "")
    dtype = keywords[name].dtype.name if keywords else "float32"

    def call(image: Any) -> Any:
        return signature(**{name: image})

    return Loaded(call, shapes, len(signature.structured_outputs), dtype, model)


def _config(file: Path) -> tuple[Any, str]:
    """A Keras file's configuration, and the version of the Keras that wrote it."""
    if is_hdf5(file):
        import h5py

        with h5py.File(file, "r") as opened:
            text, version = opened.attrs.get("model_config"), opened.attrs.get("keras_version", "")
        if text is None:
            raise PackageError(
                f"{file}: there are only weights in it, no model. Save the whole model: model.save(...)."
            )
        return json.loads(text), version if isinstance(version, str) else version.decode()
    with zipfile.ZipFile(file) as archive:
        config = _member(archive, "config.json")
        return config, str(_member(archive, "metadata.json").get("keras_version", ""))


def _member(archive: zipfile.ZipFile, name: str) -> Any:
    with archive.open(name) as stream:
        data = stream.read(_MOST_JSON + 1)
    if len(data) > _MOST_JSON:
        raise PackageError(f"{archive.filename}: its {name} is larger than any model's.")
    return json.loads(data)


def _has_lambda(config: Any) -> bool:
    todo = [config]
    while todo:
        one = todo.pop()
        if isinstance(one, dict):
            if one.get("class_name") in _LAMBDA:
                return True
            todo += one.values()
        elif isinstance(one, list):
            todo += one
    return False


@contextmanager
def _with_config(file: Path, config: Any, *, changed: bool) -> Iterator[Path]:
    """The file with another configuration: a temporary copy, or itself where nothing changes."""
    hdf5 = is_hdf5(file)
    if not changed and file.suffix == (".h5" if hdf5 else ".keras"):  # Keras goes by the ending
        yield file
        return
    with tempfile.TemporaryDirectory(prefix="classifier-") as folder:
        copy = Path(folder) / ("model.h5" if hdf5 else "model.keras")
        if not changed:
            copy.symlink_to(file.absolute())
        elif hdf5:
            import h5py

            shutil.copyfile(file, copy)
            with h5py.File(copy, "r+") as opened:
                opened.attrs["model_config"] = json.dumps(config)
        else:
            with zipfile.ZipFile(file) as source, zipfile.ZipFile(copy, "w") as target:
                for entry in source.infolist():
                    with target.open(entry.filename, "w", force_zip64=True) as out:
                        if entry.filename == "config.json":
                            out.write(json.dumps(config).encode())
                        else:
                            with source.open(entry) as stream:
                                shutil.copyfileobj(stream, out)
        yield copy


def _reason(error: Exception) -> str:
    """What Keras or TensorFlow said, in one line of moderate length."""
    said = " ".join(str(error).split()) or type(error).__name__
    if unknown := re.search(r"Could not locate class '([^']+)'", said):
        return (
            f"it has a layer {unknown[1]} that Keras does not know. Where the model was made, save it as a SavedModel "
            "with model.export(folder), and use that."
        )
    cause = said.rpartition("Exception encountered: ")[2]  # Keras tells the configuration first, and this last
    return f"TensorFlow cannot load it; it is no whole model, or not of a kind that is known: {cause[:300]}"
