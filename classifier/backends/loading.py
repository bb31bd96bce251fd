"""Loads model files into TensorFlow: `.keras` and `.h5` files, also those of Keras 2, and SavedModels.

TensorFlow and Keras take seconds to import, so only the functions that need them import them.
"""

from __future__ import annotations

import copy
import json
import shutil
import tempfile
import warnings
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from classifier.backends import augmentation, known_layers
from classifier.backends.keras2 import weights
from classifier.backends.keras2.config import MODULES, mend
from classifier.backends.model_files import CONFIG, ModelFile, reason
from classifier.errors import PackageError


@dataclass(frozen=True, slots=True)
class Loaded:
    """A model in TensorFlow's memory.

    Attributes:
        call: maps a batch to its scores, or to a dictionary of outputs.
        inputs: shape of each input, batch included, with None for a dimension of any size; None if the file does not
            say.
        outputs: number of outputs; None if the file does not say.
        dtype: type of the input, as TensorFlow names it.
        model: the Keras model or the SavedModel, kept because `call` works only as long as it lives.
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
        """Whether its batch size is fixed at 1."""
        return self.inputs is not None and len(self.inputs) > 0 and self.inputs[0][:1] == (1,)


def load(file: ModelFile, *, trust: bool = False) -> Loaded:
    """Loads a Keras file or a SavedModel.

    Args:
        file: the model.
        trust: whether code in it may run.

    Raises:
        TrustError: the file may hold code, and `trust` is false.
        PackageError: the file is damaged, or is neither a Keras file nor a SavedModel.
    """
    if not trust:
        file.refuse_untrusted()
    try:
        with warnings.catch_warnings():  # they concern how the model was made, which cannot be changed here
            warnings.simplefilter("ignore")
            if file.kind == "saved_model":
                return _saved_model(file.path)
            if file.kind in ("keras", "h5"):
                return _keras(file, trust)
    except PackageError:
        raise
    except Exception as error:  # a damaged file makes Keras and TensorFlow raise errors of many classes
        raise PackageError(f"{file.path}: {reason(error)}") from error
    raise PackageError(
        f"{file.path}: TensorFlow cannot load it: it is not a .keras or .h5 file or a SavedModel's folder."
    )


def _keras(file: ModelFile, trust: bool) -> Loaded:
    version = file.keras_version
    legacy = not version.startswith("3")
    known_layers.refuse_keras_1(file.path, file.config, version)
    config = mend(file.config) if legacy else augmentation.without(file.config)
    known_layers.refuse_unknown(file.path, config)
    try:
        model = _of_keras_2(file, config) if legacy and file.kind == "h5" else _archived(file, config, trust)
    except PackageError:
        raise
    except Exception as error:
        known_layers.refuse_lambda(file.path, config, error)
        raise
    inputs = getattr(model, "inputs", None)
    shapes = tuple(tuple(tensor.shape) for tensor in inputs) if inputs else None
    outputs = getattr(model, "outputs", None) if inputs else None

    def call(image: Any) -> Any:
        return _named(model(image, training=False), model)

    return Loaded(call, shapes, len(outputs) if outputs else None, "float32", model, legacy)


def _named(result: Any, model: Any) -> Any:
    """What a model gives: its only output, or several by their names."""
    if not isinstance(result, list | tuple):
        return result
    if len(result) == 1:
        return result[0]
    names = list(getattr(model, "output_names", None) or ())
    if len(set(names)) != len(result):
        names = [f"output_{number}" for number in range(1, len(result) + 1)]
    return dict(zip(names, result, strict=True))


def _archived(file: ModelFile, config: Any, trust: bool) -> Any:
    """The model as Keras 3 loads it, with another configuration if that has to change."""
    import keras

    with _with_config(file, config) as whole:
        return keras.saving.load_model(whole, compile=False, safe_mode=not trust)


def _of_keras_2(file: ModelFile, config: Any) -> Any:
    """A Keras 2 model of an `.h5` file; such a file is loaded only if it is trusted."""
    import keras

    whole = {**copy.deepcopy(config), "module": MODULES[config["class_name"]], "registered_name": None}
    model = keras.saving.deserialize_keras_object(whole, safe_mode=False)
    weights.read(file.path, model)
    return model


def _saved_model(folder: Path) -> Loaded:
    import tensorflow as tf

    model = tf.saved_model.load(str(folder))
    signatures = dict(model.signatures)
    if not signatures:
        raise PackageError(
            f"{folder}: this SavedModel has no signature, so it is unknown how to call it. "
            "Save it with one: model.export(folder) of Keras 3, or tf.saved_model.save(model, folder, signatures=...)."
        )
    default = signatures.get("serving_default")
    if default is None and len(signatures) > 1:
        raise PackageError(
            f"{folder}: this SavedModel has the signatures {', '.join(signatures)}. "
            "Save it with the one to use under the name serving_default."
        )
    signature = default or next(iter(signatures.values()))
    _, keywords = signature.structured_input_signature
    shapes = tuple(tuple(spec.shape) if spec.shape.rank is not None else () for spec in keywords.values())
    name = next(iter(keywords), "")
    dtype = keywords[name].dtype.name if keywords else "float32"

    def call(image: Any) -> Any:
        return signature(**{name: image})

    return Loaded(call, shapes, len(signature.structured_outputs), dtype, model)


@contextmanager
def _with_config(file: ModelFile, config: Any) -> Iterator[Path]:
    """The file with another configuration: a temporary copy, or the file itself if nothing changes."""
    changed, ending = config != file.config, f".{file.kind}"
    if not changed and file.path.suffix == ending:  # Keras tells the format by the ending
        yield file.path
        return
    with tempfile.TemporaryDirectory(prefix="classifier-") as folder:
        copy = Path(folder, f"model{ending}")
        if not changed:
            copy.symlink_to(file.path.absolute())
        else:
            _copy_archive(file.path, copy, config)
        yield copy


def _copy_archive(file: Path, copy: Path, config: Any) -> None:
    with zipfile.ZipFile(file) as source, zipfile.ZipFile(copy, "w") as target:
        for entry in source.infolist():
            with target.open(entry.filename, "w", force_zip64=True) as out:
                if entry.filename == CONFIG:
                    out.write(json.dumps(config).encode())
                else:
                    with source.open(entry) as stream:
                        shutil.copyfileobj(stream, out)
