"""An ONNX graph, and what it tells of a classifier: its scores and their last operation, its feature map, its layout."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray

from classifier.importing import onnx_data
from classifier.importing.network import Activation, Shape

_SQUASHING: dict[str, Activation] = {
    "HardSigmoid": "sigmoid",
    "LogSoftmax": "none",  # a softmax of the logarithms of probabilities gives the probabilities
    "QLinearSigmoid": "sigmoid",
    "QLinearSoftmax": "softmax",
    "Sigmoid": "sigmoid",
    "Softmax": "softmax",
}
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
# Operations that give any numbers, positive and negative: what comes out of them as scores are logits.
_LINEAR = {
    "Conv",
    "ConvInteger",
    "FusedConv",
    "FusedGemm",
    "FusedMatMul",
    "Gemm",
    "MatMul",
    "MatMulInteger",
    "MatMulNBits",
    "QGemm",
    "QLinearConv",
    "QLinearMatMul",
}
_POOLING = {"AveragePool", "GlobalAveragePool", "QLinearGlobalAveragePool", "ReduceMean", "Relu"}
_ARITHMETIC = {"Add", "BatchNormalization", "Div", "Mul", "Sub", "Sum"}
# Operations on pictures, height and width included, that leave the order of the dimensions as it is.
_POINTWISE = {
    "Add",
    "BatchNormalization",
    "Cast",
    "Clip",
    "DequantizeLinear",
    "Div",
    "Gather",
    "Identity",
    "Mul",
    "Pad",
    "QuantizeLinear",
    "Resize",
    "Slice",
    "Sub",
    "Upsample",
}
_CONVOLUTIONS = {"Conv": 1, "ConvInteger": 1, "FusedConv": 1, "QLinearConv": 3}  # and the place of their weights
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
        return onnx_data.numbers(tensor, self.file)


@dataclass(frozen=True, slots=True)
class Scores:
    """The output that holds the scores.

    Attributes:
        name: its tensor.
        others: names of the other outputs, which are left out.
        labels: labels that the graph puts to the scores.
    """

    name: str
    others: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()


def scores(graph: Graph) -> list[Scores]:
    """The outputs that can be a classifier's scores; more than one if the graph does not tell which they are.

    Left out are indices and names of the best class, and tensors of which another output is computed.
    """
    names = [one.name for one in graph.model.graph.output]
    found: dict[str, tuple[str, ...]] = {}
    for one in graph.model.graph.output:
        if (zipped := graph.before(one.name, {"Identity"})) is not None and zipped.op_type == "ZipMap":
            labels = attribute(zipped, "classlabels_strings") or []
            found[zipped.input[0]] = tuple(label.decode("utf-8", "replace") for label in labels)
        elif _is_score(one):
            found.setdefault(one.name, ())
    within = {name: ancestors(graph, name) - {name} for name in found}
    last = [name for name in found if not any(name in others for others in within.values())]
    return [Scores(name, tuple(other for other in names if other != name), found[name]) for name in last]


def activation(graph: Graph, name: str) -> Activation | None:
    """The last operation of the scores; "none" if they are logits, None if that cannot be told."""
    node = graph.before(name)
    if node is None:
        return None
    if node.op_type in _SQUASHING:
        return _SQUASHING[node.op_type]
    if node.op_type == "Div" and _is_softmax(graph, node):
        return "softmax"
    return "none" if _is_linear(graph, name, len(graph.model.graph.node)) else None


def resolved(graph: Graph, image: str, shape: Shape) -> tuple[Shape, int | None]:
    """An input's shape with what the first convolution tells of it.

    Args:
        graph: the graph.
        image: name of the input.
        shape: as declared, with None for a dimension of any size; empty if nothing is declared.

    Returns:
        The shape, and how many channels the first convolution takes; None if that is unknown.
    """
    shape = shape or (None,) * 4
    if len(shape) != 4:
        return shape, None
    found = _channels(graph, image)
    if found is None:
        axis = 3 if shape[3] in (1, 3) or (shape[3] is None and shape[2] is not None and shape[1] is not None) else 1
        channels = None
    else:
        axis, channels = found
    if axis in (1, 3) and shape[axis] is None:
        shape = (*shape[:axis], channels or 3, *shape[axis + 1 :])
    return shape, channels


def feature_map(graph: Graph, name: str) -> tuple[str, bool] | None:
    """The last feature map, if the scores are a linear function of its mean over all places.

    Returns:
        Its tensor, and whether the channels come before height and width; None if the model has no such map.
    """
    node = graph.before(name)
    if node is not None and _SQUASHING.get(node.op_type):
        node = graph.before(node.input[0])
    while node is not None and node.op_type in ("Add", "Mul") and any(map(graph.is_constant, node.input)):
        node = graph.before(next(one for one in node.input if not graph.is_constant(one)))
    if node is None or node.op_type not in ("Gemm", "MatMul", "Conv") or not graph.is_constant(node.input[1]):
        return None
    pooled = graph.before(node.input[0])
    if pooled is None:
        return None
    if pooled.op_type == "GlobalAveragePool":
        return pooled.input[0], True
    if pooled.op_type == "ReduceMean":
        axes = attribute(pooled, "axes")
        if axes is None and len(pooled.input) > 1:
            given = graph.constant(pooled.input[1])
            axes = [] if given is None else given.ravel().tolist()
        places = sorted(int(axis) % 4 for axis in axes or ())
        return (pooled.input[0], places == [2, 3]) if places in ([2, 3], [1, 2]) else None
    return None


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


def ancestors(graph: Graph, name: str) -> set[str]:
    """A tensor and all of which it is computed."""
    seen: set[str] = set()
    todo = [name]
    while todo:
        if (one := todo.pop()) not in seen:
            seen.add(one)
            todo += uses(graph.makers[one]) if one in graph.makers else ()
    return seen


def _is_score(output: Any) -> bool:
    types = onnx.TensorProto
    whole = (types.STRING, types.BOOL, types.INT16, types.INT32, types.INT64, types.UINT16, types.UINT32, types.UINT64)
    kind = output.type
    return (
        not kind.HasField("sequence_type") and not kind.HasField("map_type") and kind.tensor_type.elem_type not in whole
    )


def _is_softmax(graph: Graph, node: Any) -> bool:
    """Whether a division is the last step of a softmax that is spelled out."""
    top, total = graph.makers.get(node.input[0]), graph.makers.get(node.input[1])
    if top is None or total is None or total.op_type != "ReduceSum":
        return False
    return bool(top.op_type == "Exp" and total.input[0] == node.input[0])


def _is_linear(graph: Graph, name: str, most: int) -> bool:
    """Whether a tensor is what a linear layer gives, perhaps averaged, without its negative values, or scaled."""
    node = graph.before(name)
    if node is None or most <= 0:
        return False
    if node.op_type in _LINEAR:
        return True
    if node.op_type in _POOLING:
        return _is_linear(graph, node.input[0], most - 1)
    if node.op_type in _ARITHMETIC:
        variable = [one for one in node.input if one and not graph.is_constant(one)]
        if node.op_type in ("Mul", "Div") and len(variable) != 1:
            # Integers times the scale that was found for the input: what a dynamically quantised layer gives.
            makers = [graph.before(one) for one in variable]
            return any(one is not None and one.op_type in ("ConvInteger", "MatMulInteger") for one in makers)
        return bool(variable) and all(_is_linear(graph, one, most // 2) for one in variable)
    return False


def _channels(graph: Graph, image: str) -> tuple[int, int] | None:
    """Which dimension of the input holds the channels, and how many the first convolution takes."""
    todo, seen = [(image, (0, 1, 2, 3))], set()
    while todo:
        name, order = todo.pop(0)
        for node in graph.users.get(name, ()):
            if node.op_type in _CONVOLUTIONS and node.input[0] == name:
                sizes = graph.sizes(node.input[_CONVOLUTIONS[node.op_type]])
                if sizes and len(sizes) == 4:
                    return order[1], sizes[1] * (attribute(node, "group") or 1)
            if not node.output or node.output[0] in seen:
                continue
            seen.add(node.output[0])
            after = order
            if node.op_type == "Transpose":
                perm = attribute(node, "perm") or [3, 2, 1, 0]
                if sorted(perm) != [0, 1, 2, 3]:
                    continue
                after = (order[perm[0]], order[perm[1]], order[perm[2]], order[perm[3]])
            elif node.op_type not in _POINTWISE:
                continue
            todo.append((node.output[0], after))
    return None
