"""Reads nodes, attributes and constants of an ONNX file, for a small part of its graph, without onnx or protobuf.

A file is a message of Protocol Buffers (https://protobuf.dev/programming-guides/encoding/) whose fields are listed in
https://github.com/onnx/onnx/blob/main/onnx/onnx.proto. ONNX Runtime has loaded it, so it is not checked for damage
again. Weights are passed over until they are asked for: of a model of 100 MB, little more than its nodes is looked at.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from classifier.machine import files

_VARINT, _EIGHT, _BYTES, _FOUR = 0, 1, 2, 5  # how a field is encoded
_MODEL_GRAPH = 7
_GRAPH_NODE, _GRAPH_CONSTANT, _GRAPH_VALUES = 1, 5, (11, 12, 13)
_NODE_INPUT, _NODE_OUTPUT, _NODE_OPERATION, _NODE_ATTRIBUTE, _NODE_DOMAIN = 1, 2, 4, 5, 7
_ATTRIBUTE_NAME, _ATTRIBUTE_REAL, _ATTRIBUTE_WHOLE, _ATTRIBUTE_TENSOR, _ATTRIBUTE_WHOLES = 1, 2, 3, 5, 8
_TENSOR_SIDES, _TENSOR_TYPE, _TENSOR_NAME, _TENSOR_RAW, _TENSOR_ENTRY, _TENSOR_PLACE = 1, 2, 8, 9, 13, 14
_EXTERNAL = 1  # place of a tensor's values: a file beside the model
# By type, as ONNX numbers them: NumPy's, and the field of values that are not raw, with their own type there.
_TYPES: dict[int, tuple[str, int, str]] = {
    1: ("<f4", 4, "<f4"),
    2: ("<u1", 5, "varint"),
    3: ("<i1", 5, "varint"),
    6: ("<i4", 5, "varint"),
    7: ("<i8", 7, "varint"),
    10: ("<f2", 5, "varint"),
    11: ("<f8", 10, "<f8"),
}

View = memoryview
Numbers = NDArray[np.float32]


def fields(message: View) -> Iterator[tuple[int, int | View]]:
    """The fields of a message, by number: numbers as they are encoded, and what has a length as it is.

    Raises:
        ValueError: it is cut off, or is no message.
    """
    at, end = 0, len(message)
    while at < end:
        tag, at = _varint(message, at)
        kind = tag & 7
        if kind == _VARINT:
            value, at = _varint(message, at)
            yield tag >> 3, value
            continue
        length = {_EIGHT: 8, _FOUR: 4}.get(kind)
        if length is None:
            if kind != _BYTES:
                raise ValueError(f"a field of the kind {kind}")
            length, at = _varint(message, at)
        if at + length > end:
            raise ValueError("cut off")
        yield tag >> 3, message[at : at + length]
        at += length


def _varint(message: View, at: int) -> tuple[int, int]:
    value = shift = 0
    while at < len(message):
        byte = message[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return value, at
    raise ValueError("cut off")


@dataclass(frozen=True)
class Node:
    """An operation.

    Attributes:
        operation: its name; with its domain before a colon where that is not ONNX's own.
        inputs: names of tensors; empty for those left out.
        outputs: likewise.
        attributes: by name, as the file has them.
    """

    operation: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: dict[str, View]

    @classmethod
    def of(cls, message: View) -> Node:
        """Reads one."""
        found = _collected(message)
        domain = _text(found, _NODE_DOMAIN)
        name = _text(found, _NODE_OPERATION)
        attributes = {_text(_collected(one), _ATTRIBUTE_NAME): one for one in found.get(_NODE_ATTRIBUTE, ())}
        inputs, outputs = (
            tuple(str(one, "utf-8") for one in found.get(key, ())) for key in (_NODE_INPUT, _NODE_OUTPUT)
        )
        return cls(name if domain in ("", "ai.onnx") else f"{domain}:{name}", inputs, outputs, attributes)

    def whole(self, name: str, default: int) -> int:
        """An attribute that is a whole number."""
        found = self._first(name, _ATTRIBUTE_WHOLE)
        return default if found is None else _signed(found)

    def real(self, name: str, default: float) -> float:
        """An attribute that is a number."""
        found = self._first(name, _ATTRIBUTE_REAL)
        return default if found is None else float(struct.unpack("<f", found)[0])

    def wholes(self, name: str) -> list[int] | None:
        """An attribute of whole numbers; None if there is none."""
        if name not in self.attributes:
            return None
        return _wholes(_collected(self.attributes[name]).get(_ATTRIBUTE_WHOLES, []))

    def tensor(self, name: str) -> View | None:
        """An attribute that is a tensor, as the file has it."""
        found: View | None = self._first(name, _ATTRIBUTE_TENSOR)
        return found

    def _first(self, name: str, field: int) -> Any:
        found = _collected(self.attributes[name]).get(field) if name in self.attributes else None
        return found[0] if found else None


class Graph:
    """The graph of a model."""

    def __init__(self, content: bytes, file: Path) -> None:
        """Reads the nodes.

        Args:
            content: of the model's file.
            file: the model, beside which its data files are.

        Raises:
            ValueError: it is cut off, or is no model.
        """
        self._file = file
        graph = _inside(View(content), _MODEL_GRAPH)
        if graph is None:
            raise ValueError("it has no graph")
        found = _collected(graph)
        self.nodes = [Node.of(one) for one in found.get(_GRAPH_NODE, ())]
        self.makers = {name: node for node in self.nodes for name in node.outputs if name}
        self._constants = {_text(_collected(one), _TENSOR_NAME): one for one in found.get(_GRAPH_CONSTANT, ())}
        self._values = [one for number in _GRAPH_VALUES for one in found.get(number, ())]

    @classmethod
    def read(cls, file: Path) -> Graph:
        """The graph of a file.

        Raises:
            OSError: it cannot be read.
            ValueError: it is no model.
        """
        return cls(files.read(file), file)

    @cached_property
    def shapes(self) -> dict[str, tuple[int | None, ...]]:
        """The shapes that the file tells of tensors, with None for a dimension of any size."""
        found = {}
        for value in self._values:
            name, kind = _collected(value).get(1), _inside(value, 2, 1, 2)  # type, tensor_type, shape
            if name and kind is not None:
                sides = (_collected(side).get(1) for side in _collected(kind).get(1, ()))
                found[str(name[0], "utf-8")] = tuple(side[0] if side else None for side in sides)
        return found

    def constant(self, name: str) -> Numbers | None:
        """A constant's numbers, or what a few operations make of such; None for anything else."""
        if name in self._constants:
            return self._numbers(self._constants[name])
        node = self.makers.get(name)
        if node is None:
            return None
        if node.operation == "Constant":
            value = node.tensor("value")
            return None if value is None else self._numbers(value)
        made = _MADE.get(node.operation)
        if made is None:
            return None
        values = [self.constant(one) for one in node.inputs if one]
        return None if any(value is None for value in values) else made(node, *values)

    def _numbers(self, tensor: View) -> Numbers | None:
        found = _collected(tensor)
        known = _TYPES.get(found.get(_TENSOR_TYPE, [0])[0])
        if known is None:
            return None
        kind, field, written = known
        if found.get(_TENSOR_PLACE, [0])[0] == _EXTERNAL:
            raw: Any = self._external([_collected(one) for one in found.get(_TENSOR_ENTRY, ())])
        else:
            raw = b"".join(found[_TENSOR_RAW]) if _TENSOR_RAW in found else None
        if raw is not None:
            values = np.frombuffer(raw, kind)
        elif written == "varint":
            whole = np.array(_wholes(found.get(field, [])), np.int64)
            values = whole.astype(np.uint16).view(np.float16) if kind == "<f2" else whole
        else:
            values = np.frombuffer(b"".join(bytes(one) for one in found.get(field, ())), written)
        return np.asarray(values, np.float32).reshape(_wholes(found.get(_TENSOR_SIDES, [])))

    def _external(self, entries: list[dict[int, Any]]) -> bytes:
        """What is in a data file, which may lie in the model's folder alone."""
        told = {_text(one, 1): _text(one, 2) for one in entries}
        path = (self._file.parent / told.get("location", "")).resolve()
        if not {self._file.parent.resolve(), self._file.resolve().parent} & set(path.parents):
            raise ValueError("its data are outside its folder")
        with files.open_file(path) as stream:
            stream.seek(int(told.get("offset", 0)))
            return stream.read(int(told["length"])) if "length" in told else stream.read()


