"""Reads the graph of a TensorFlow function: its last operation, and the arithmetic with which it begins."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from graphlib import TopologicalSorter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from classifier.importing.affine import Affine, agreed, identity, joined
from classifier.importing.network import Activation
from classifier.importing.options import Scaling

log = logging.getLogger(__name__)

_ARITHMETIC = {
    "Mul": "*",
    "Div": "/",
    "DivNoNan": "/",
    "RealDiv": "/",
    "Add": "+",
    "AddV2": "+",
    "BiasAdd": "+",
    "Sub": "-",
}
# Operations that leave values and their channels as they are, apart from their type, number or place.
_PASSING = {
    "Cast",
    "EnsureShape",
    "ExpandDims",
    "Identity",
    "MirrorPad",
    "Pad",
    "PadV2",
    "PreventGradient",
    "Reshape",
    "ResizeArea",
    "ResizeBicubic",
    "ResizeBilinear",
    "ResizeNearestNeighbor",
    "Round",
    "ScaleAndTranslate",
    "Snapshot",
    "Squeeze",
    "StopGradient",
    "Transpose",
}
# Operations that can also choose channels, or change their order.
_CHOOSING = {"GatherV2", "ReverseV2", "Slice", "Split", "SplitV", "StridedSlice", "Unpack"}
_CLIPPING = {"ClipByValue", "Maximum", "Minimum"}
_JOINING = {"ConcatV2", "Pack"}
_CALLS = {"PartitionedCall", "StatefulPartitionedCall"}
_SHAPES = {"Rank", "Shape", "ShapeN", "Size"}
_LINEAR = {"Conv2D", "MatMul"}
_CONSTANT: dict[str, Callable[..., Any]] = {
    "Add": np.add,
    "AddV2": np.add,
    "Cast": lambda value: value,
    "ExpandDims": lambda value, axis: value,
    "Identity": lambda value: value,
    "Maximum": np.maximum,
    "Minimum": np.minimum,
    "Mul": np.multiply,
    "Neg": np.negative,
    "RealDiv": np.divide,
    "Reciprocal": np.reciprocal,
    "Reshape": lambda value, shape: value,
    "Rsqrt": lambda value: 1 / np.sqrt(value),
    "Sqrt": np.sqrt,
    "Squeeze": lambda value: value,
    "Sub": np.subtract,
}
_LARGEST_CONSTANT = 16  # numbers; more than a picture has channels


@dataclass(frozen=True, slots=True)
class Graph:
    """What the graph tells about a model.

    Attributes:
        activation: the last operation: "none" if it is linear; None if it does not tell.
        scaling: scaling of the input; None if the first operations do not tell.
    """

    activation: Activation | None = None
    scaling: Scaling | None = None


def read(function: Callable[[Any], Any], shape: tuple[int, ...], dtype: str) -> Graph:
    """Reads a graph, with that of every function called in it and the values of the variables, without running it.

    Args:
        function: maps a batch of pictures to their scores.
        shape: shape of one input, without the batch.
        dtype: type of the input, as TensorFlow names it.

    Returns:
        What it tells; nothing if the function does not take the shape, or is too large for a graph (2 GB).
    """
    import tensorflow as tf

    # Private, but what the public converter to LiteRT does first: one graph without calls and variables.
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

    signature = [tf.TensorSpec((1, *shape), dtype, name="image")]
    try:
        traced = tf.function(function, input_signature=signature, autograph=False).get_concrete_function()
        frozen = convert_variables_to_constants_v2(traced)
        graph = frozen.graph.as_graph_def()
        nodes = _inlined(graph.node, {one.signature.name: one for one in graph.library.function})
        reader = _Reader({node.name: node for node in nodes}, tf.make_ndarray)
        return Graph(reader.activation(frozen.outputs[0].op.name), reader.scaling(frozen.inputs[0].op.name))
    except Exception as error:  # layers and TensorFlow raise errors of many classes
        log.debug("The graph cannot be read: %s", error)
        return Graph()


@dataclass(frozen=True, slots=True)
class _Reader:
    nodes: dict[str, Any]
    decode: Callable[[Any], NDArray[Any]]
    known: dict[str, NDArray[np.float64] | None] = field(default_factory=dict)

    def activation(self, name: str) -> Activation | None:
        node = self.nodes[name]
        while node.op in ("Cast", "Identity", "IdentityN", "Reshape", "Squeeze", "EnsureShape"):
            node = self.nodes[_inputs(node)[0]]
        if node.op == "Softmax":
            return "softmax"
        if node.op == "Sigmoid":
            return "sigmoid"
        if node.op in ("BiasAdd", "Add", "AddV2"):
            before = [self.nodes[name].op for name in _inputs(node)]
            return "none" if any(op in _LINEAR for op in before) else None
        return None

    def scaling(self, image: str) -> Scaling | None:
        """What all paths of arithmetic from the input agree on."""
        maps = {image: identity()}
        ends: list[Affine] = []
        order = TopologicalSorter({name: _inputs(node) for name, node in self.nodes.items()}).static_order()
        for node in (self.nodes[name] for name in order):
            touched = [maps[name] for name in _inputs(node) if name in maps]
            if not touched or node.op in _SHAPES:
                continue
            after = self._after(node, maps)
            if after is None:
                ends += touched
            else:
                maps[node.name] = after
        return agreed(ends)

    def _after(self, node: Any, maps: dict[str, Affine]) -> Affine | None:
        """The map from the input to what a node returns; None if it is not known or not affine."""
        names = _inputs(node)
        if node.op in _JOINING:
            names = names[:-1] if node.op == "ConcatV2" else names
            return joined([maps.get(name) for name in names])
        if node.op in _ARITHMETIC and len(names) == 2 and (names[0] in maps) != (names[1] in maps):
            first = names[1] in maps
            constant = self._constant(names[0 if first else 1])
            return (
                maps[names[first]].then(_ARITHMETIC[node.op], constant, first=first) if constant is not None else None
            )
        if node.op in _CLIPPING:
            clipped, *bounds = (
                *(name for name in names if name in maps),
                *(name for name in names if name not in maps),
            )
            return maps[clipped] if all(self._constant(name) is not None for name in bounds) else None
        data = names[1] if node.op == "Split" else names[0]
        if data not in maps:
            return None
        if node.op in _PASSING or (node.op in _CHOOSING and maps[data].uniform):
            return maps[data]
        return None

    def _constant(self, name: str) -> NDArray[np.float64] | None:
        """A constant of a few numbers, or what is made of such; None for anything else."""
        if name not in self.known:
            self.known[name] = self._made(self.nodes[name])
        return self.known[name]

    def _made(self, node: Any) -> NDArray[np.float64] | None:
        if node.op == "Const":
            value = node.attr["value"].tensor
            if np.prod([side.size for side in value.tensor_shape.dim]) > _LARGEST_CONSTANT:
                return None
            numbers = self.decode(value)
            return numbers.astype(np.float64).reshape(-1) if numbers.dtype.kind not in "OSU" else None
        made = _CONSTANT.get(node.op)
        if made is None:
            return None
        values = [self._constant(name) for name in _inputs(node)]
        if any(value is None for value in values):
            return None
        return np.asarray(made(*values), np.float64).reshape(-1)


def _inlined(nodes: Iterable[Any], functions: dict[str, Any]) -> Iterator[Any]:
    """The nodes, with the content of a called function instead of the call: those compiled by XLA are still calls."""
    for node in nodes:
        called = functions.get(node.attr["f"].func.name) if node.op in _CALLS else None
        if called is None:
            yield node
            continue
        inside = f"{node.name}/"
        for argument, given in zip(called.signature.input_arg, _inputs(node), strict=True):
            yield _identity(type(node), inside + argument.name, given)
        body = [type(node).FromString(one.SerializeToString()) for one in called.node_def]
        for one in body:
            one.name = inside + one.name
            one.input[:] = [inside + name for name in _inputs(one)]
        yield from _inlined(body, functions)
        returned = called.ret[called.signature.output_arg[0].name].partition(":")[0]
        yield _identity(type(node), node.name, inside + returned)


def _identity(kind: Any, name: str, of: str) -> Any:
    return kind(name=name, op="Identity", input=[of])


def _inputs(node: Any) -> list[str]:
    """Names of the nodes that a node takes values from."""
    return [name.partition(":")[0] for name in node.input if not name.startswith("^")]
