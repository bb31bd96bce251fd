"""Reads LiteRT's `.tflite` files, float32, float16 and full-integer, without TensorFlow."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
from ai_edge_litert.interpreter import Interpreter
from numpy.typing import NDArray

from classifier.backends.litert import dequantise, named_outputs, quantise, resizable
from classifier.errors import ModelFileError, PackageError
from classifier.formatting import one_line
from classifier.importing.litert.graph import Graph, parse
from classifier.importing.litert.graph import read as read_graph
from classifier.importing.litert.graph import sources as read_sources
from classifier.importing.litert.metadata import read as read_metadata
from classifier.importing.network import LITERT_FILE, Network, Run, Shape, check_one_of_each, takes_grey
from classifier.importing.options import SCALES, Options, Scaling
from classifier.importing.outputs import Chosen, Output, choose
from classifier.importing.sources import TEACHABLE_GREY, Source
from classifier.importing.values.scaling import from_quantisation
from classifier.importing.write import copy_or_link
from classifier.machine.cpus import cpu_count

# Operations into which compilers put a model for one processor, by name (that of Arm's with its length before it).
_COMPILED = {b"edgetpu-custom-op": "Coral's Edge TPU", b"\x07\0\0\0ethos-u": "Arm's Ethos-U"}
_FOREIGN = re.compile(r"Flex[A-Z]\w*|(?<=custom op: )\w+")


def read(source: Source, options: Options) -> Network:
    """Reads a LiteRT model.

    Args:
        source: the `.tflite` file.
        options: only `link` and `output` are used.

    Raises:
        ModelFileError: the file is damaged, or the model does not take pictures.
    """
    file = source.file
    try:
        data = source.model.data
    except PackageError as error:
        raise ModelFileError(error.message) from error
    interpreter = _load(file, data)
    inputs, outputs = interpreter.get_input_details(), interpreter.get_output_details()
    check_one_of_each(file, len(inputs), 1)
    model = parse(data)
    chosen = _chosen(file, model, interpreter, options.output)
    scores = named_outputs(interpreter)[chosen.scores] if chosen else outputs[0]
    graph = read_graph(model, int(scores["index"]))
    if graph.lacks_weights:
        raise ModelFileError(
            f"{file}: its weights are not in it: it reads variables that nothing sets, as some versions of TensorFlow "
            'convert a Keras model. Where the model is, run model.export("folder"), then convert that with '
            'tf.lite.TFLiteConverter.from_saved_model("folder"), or import the folder itself.'
        )
    metadata = read_metadata(data, graph.metadata, str(file)) if graph.metadata else None
    image = inputs[0]
    shape = _shape(image)
    step = graph.scores.scale if graph.scores else 0.0

    def write(folder: Path) -> str:
        copy_or_link(file, folder / LITERT_FILE, link=options.link)
        return LITERT_FILE

    return Network(
        file=file,
        description=f"LiteRT model, {graph.weights} weights" + (", integer input" if _is_integer(image) else ""),
        form="litert",
        shape=shape,
        open=lambda shape: _opened(file, interpreter, shape, scores),
        write=write,
        activation=graph.activation,
        scaling=(metadata.scaling if metadata else None) or _scaling(file, image, graph, shape),
        labels=metadata.labels if metadata else {},
        features=chosen.features if chosen and not _channels_first(shape) else None,
        output=chosen.name if chosen else None,
        tolerance=1e-2 if graph.weights == "float16" else 1e-3 + step * int(scores["shape"][-1]) / 2,
    )


def _load(file: Path, data: bytes) -> Interpreter:
    if processor := next((name for operation, name in _COMPILED.items() if operation in data), ""):
        raise ModelFileError(
            f"{file}: it is compiled for {processor}, and runs on nothing else. Give the .tflite file that it was "
            "compiled from; in Teachable Machine, choose the export as Tensorflow Lite, Quantized or Floating point."
        )
    try:
        interpreter = Interpreter(model_content=data, num_threads=cpu_count())
        interpreter.allocate_tensors()
    except (ValueError, RuntimeError) as error:
        if foreign := sorted(set(_FOREIGN.findall(str(error)))):
            raise ModelFileError(
                f"{file}: it has operations that LiteRT lacks: {', '.join(foreign)}. Import the model that it was "
                "converted from, a SavedModel or .keras file, which runs on TensorFlow."
            ) from error
        raise ModelFileError(
            f"{file}: LiteRT cannot load it; it is damaged, cut off, or has operations that LiteRT lacks: "
            f"{one_line(error)}"
        ) from error
    return interpreter


def _chosen(file: Path, model: Any, interpreter: Interpreter, wanted: str | None) -> Chosen | None:
    """Which of several outputs are taken; None if there is but one."""
    named = named_outputs(interpreter)
    if len(named) == 1 and wanted is None:
        return None
    names = {int(detail["index"]): name for name, detail in named.items()}
    sources = {names[index]: {names[one] for one in found} for index, found in read_sources(model, set(names)).items()}
    outputs = [
        Output(name, _shape(detail), _is_integer(detail) and not detail["quantization"][0], sources[name])
        for name, detail in named.items()
    ]
    return choose(file, outputs, wanted)


def _opened(file: Path, interpreter: Interpreter, shape: tuple[int, ...], scores: dict[str, Any]) -> Run:
    """The model as a function of values `(1, *shape)`; scores are the output that holds them.

    Raises:
        ModelFileError: the model does not take this shape.
    """
    image = interpreter.get_input_details()[0]
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


def _shape(tensor: dict[str, Any]) -> Shape:
    """Its shape, with None for a dimension of any size."""
    signature = tensor["shape_signature"] if len(tensor["shape_signature"]) else tensor["shape"]
    return tuple(None if side == -1 else int(side) for side in signature)


def _channels_first(shape: Shape) -> bool:
    return len(shape) == 4 and shape[1] in (1, 3) and shape[3] not in (1, 3)


def _is_integer(tensor: dict[str, Any]) -> bool:
    return np.dtype(tensor["dtype"]).kind in "iu"


def _scaling(file: Path, image: dict[str, Any], graph: Graph, shape: Shape) -> Scaling | None:
    """The scaling by which the input is quantised, if that is a usual one, else that of the first operations.

    An integer input without a scale takes the pixels themselves.
    """
    grey = takes_grey(shape)
    found = None
    if how := graph.quantised:
        found = from_quantisation(how.scale, how.zero_point, how.low, how.high)
    elif _is_integer(image) and not image["quantization"][0] and np.iinfo(image["dtype"]).max >= 255:
        found = SCALES["raw"].because("it takes whole numbers, without a scale")
    if found and grey and isinstance(found.mean, tuple):
        found = None  # there are no three colours
    if found is None or (found.guessed and graph.scaling):
        found = graph.scaling
    signed = found is None or found.mean == SCALES["signed"].mean
    if file.name == TEACHABLE_GREY and shape[1:] == (96, 96, 1) and signed:
        return Scaling(127.0, 127.0, "as Teachable Machine's grey models take them")
    return found
