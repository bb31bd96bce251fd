"""LiteRT's `.tflite` files: float32, float16 and full-integer, read without TensorFlow."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import numpy as np
from ai_edge_litert.interpreter import Interpreter
from numpy.typing import NDArray

from classifier.backends.litert import dequantise, quantise, resizable
from classifier.errors import ModelFileError
from classifier.importing import tflite_graph, tflite_metadata
from classifier.importing.network import LITERT_FILE, Network, Run
from classifier.importing.scaling import from_quantisation
from classifier.machine.cpus import cpu_count


def read(file: Path, *, link: bool = False) -> Network:
    """Reads a LiteRT model.

    Args:
        file: the `.tflite` file.
        link: whether the package links to it rather than holding a copy.

    Raises:
        ModelFileError: it is none, a broken one, or not one of pictures.
    """
    interpreter = _load(file)
    inputs, outputs = interpreter.get_input_details(), interpreter.get_output_details()
    one_of_each(file, len(inputs), len(outputs))
    data = file.read_bytes()
    graph = tflite_graph.read(data)
    said = tflite_metadata.read(data, graph.metadata, str(file)) if graph.metadata else None
    image, scores = inputs[0], outputs[0]
    integer = np.dtype(image["dtype"]).kind in "iu"
    scaling = (said.scaling if said else None) or graph.scaling
    if scaling is None and integer:
        bounds = np.iinfo(image["dtype"])
        # No scale: the pixels themselves.
        scale, zero = image["quantization"] if image["quantization"][0] else (1.0, 0)
        scaling = from_quantisation(scale, zero, bounds.min, bounds.max)
    signature = image["shape_signature"] if len(image["shape_signature"]) else image["shape"]
    step = scores["quantization"][0] if np.dtype(scores["dtype"]).kind in "iu" else 0.0

    def write(folder: Path) -> str:
        if link:
            os.symlink(file.absolute(), folder / LITERT_FILE)
        else:
            shutil.copyfile(file, folder / LITERT_FILE)
        return LITERT_FILE

    return Network(
        file=file,
        kind=f"LiteRT model, {graph.weights} weights" + (", whole numbers at both ends" if integer else ""),
        form="litert",
        shape=tuple(None if side == -1 else int(side) for side in signature),
        open=lambda shape: opened(file, shape),
        write=write,
        activation=graph.activation if graph.activation != "none" else None,
        scaling=scaling,
        labels=said.labels if said else {},
        exact=1e-2 if graph.weights == "float16" else 1e-3 + float(step) * int(scores["shape"][-1]) / 2,
    )


def opened(file: Path, shape: tuple[int, ...]) -> Run:
    """A model as a function of values `(1, *shape)`.

    Raises:
        ModelFileError: it does not take them.
    """
    interpreter = _load(file)
    image, scores = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
    wanted = (1, *shape)
    try:
        if resizable(image, wanted):
            interpreter.resize_tensor_input(image["index"], wanted)
        interpreter.allocate_tensors()
    except (ValueError, RuntimeError) as error:
        raise ModelFileError(f"{file}: it does not take an input of the shape {wanted}: {error}") from error

    def run(values: NDArray[np.float32]) -> NDArray[np.float32]:
        interpreter.set_tensor(image["index"], quantise(values, image))
        interpreter.invoke()
        return dequantise(interpreter.get_tensor(scores["index"]), scores)

    return run


def one_of_each(file: Path, inputs: int, outputs: int) -> None:
    """Refuses models of several inputs or outputs.

    Raises:
        ModelFileError: it has not one of each.
    """
    if (inputs, outputs) != (1, 1):
        raise ModelFileError(
            f"{file}: it has {_count(inputs, 'input')} and {_count(outputs, 'output')}. A classifier has one of each: "
            "a picture in, a score for each class out. Export it without the others."
        )


def _load(file: Path) -> Interpreter:
    try:
        interpreter = Interpreter(model_path=str(file), num_threads=cpu_count())
        interpreter.allocate_tensors()
    except (ValueError, RuntimeError) as error:
        said = " ".join(str(error).split())[:300]
        raise ModelFileError(
            f"{file}: LiteRT cannot load it; it is damaged, cut off, or has operations that LiteRT lacks: {said}"
        ) from error
    return interpreter


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"
