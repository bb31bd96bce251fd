"""What an ONNX graph tells of its scores: which output they are, and their last operation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import onnx

from classifier.importing.network import Activation
from classifier.importing.onnx.graph import Graph, ancestors, attribute

_SQUASHING: dict[str, Activation] = {
    "HardSigmoid": "sigmoid",
    "LogSoftmax": "none",  # a softmax of the logarithms of probabilities gives the probabilities
    "QLinearSigmoid": "sigmoid",
    "QLinearSoftmax": "softmax",
    "Sigmoid": "sigmoid",
    "Softmax": "softmax",
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
