"""Gives a `.tflite` model another output, or names those that it has, without writing the file anew.

What changes is put behind the file, and the places that refer to it are set: a FlatBuffer refers to its parts by their
distance (https://flatbuffers.dev/internals/). Weights, operations, and what is appended to the file stay as they are,
byte by byte, and where they are.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from typing import Any

import flatbuffers
from ai_edge_litert import schema_py_generated as schema
from flatbuffers import encode, number_types
from flatbuffers.table import Table

_ALIGNED = 16  # bytes, as LiteRT aligns what it reads
# Fields, counted as in LiteRT's schema.
_MODEL_GRAPHS, _MODEL_SIGNATURES = 2, 7
_GRAPH_TENSORS, _GRAPH_OUTPUTS = 0, 2
_TENSOR_NAME = 3


def with_output(data: bytes, tensor: int, name: str) -> bytes:
    """The file of a model of one graph with a tensor as its last output, in its first signature, too, if it has any.

    Args:
        data: the whole file, which LiteRT has loaded, so that it is not checked for damage again.
        tensor: the index of the tensor, which is not an output yet.
        name: of the output: in the signature, or else that of the tensor.
    """
    file = bytearray(data)
    model = schema.Model.GetRootAs(data, 0)
    place = _root(file)
    graph = _item(file, place, _MODEL_GRAPHS, 0)[1]
    outputs = schema.SubGraphT()
    outputs.outputs = [*(int(one) for one in model.Subgraphs(0).OutputsAsNumpy()), tensor]
    _point(file, _field(file, graph, _GRAPH_OUTPUTS), _part(file, outputs, _GRAPH_OUTPUTS))
    if model.SignatureDefsLength():
        signature = schema.SignatureDefT.InitFromObj(model.SignatureDefs(0))
        signature.outputs = [*(signature.outputs or []), _named(name, tensor)]
        _point(file, _item(file, place, _MODEL_SIGNATURES, 0)[0], _appended(file, signature))
    else:
        _rename(file, graph, tensor, name)
    return bytes(file)


def with_names(data: bytes, names: Iterable[str]) -> bytes:
    """The file of a model without signatures, whose outputs have these names, in order."""
    file = bytearray(data)
    graph = _item(file, _root(file), _MODEL_GRAPHS, 0)[1]
    tensors = schema.Model.GetRootAs(data, 0).Subgraphs(0).OutputsAsNumpy()
    for tensor, name in zip(tensors, names, strict=True):
        _rename(file, graph, int(tensor), name)
    return bytes(file)


def _rename(data: bytearray, graph: int, tensor: int, name: str) -> None:
    renamed = schema.TensorT()
    renamed.name = name
    one = _item(data, graph, _GRAPH_TENSORS, tensor)[1]
    _point(data, _field(data, one, _TENSOR_NAME), _part(data, renamed, _TENSOR_NAME))


def _named(name: str, tensor: int) -> Any:
    entry = schema.TensorMapT()
    entry.name, entry.tensorIndex = name, tensor
    return entry


def _root(data: bytearray) -> int:
    """The place of a file's first table."""
    return int(encode.Get(number_types.UOffsetTFlags.packer_type, data, 0))


def _field(data: bytearray, table: int, number: int) -> int:
    """The place at which a table says where one of its parts is.

    Raises:
        ValueError: it has no such part.
    """
    offset = int(Table(data, table).Offset(4 + 2 * number))
    if not offset:
        raise ValueError(f"the table has no field {number}")
    return table + offset


def _item(data: bytearray, table: int, number: int, index: int) -> tuple[int, int]:
    """Of a list of tables, the place at which one is referred to, and its own."""
    whole = Table(data, table)
    place = int(whole.Vector(_field(data, table, number) - table)) + 4 * index
    return place, int(whole.Indirect(place))


def _appended(data: bytearray, content: Any) -> int:
    """Puts a table behind the file; its place."""
    builder = flatbuffers.Builder()
    builder.Finish(content.Pack(builder))
    part = builder.Output()
    data.extend(bytes(-len(data) % _ALIGNED))
    start = len(data)
    data.extend(part)
    return start + _root(bytearray(part))


def _part(data: bytearray, content: Any, number: int) -> int:
    """The same; the place of one of its parts."""
    place = _field(data, _appended(data, content), number)
    return int(Table(data, place).Indirect(place))


def _point(data: bytearray, place: int, to: int) -> None:
    """Has a place refer to what is behind it."""
    struct.pack_into("<I", data, place, to - place)
