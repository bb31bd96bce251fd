"""Reads the graph of a TensorFlow function: its last operation, and the arithmetic with which it begins."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from graphlib import TopologicalSorter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from classifier.importing.network import Activation
from classifier.importing.options import Scaling
from classifier.importing.tensorflow import first_layer
from classifier.importing.values import beginning
from classifier.importing.values.beginning import Does, Operation
from classifier.importing.values.first_layer import FirstLayer

log = logging.getLogger(__name__)

_DOES: dict[str, Does] = {
    "Mul": "*",
    "Div": "/",
    "DivNoNan": "/",
    "RealDiv": "/",
    "Add": "+",
    "AddV2": "+",
    "BiasAdd": "+",
    "Sub": "-",
    "Neg": "negates",
    "FusedBatchNorm": "normalises",
    "FusedBatchNormV2": "normalises",
    "FusedBatchNormV3": "normalises",
    "Cast": "passes",
    "EnsureShape": "passes",
    "ExpandDims": "passes",
    "Identity": "passes",
    "MirrorPad": "passes",
    "Pad": "passes",
    "PadV2": "passes",
    "PreventGradient": "passes",
    "Reshape": "passes",
    "ResizeArea": "passes",
    "ResizeBicubic": "passes",
    "ResizeBilinear": "passes",
    "ResizeNearestNeighbor": "passes",
    "Round": "passes",
    "ScaleAndTranslate": "passes",
    "Snapshot": "passes",
    "Squeeze": "passes",
    "StopGradient": "passes",
    "Transpose": "passes",
    "GatherV2": "chooses",
    "ReverseV2": "chooses",
    "Slice": "chooses",
    "Split": "chooses",
    "SplitV": "chooses",
    "StridedSlice": "chooses",
    "Unpack": "chooses",
    "ClipByValue": "clips",
    "Maximum": "clips",
    "Minimum": "clips",
    "ConcatV2": "joins",
    "Pack": "joins",
    "Rank": "measures",
    "Shape": "measures",
    "ShapeN": "measures",
    "Size": "measures",
}
_CALLS = {"PartitionedCall", "StatefulPartitionedCall"}
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
    "ReadVariableOp": lambda value: value,
    "RealDiv": np.divide,
    "Reciprocal": np.reciprocal,
    "Reshape": lambda value, shape: value,
    "Rsqrt": lambda value: 1 / np.sqrt(value),
    "Sqrt": np.sqrt,
    "Squeeze": lambda value: value,
    "Sub": np.subtract,
}
_SAME = {"Cast", "ExpandDims", "Identity", "ReadVariableOp", "Reshape", "Squeeze"}  # of a constant's numbers
_LARGEST_CONSTANT = 16  # numbers; more than a picture has channels
_LARGEST_KERNEL = 100_000  # numbers; more than the first kernels of networks for pictures have


@dataclass(frozen=True, slots=True)
class Graph:
    """What the graph tells about a model.

    Attributes:
        activation: the last operation: "none" if it is linear; None if it does not tell.
        scaling: scaling of the input; None if the first operations do not tell.
        first_layer: the first convolution, if a batch normalisation follows it.
    """

    activation: Activation | None = None
    scaling: Scaling | None = None
    first_layer: FirstLayer | None = None


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

    signature = [tf.TensorSpec((1, *shape), dtype, name="image")]
    try:
        traced = tf.function(function, input_signature=signature, autograph=False).get_concrete_function()
        nodes = nodes_of(traced)
        reader = _Reader(nodes, tf.make_ndarray, _captured(traced))
        image, operations = traced.inputs[0].op.name, _operations(nodes)
        return Graph(
            reader.activation(source(traced.outputs[0].name, nodes)),
            reader.scaling(operations, image),
            reader.first_layer(operations, image),
        )
    except Exception as error:  # layers and TensorFlow raise errors of many classes
        log.debug("The graph cannot be read: %s", error)
        return Graph()


def nodes_of(traced: Any) -> dict[str, Any]:
    """The nodes of a concrete function by name, each with the names of those that make its inputs."""
    graph = traced.graph.as_graph_def()
    inlined = _inlined(graph.node, {one.signature.name: one for one in graph.library.function})
    nodes = {node.name: node for node in inlined}
    for node in nodes.values():
        node.input[:] = [source(name, nodes) for name in node.input if not name.startswith("^")]
    return nodes


def _captured(traced: Any) -> dict[str, Any]:
    """The variables and constants that a graph takes from outside, by their node's name.

    Few of them are looked at. To put them all into the graph, as a conversion does, takes seconds and gigabytes.
    """
    variables = {id(variable.handle): variable for variable in traced.graph.variables}
    return {inside.op.name: variables.get(id(outside), outside) for outside, inside in traced.graph.captures}


@dataclass(frozen=True, slots=True)
class _Reader:
    nodes: dict[str, Any]
    decode: Callable[[Any], NDArray[Any]]
    captured: dict[str, Any]
    known: dict[str, NDArray[np.float64] | None] = field(default_factory=dict)

    def activation(self, name: str) -> Activation | None:
        node = self.nodes[name]
        while node.op in ("Cast", "Identity", "IdentityN", "Reshape", "Squeeze", "EnsureShape"):
            node = self.nodes[node.input[0]]
        if node.op == "Softmax":
            return "softmax"
        if node.op == "Sigmoid":
            return "sigmoid"
        if node.op in ("BiasAdd", "Add", "AddV2"):
            before = [self.nodes[name].op for name in node.input]
            return "none" if any(op in _LINEAR for op in before) else None
        return None

    def scaling(self, operations: list[Operation], image: str) -> Scaling | None:
        return beginning.scaling(operations, image, self._constant)

    def first_layer(self, operations: list[Operation], image: str) -> FirstLayer | None:
        return first_layer.read(
            self.nodes, beginning.users(operations, image), lambda name: self._value(name, _LARGEST_KERNEL)
        )

    def _constant(self, name: str) -> NDArray[np.float64] | None:
        """A constant of a few numbers, or what is made of such; None for anything else."""
        if name not in self.known:
            self.known[name] = self._made(self.nodes[name])
        return self.known[name]

    def _made(self, node: Any) -> NDArray[np.float64] | None:
        if (value := self._value(node.name, _LARGEST_CONSTANT)) is not None:
            return value.reshape(-1)
        made = _CONSTANT.get(node.op)
        if made is None:
            return None
        values = [self._constant(name) for name in node.input]
        if any(value is None for value in values):
            return None
        return np.asarray(made(*values), np.float64).reshape(-1)

    def _value(self, name: str, most: int) -> NDArray[np.float64] | None:
        """A constant or variable of at most so many numbers, in the shape in which it is kept."""
        node = self.nodes[name]
        while node.op in _SAME:
            node = self.nodes[node.input[0]]
        if node.op == "Const":
            tensor = node.attr["value"].tensor
            size = np.prod([side.size for side in tensor.tensor_shape.dim])
            value = self.decode(tensor) if size <= most else None
        else:
            outside = self.captured.get(node.name)
            small = outside is not None and outside.shape.is_fully_defined() and outside.shape.num_elements() <= most
            value = outside.numpy() if outside is not None and small and outside.dtype.is_numpy_compatible else None
        return value.astype(np.float64) if value is not None and value.dtype.kind not in "OSU" else None


def _inlined(nodes: Iterable[Any], functions: dict[str, Any]) -> Iterator[Any]:
    """The nodes, with the content of a called function instead of the call."""
    for node in nodes:
        called = functions.get(node.attr["f"].func.name) if node.op in _CALLS else None
        if called is None:
            yield node
            continue
        inside = f"{node.name}/"
        given = (name for name in node.input if not name.startswith("^"))
        for argument, name in zip(called.signature.input_arg, given, strict=True):
            yield _identity(type(node), inside + argument.name, name)
        body = [type(node).FromString(one.SerializeToString()) for one in called.node_def]
        for one in body:
            one.name = inside + one.name
            one.input[:] = [inside + name for name in one.input if not name.startswith("^")]
        yield from _inlined(body, functions)
        for index, output in enumerate(called.signature.output_arg):
            name = f"{node.name}:{index}" if index else node.name
            yield _identity(type(node), name, inside + called.ret[output.name])


def _identity(kind: Any, name: str, of: str) -> Any:
    return kind(name=name, op="Identity", input=[of])


def source(tensor: str, nodes: dict[str, Any]) -> str:
    """The name of the node that makes a tensor such as `a`, `a:1` or `a:output:1`."""
    name, _, output = tensor.partition(":")
    numbered = f"{name}:{output.rpartition(':')[2]}"
    return numbered if numbered in nodes else name


def _operations(nodes: dict[str, Any]) -> list[Operation]:
    """All operations, each after those that make its inputs."""
    order = TopologicalSorter({name: node.input for name, node in nodes.items()}).static_order()
    return [_operation(nodes[name]) for name in order]


def _operation(node: Any) -> Operation:
    names = tuple(node.input)
    if node.op == "ConcatV2":
        names = names[:-1]  # without the axis
    elif node.op == "Split":
        names = names[1:]
    return Operation(_DOES.get(node.op, "else"), names, node.name, node.attr["epsilon"].f)
