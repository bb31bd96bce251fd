"""The files beside an ONNX model that hold its weights ("external data"): which they are, and what is in them."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from google.protobuf.message import DecodeError
from numpy.typing import NDArray

from classifier.errors import ModelFileError
from classifier.formatting import printable
from classifier.machine import files


def tensors(model: Any) -> Iterator[Any]:
    """All constants of a model, those in functions and in graphs within its nodes included."""
    yield from _of_graph(model.graph)
    for function in model.functions:
        yield from _of_nodes(function.node)


def locations(model: Any) -> list[str]:
    """The names of the data files, as the model gives them."""
    found = (_entries(tensor).get("location", "") for tensor in tensors(model) if _is_external(tensor))
    return list(dict.fromkeys(found))


def locations_in(file: Path) -> list[str]:
    """The same of a model's file; nothing if it is damaged."""
    try:
        return locations(onnx.ModelProto.FromString(files.read(file)))
    except (OSError, DecodeError):
        return []


def locate(file: Path, location: str) -> Path:
    """A data file.

    Args:
        file: the model.
        location: the name that it gives.

    Raises:
        ModelFileError: it is missing, or is not in the folder of the model, symbolic links followed.
    """
    path = file.parent / location
    with files.refusing(ModelFileError, path):
        real = path.resolve()
        allowed = (file.parent.resolve(), file.resolve().parent)
        if not location or Path(location).is_absolute() or not any(folder in real.parents for folder in allowed):
            raise ModelFileError(
                f"{file}: its weights are in {printable(location) or 'a file without a name'}, which is outside its "
                "folder and is not read. Put that file beside it, and save the model so that it names it without a "
                "folder."
            )
        if files.kind(path) is None:
            raise ModelFileError(
                f"{file}: its weights are in another file, {printable(location)}, which is not there. Put it into the "
                "same folder."
            )
        files.check_readable(path)
    return path


def check_readable(file: Path) -> None:
    """Refuses a model whose data files are there but cannot be read.

    Args:
        file: the model.

    Raises:
        ModelFileError: so it is; the message says why.
    """
    for path in (file.parent / location for location in locations_in(file)):
        if os.path.isfile(path):
            with files.refusing(ModelFileError, path):
                files.check_readable(path)


def numbers(tensor: Any, file: Path) -> NDArray[np.float64] | None:
    """A constant's numbers; None if they cannot be read.

    Args:
        tensor: the constant.
        file: the model in which it is.
    """
    try:
        if _is_external(tensor):
            entries = _entries(tensor)
            length = int(entries.get("length", -1))
            with files.open_file(locate(file, entries.get("location", ""))) as stream:
                stream.seek(int(entries.get("offset", 0)))
                tensor = onnx.TensorProto(
                    dims=tensor.dims, data_type=tensor.data_type, raw_data=stream.read(length if length >= 0 else None)
                )
        return np.asarray(onnx.numpy_helper.to_array(tensor), np.float64)
    except (OSError, TypeError, ValueError, ModelFileError):
        return None


def _is_external(tensor: Any) -> bool:
    return bool(tensor.data_location == onnx.TensorProto.EXTERNAL)


def _entries(tensor: Any) -> dict[str, str]:
    return {entry.key: entry.value for entry in tensor.external_data}


def _of_graph(graph: Any) -> Iterator[Any]:
    yield from graph.initializer
    for sparse in graph.sparse_initializer:
        yield from (sparse.values, sparse.indices)
    yield from _of_nodes(graph.node)


def _of_nodes(nodes: Iterable[Any]) -> Iterator[Any]:
    for attribute in (one for node in nodes for one in node.attribute):
        if attribute.HasField("t"):
            yield attribute.t
        yield from attribute.tensors
        for graph in [attribute.g, *attribute.graphs]:
            yield from _of_graph(graph)
