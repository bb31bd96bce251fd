"""Reads Keras files and SavedModels with TensorFlow; an `.h5` file is saved as `.keras`, which then needs no trust."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from classifier.backends import gpu
from classifier.backends.loading import Loaded, load
from classifier.backends.names import TENSORFLOW
from classifier.errors import BackendError, ModelFileError, PackageError
from classifier.formatting import one_line
from classifier.importing.network import Network, Run, check_one_of_each, layout
from classifier.importing.options import SCALES, Options, Scaling
from classifier.importing.outputs import Chosen, choose
from classifier.importing.sources import Source
from classifier.importing.tensorflow import outputs
from classifier.importing.tensorflow.graph import Graph
from classifier.importing.tensorflow.graph import read as read_graph
from classifier.importing.values.scaling import OWN
from classifier.importing.write import copy_or_link
from classifier.machine.cpus import cpu_count

_DESCRIPTIONS = {
    "keras": "Keras model",
    "h5": "Keras model in an .h5 file",
    "saved_model": "TensorFlow SavedModel",
}


def read(source: Source, options: Options) -> Network:
    """Reads a `.keras` or `.h5` file, or a SavedModel.

    Args:
        source: the file, or the SavedModel's folder.
        options: only `trust`, `link`, `size` and `output` are used.

    Raises:
        ModelFileError: the file is damaged, or the model does not take pictures.
        TrustError: the file may hold code, and `options.trust` is false.
        BackendError: TensorFlow is not installed.
    """
    file = source.file
    if not TENSORFLOW.installed:
        raise BackendError(
            f"{file}: reading this kind of model needs TensorFlow, which is not installed. {TENSORFLOW.remedy}"
        )
    try:
        if not options.trust and source.kind != "saved_model":
            # Before TensorFlow is imported, which takes seconds. SavedModels need it to be checked: `load` does that.
            source.model.refuse_untrusted()
        gpu.hide_unusable()
        from classifier.backends.tensorflow import cast, configure, trace

        configure(cpu_count())
        loaded = load(source.model, trust=options.trust)
    except PackageError as error:
        raise ModelFileError(error.message) from error
    if loaded.inputs is not None:
        check_one_of_each(file, len(loaded.inputs), 1)
    if loaded.dtype == "string":
        raise ModelFileError(
            f"{file}: its input is text (the bytes of a file, perhaps), not numbers. Export it with a picture's values "
            "as its input."
        )
    keras_model = None if source.kind == "saved_model" else loaded.model

    chosen: Chosen | None = None

    def scores(result: Any) -> Any:
        return result[chosen.scores] if chosen else _only(result)

    def function(image: Any) -> Any:
        result = loaded.call(cast(image, loaded.dtype))
        names = [chosen.scores, chosen.features] if chosen else []
        return {name: result[name] for name in names if name} or scores(result)

    def open_(shape: tuple[int, ...]) -> Run:
        traced = trace(loaded, shape)

        def run(values: NDArray[np.float32]) -> NDArray[np.float32]:
            return np.asarray(scores(traced(values)).numpy(), np.float32)

        try:
            run(np.zeros((1, *shape), np.float32))
        except Exception as error:  # layers raise errors of many classes
            said = one_line(error)
            raise ModelFileError(f"{file}: it does not take an input of the shape {(1, *shape)}: {said}") from error
        return run

    def write(folder: Path) -> str:
        return _write(source, loaded, folder, options.link)

    network = Network(
        file=file,
        description=_DESCRIPTIONS[source.kind],
        form="tensorflow",
        shape=loaded.inputs[0] if loaded.inputs else (None, None, None, 3),
        open=open_,
        write=write,
        function=function,
    )
    shape = layout(network, options.size).shape
    chosen = _chosen(file, loaded, shape, options.output)
    graph = read_graph(lambda image: scores(loaded.call(image)), shape, loaded.dtype)
    network = replace(network, output=chosen.scores if chosen else None, features=chosen.features if chosen else None)
    return _with_graph(network, graph, loaded, keras_model)


def _chosen(file: Path, loaded: Loaded, shape: tuple[int, ...], wanted: str | None) -> Chosen | None:
    """Which of several outputs has the scores; None if there is but one."""
    if loaded.outputs == 1 and wanted is None:
        return None
    found = outputs.read(loaded.call, shape, loaded.dtype)
    if not found:  # one tensor, or nothing that can be traced
        if loaded.outputs is not None:
            check_one_of_each(file, 1, loaded.outputs)
        return None
    if len(found) == 1 and wanted is None:
        return None
    return choose(file, found, wanted)


def _with_graph(network: Network, graph: Graph, loaded: Loaded, keras_model: Any) -> Network:
    """The model with what its graph tells of its values and scores."""
    scaling = _by_layer(graph.scaling, keras_model)
    if scaling is None and loaded.dtype == "uint8":
        scaling = SCALES["raw"].because("its input is of whole numbers, 0 to 255")
    return replace(network, activation=graph.activation, scaling=scaling, first_layer=graph.first_layer)


def _only(result: Any) -> Any:
    """The only output of a model; a SavedModel's signature returns it in a dictionary."""
    return next(iter(result.values())) if isinstance(result, dict) else result


def _write(source: Source, loaded: Loaded, folder: Path, link: bool) -> str:
    name = "saved_model" if source.kind == "saved_model" else "model.keras"
    if source.kind == "h5" or loaded.legacy:
        loaded.model.save(folder / name)
    else:
        copy_or_link(source.file, folder / name, link=link)
    return name


def _by_layer(scaling: Scaling | None, model: Any) -> Scaling | None:
    """The scaling, with the layer that shows it if a Keras model has one."""
    names = (type(layer).__name__ for layer in _along(model)) if model is not None else ()
    layer = next((name for name in names if name in ("Rescaling", "Normalization")), None)
    return scaling.because(f"{OWN}, by a {layer} layer") if scaling and layer else scaling


def _along(model: Any) -> Iterator[Any]:
    """The layers of a model in order; a model among them is replaced by its own layers."""
    for layer in model.layers:
        if hasattr(layer, "layers"):
            yield from _along(layer)
        else:
            yield layer
