"""An ONNX graph: which node makes a tensor, which take it, and the constants."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray

from classifier.importing.onnx import data

# Operations that leave scores as they are, apart from their type or shape.
_PASSING = {
    "Cast",
    "DequantizeLinear",
    "Dropout",
    "Flatten",
    "Identity",
    "QuantizeLinear",
    "Reshape",
    "Squeeze",
    "Transpose",
    "Unsqueeze",
}
_LARGEST_CONSTANT = 3 * 2048 * 2048  # numbers: a mean picture, at most

Numbers = NDArray[np.float64]
_FOLDED: dict[str, Callable[..., Any]] = {
    "Add": np.add,
    "Cast": lambda value: value,
    "DequantizeLinear": lambda value, scale, zero=0.0: (value - zero) * scale,
    "Div": np.divide,
    "Identity": lambda value: value,
    "Mul": np.multiply,
    "Neg": np.negative,
    "Reciprocal": np.reciprocal,
    "Reshape": lambda value, shape=None: value,
    "Sqrt": np.sqrt,
    "Squeeze": lambda value, axes=None: np.squeeze(value),
    "Sub": np.subtract,
    "Unsqueeze": lambda value, axes=None: value,
}


@dataclass(frozen=True)
class Graph:
    """A model's graph.

    Attributes:
        model: the model, without local functions.
        file: its file, beside which its data files are.
    """

    model: Any
    file: Path

    @cached_property
    def makers(self) -> dict[str, Any]:
        """The node that makes each tensor."""
        return {name: node for node in self.model.graph.node for name in node.output if name}

    @cached_property
    def users(self) -> dict[str, list[Any]]:
        """The nodes that take each tensor."""
        found: dict[str, list[Any]] = {}
        for node in self.model.graph.node:
            for name in dict.fromkeys(uses(node)):
                found.setdefault(name, []).append(node)
        return found

    @cached_property
    def initializers(self) -> dict[str, Any]:
        """The constants by name."""
        return {tensor.name: tensor for tensor in self.model.graph.initializer}

    @cached_property
    def inputs(self) -> list[Any]:
        """The inputs, without the constants that old versions of the format list among them."""
        return [one for one in self.model.graph.input if one.name not in self.initializers]

    @cached_property
    def _known(self) -> dict[str, Numbers | None]:
        return {}

    def constant(self, name: str) -> Numbers | None:
        """A constant, or what is computed of constants alone; None for anything else, and for large ones."""
        if name not in self._known:
            self._known[name] = None  # in case of a circle
            self._known[name] = self._computed(name)
        return self._known[name]

    def is_constant(self, name: str) -> bool:
        """Whether a tensor is known, whatever its size."""
        if not name or name in self.initializers:
            return True
        node = self.makers.get(name)
        return node is not None and (node.op_type == "Constant" or self.constant(name) is not None)

    def sizes(self, name: str) -> tuple[int, ...] | None:
        """The shape of a constant such as a layer's weights, also of quantised ones."""
        for _ in range(8):
            if name in self.initializers:
                return tuple(self.initializers[name].dims)
            node = self.makers.get(name)
            if node is None:
                return None
            if node.op_type == "Constant":
                value = attribute(node, "value")
                return tuple(value.dims) if value is not None else None
            if node.op_type not in ("Cast", "DequantizeLinear", "Identity", "QuantizeLinear"):
                return None
            name = node.input[0]
        return None

    def before(self, name: str, passing: Iterable[str] = frozenset(_PASSING)) -> Any:
        """The node that makes a tensor, or makes what is only passed on; None for inputs and constants."""
        for _ in range(len(self.model.graph.node) + 1):
            node = self.makers.get(name)
            if node is None or node.op_type not in passing or not node.input:
                return node
            name = node.input[0]
        return None

    def _computed(self, name: str) -> Numbers | None:
        if name in self.initializers:
            return self._read(self.initializers[name])
        node = self.makers.get(name)
        if node is None:
            return None
        if node.op_type == "Constant":
            return self._literal(node)
        folded = _FOLDED.get(node.op_type)
        values = [self.constant(one) for one in node.input]
        if folded is None or not values or any(value is None for value in values):
            return None
        try:
            with np.errstate(all="ignore"):
                return np.asarray(folded(*values), np.float64)
        except (TypeError, ValueError):
            return None

    def _literal(self, node: Any) -> Numbers | None:
        for one in node.attribute:
            if one.name == "value":
                return self._read(one.t)
            if one.name.startswith(("value_float", "value_int")):
                return np.asarray(onnx.helper.get_attribute_value(one), np.float64)
        return None

    def _read(self, tensor: Any) -> Numbers | None:
        if np.prod(tensor.dims, dtype=np.float64) > _LARGEST_CONSTANT or tensor.data_type == onnx.TensorProto.STRING:
            return None
        return data.numbers(tensor, self.file)


def attribute(node: Any, name: str) -> Any:
    """The value of a node's attribute; None if it has no such attribute."""
    return next((onnx.helper.get_attribute_value(one) for one in node.attribute if one.name == name), None)


def uses(node: Any) -> Iterator[str]:
    """The tensors that a node takes, also in the graphs within it."""
    yield from node.input
    for one in node.attribute:
        for inner in [one.g, *one.graphs]:
            for inside in inner.node:
                yield from uses(inside)
            yield from (output.name for output in inner.output)


def most_common_type(tensors: Iterable[Any]) -> int:
    """The type of most numbers of these constants, as ONNX numbers it; float32 if there are none."""
    sizes: Counter[int] = Counter()
    for tensor in tensors:
        sizes[tensor.data_type] += math.prod(tensor.dims)
    return max(sizes, key=sizes.__getitem__, default=onnx.TensorProto.FLOAT)


def ancestors(graph: Graph, name: str) -> set[str]:
    """A tensor and all of which it is computed."""
    seen: set[str] = set()
    todo = [name]
    while todo:
        if (one := todo.pop()) not in seen:
            seen.add(one)
            todo += uses(graph.makers[one]) if one in graph.makers else ()
    return seen
