"""Keras files and SavedModels, read with TensorFlow; `.h5` files become `.keras`, which need no trust afterwards."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from classifier.backends import gpu, model_files
from classifier.backends.model_files import Loaded, is_hdf5
from classifier.backends.names import TENSORFLOW
from classifier.errors import BackendError, ModelFileError, PackageError
from classifier.importing.litert import one_of_each
from classifier.importing.network import Activation, Network, Run
from classifier.importing.options import Scaling
from classifier.importing.scaling import OWN, from_arithmetic
from classifier.machine.cpus import cpu_count

# Layers before a model's own scaling that leave values as they are, at least when it classifies.
_HARMLESS = ("InputLayer", "Resizing", "CenterCrop", "Dropout", "Reshape", "Identity", "Activation")


def read(file: Path, *, trust: bool, link: bool = False) -> Network:
    """Reads a `.keras` or `.h5` file, or a SavedModel.

    Args:
        file: the file, or the SavedModel's folder.
        trust: whether code in it may run.
        link: whether the package links to it rather than holding a copy.

    Raises:
        ModelFileError: it is none, a broken one, or not one of pictures.
        TrustError: there may be code in it, and it is not trusted.
        BackendError: TensorFlow is not installed.
    """
    if not TENSORFLOW.installed:
        raise BackendError(
            f"{file}: reading this kind of model needs TensorFlow, which is not installed. {TENSORFLOW.hint}"
        )
    try:
        if not trust and file.is_file():
            model_files.refuse_untrusted(file)  # before TensorFlow, which takes seconds
        gpu.hide_unusable()
        from classifier.backends.tensorflow import cast, configure, trace

        configure(cpu_count())
        loaded = model_files.load(file, trust=trust)
    except PackageError as error:
        raise ModelFileError(error.message) from error
    if loaded.inputs is not None:
        one_of_each(file, len(loaded.inputs), 1 if loaded.outputs is None else loaded.outputs)
    if loaded.dtype == "string":
        raise ModelFileError(
            f"{file}: its input is text (the bytes of a file, perhaps), not numbers. Export it with a picture's values "
            "as its input."
        )
    keras_model = None if file.is_dir() else loaded.model

    def function(image: Any) -> Any:
        return _scores(loaded.call(cast(image, loaded.dtype)))

    def open_(shape: tuple[int, ...]) -> Run:
        traced = trace(loaded, shape)

        def run(values: NDArray[np.float32]) -> NDArray[np.float32]:
            return np.asarray(_scores(traced(values)).numpy(), np.float32)

        try:
            run(np.zeros((1, *shape), np.float32))
        except Exception as error:  # whatever a layer says of a shape
            said = " ".join(str(error).split())[:300]
            raise ModelFileError(f"{file}: it does not take an input of the shape {(1, *shape)}: {said}") from error
        return run

    def write(folder: Path) -> str:
        return _write(file, loaded, folder, link)

    return Network(
        file=file,
        kind=_kind(file),
        form="tensorflow",
        shape=loaded.inputs[0] if loaded.inputs else (None, None, None, 3),
        open=open_,
        write=write,
        activation=_activation(keras_model),
        scaling=_scaling(keras_model) if keras_model is not None else None,
        function=function,
    )


def _scores(result: Any) -> Any:
    """The one output of a model, which a signature gives by its name."""
    return next(iter(result.values())) if isinstance(result, dict) else result


def _kind(file: Path) -> str:
    if file.is_dir():
        return "TensorFlow SavedModel"
    return "Keras model in an .h5 file" if is_hdf5(file) else "Keras model"


def _write(file: Path, loaded: Loaded, folder: Path, link: bool) -> str:
    if file.is_dir():
        if link:
            os.symlink(file.absolute(), folder / "saved_model")
        else:
            shutil.copytree(file, folder / "saved_model", ignore=shutil.ignore_patterns("labels*.txt", ".*"))
        return "saved_model"
    target = folder / "model.keras"
    if is_hdf5(file) or loaded.legacy:
        loaded.model.save(target)
    elif link:
        os.symlink(file.absolute(), target)
    else:
        shutil.copyfile(file, target)
    return target.name


def _activation(model: Any) -> Activation | None:
    """The last operation of a Keras model, looking into models in it; None where that does not tell."""
    layer = model
    while layer is not None and hasattr(layer, "layers"):
        history = getattr(getattr(layer, "output", None), "_keras_history", None)
        inner = layer.layers[-1] if layer.layers else None
        layer = history.operation if history is not None and history.operation is not layer else inner
    name = type(layer).__name__
    if name in ("Softmax", "Sigmoid"):
        return "softmax" if name == "Softmax" else "sigmoid"
    called = getattr(getattr(layer, "activation", None), "__name__", "")
    return "softmax" if called == "softmax" else "sigmoid" if called == "sigmoid" else None


def _scaling(model: Any) -> Scaling | None:
    """The values that a Keras model takes, where its first layers are such as scale them."""
    for layer in _along(model):
        name = type(layer).__name__
        if name == "Rescaling":
            scale, offset = np.asarray(layer.scale, np.float64), np.asarray(layer.offset, np.float64)
            return _because(from_arithmetic([("*", scale), ("+", offset)]), name)
        if name == "Normalization":
            mean, variance = (np.asarray(one, np.float64) for one in (layer.mean, layer.variance))
            return _because(from_arithmetic([("-", mean), ("/", np.sqrt(variance))]), name)
        if name not in _HARMLESS and not name.startswith("Random"):
            return None
    return None


def _because(scaling: Scaling | None, layer: str) -> Scaling | None:
    return scaling.because(f"{OWN}, by a {layer} layer") if scaling else None


def _along(model: Any) -> Iterator[Any]:
    """The layers of a model in order, those of models in it at their place."""
    for layer in model.layers:
        if hasattr(layer, "layers"):
            yield from _along(layer)
        else:
            yield layer