def _transposed(node: Node, values: Numbers) -> Numbers:
    return values.transpose(node.wholes("perm") or range(values.ndim)[::-1])


def _dequantised(node: Node, values: Numbers, scale: Numbers, zero: Numbers | None = None) -> Numbers:
    along = [1] * values.ndim
    if scale.size > 1:
        along[node.whole("axis", 1)] = -1
    shift = 0 if zero is None else zero.reshape(along if zero.size > 1 else [])
    found: Numbers = (values - shift) * scale.reshape(along if scale.size > 1 else [])
    return found


_MADE: dict[str, Callable[..., Numbers]] = {
    "Cast": lambda node, values: values,
    "DequantizeLinear": _dequantised,
    "Identity": lambda node, values: values,
    "Reshape": lambda node, values, shape: values.reshape(shape.astype(np.int64)),
    "Transpose": _transposed,
}
"""What is made of constants alone."""


def _collected(message: View) -> dict[int, list[Any]]:
    found: dict[int, list[Any]] = {}
    for number, value in fields(message):
        found.setdefault(number, []).append(value)
    return found


def _inside(message: View, *path: int) -> View | None:
    """A message within messages."""
    for number in path:
        found = _collected(message).get(number)
        if not found:
            return None
        message = found[0]
    return message


def _text(found: dict[int, list[Any]], field: int) -> str:
    return str(found[field][-1], "utf-8") if field in found else ""


def _signed(value: int) -> int:
    return value - (1 << 64) if value >= 1 << 63 else value


def _wholes(values: list[Any]) -> list[int]:
    """Whole numbers, each in a field of its own or packed into one."""
    found: list[int] = []
    for value in values:
        at = 0
        while not isinstance(value, int) and at < len(value):
            one, at = _varint(value, at)
            found.append(_signed(one))
        if isinstance(value, int):
            found.append(_signed(value))
    return found
