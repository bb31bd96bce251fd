"""Reads the head of an ONNX model, whether the importer wrote it or somebody else."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from classifier.explanation import trace
from classifier.explanation.head import Activation, Head, Pooling
from classifier.explanation.onnx_graph import Graph, Node, Numbers
from classifier.explanation.trace import Step
from classifier.package.onnx_data import MODEL

_PASSING = {"Cast", "Dropout", "Flatten", "Identity", "Reshape", "Squeeze", "Transpose", "Unsqueeze"}
_SQUASHING = {"HardSigmoid", "LogSoftmax", "Sigmoid", "Softmax"}
_ACTIVATIONS: dict[str, Activation] = {"Relu": "relu", "HardSwish": "hard-swish"}
_FACTORS: dict[str, Activation] = {"Sigmoid": "swish", "HardSigmoid": "hard-swish"}
_POOLINGS: dict[str, Pooling] = {
    "AveragePool": "mean",
    "GlobalAveragePool": "mean",
    "GlobalMaxPool": "max",
    "MaxPool": "max",
    "ReduceMax": "max",
    "ReduceMean": "mean",
}
_PLACES = ([2, 3], [1, 2])  # the axes of height and width, channels first or last
_MOST_SCALED = 2048  # scores that are scaled one by one, which takes the square of their number


def read(file: Path, scores: str, features: str) -> Head | None:
    """The head of an ONNX model, read of the file itself: nothing is stored beside it, and onnx is not needed.

    Only what ONNX Runtime has loaded is read, so that it is not checked for damage again. The features that the backend
    gives have the channels last, whatever the order within the graph.

    Args:
        file: the model's file or folder, as `ModelPackage.weights_file` gives it.
        scores: the name of the output with the scores.
        features: the name of the output with the feature map.

    Raises:
        OSError: it cannot be read.
        ValueError: it is no model.
    """
    return trace.head(scores, features, Steps(Graph.read(file / MODEL if file.is_dir() else file)).step)


def feature_map(content: bytes, file: Path, scores: str) -> tuple[str, bool] | None:
    """The tensor that is pooled for the scores of a model with a head.

    Args:
        content: of the model's file.
        file: the model, beside which its data files are.
        scores: the tensor of the scores.

    Returns:
        Its name, and whether the channels come before height and width; None if the model has no such head.

    Raises:
        ValueError: it is no model.
    """
    steps = Steps(Graph(content, file))
    found = trace.pooled(scores, steps.step)
    return None if found is None else (found, steps.channels_first)


class Steps:
    """Says what makes each tensor of a graph.

    Attributes:
        channels_first: whether what was pooled last has the channels before height and width.
    """

    def __init__(self, graph: Graph) -> None:
        """Args: graph: the model's."""
        self._graph = graph
        self.channels_first = True

    def step(self, tensor: str) -> Step | None:
        """See `trace.head`."""
        node = self._graph.makers.get(tensor)
        if node is None or not node.inputs or tensor != node.outputs[0]:
            return None
        kind, source = node.operation, node.inputs[0]
        if kind in _PASSING:
            return Step("passes", source)
        if kind in _SQUASHING:
            return Step("squashes", source)
        if kind in _ACTIVATIONS:
            return Step("activates", source, activation=_ACTIVATIONS[kind])
        if kind == "Clip":
            return Step("activates", source, activation="relu6") if self._bounds(node) == [0, 6] else None
        if kind in ("Gemm", "MatMul", "Conv"):
            return self._layer(node)
        if kind in ("Add", "Sub", "Mul", "Div"):
            return self._arithmetic(node)
        return self._pooling(node)

    def _layer(self, node: Node) -> Step | None:
        weights = self._constant(node, 1)
        bias = self._constant(node, 2)
        if weights is None or (bias is None and len(node.inputs) > 2 and node.inputs[2]):
            return None
        if node.operation == "Conv":  # of one place by itself, as after a pooling
            alone = weights.ndim == 4 and weights.shape[2:] == (1, 1) and node.whole("group", 1) == 1
            if not alone or any(node.wholes("pads") or ()):
                return None
            weights = weights[:, :, 0, 0].T
        elif node.operation == "Gemm":
            if node.whole("transA", 0):
                return None
            weights = (weights.T if node.whole("transB", 0) else weights) * np.float32(node.real("alpha", 1))
            bias = None if bias is None else bias * np.float32(node.real("beta", 1))
        if weights.ndim != 2:
            return None
        return Step("multiplies", node.inputs[0], constant=np.ascontiguousarray(weights), bias=bias)

    def _arithmetic(self, node: Node) -> Step | None:
        """A constant that is added or multiplied with, or a product of a tensor with its sigmoid."""
        kind, (first, second) = node.operation, node.inputs
        constant, source = self._graph.constant(second), first
        if constant is None and kind in ("Add", "Mul"):
            constant, source = self._graph.constant(first), second
        if constant is None:
            return self._swish(first, second) or self._swish(second, first) if kind == "Mul" else None
        if kind in ("Add", "Sub"):
            return Step("adds", source, constant=constant if kind == "Add" else -constant)
        return self._scaled(source, constant if kind == "Mul" else np.float32(1) / constant)

    def _scaled(self, source: str, factors: Numbers) -> Step | None:
        """Scores of a layer times constants, which is a layer, too."""
        before = self.step(source)
        while before is not None and before.does in ("passes", "adds"):
            before = self.step(before.source)
        if before is None or before.does != "multiplies" or before.constant is None:
            return None
        count = before.constant.shape[1]
        if count > _MOST_SCALED or factors.size not in (1, count):
            return None
        return Step("multiplies", source, constant=np.eye(count, dtype=np.float32) * factors.reshape(-1))

    def _swish(self, source: str, other: str) -> Step | None:
        factor = self._graph.makers.get(other)
        if factor is None or factor.operation not in _FACTORS or factor.inputs[0] != source:
            return None
        if factor.operation == "HardSigmoid":
            usual = abs(factor.real("alpha", 0.2) - 1 / 6) < 1e-6 and factor.real("beta", 0.5) == 0.5
            if not usual:
                return None
        return Step("activates", source, activation=_FACTORS[factor.operation])

    def _pooling(self, node: Node) -> Step | None:
        kind, source = node.operation, node.inputs[0]
        pooling = _POOLINGS.get(kind)
        if pooling is None:
            return None
        axes = [2, 3]
        if kind.startswith("Reduce"):
            given = node.wholes("axes")
            if given is None:
                told = self._constant(node, 1)
                given = [] if told is None else [int(axis) for axis in told.reshape(-1)]
            axes = sorted(axis % 4 for axis in given)
        elif not kind.startswith("Global"):
            places = self._graph.shapes.get(source, ())[2:]
            plain = not any(node.wholes("pads") or ()) and not node.attributes.get("auto_pad")
            if len(places) != 2 or tuple(node.wholes("kernel_shape") or ()) != places or not plain:
                return None
        if axes not in _PLACES or len(self._graph.shapes.get(source, axes * 2)) != 4:
            return None
        self.channels_first = axes == [2, 3]
        return Step("pools", source, pooling=pooling)

    def _bounds(self, node: Node) -> list[float]:
        """The least and the most that an operation lets through."""
        if "min" in node.attributes or "max" in node.attributes:
            return [node.real("min", -np.inf), node.real("max", np.inf)]
        found = [self._constant(node, place) for place in (1, 2)]
        return [float(one.item()) for one in found if one is not None and one.size == 1]

    def _constant(self, node: Node, place: int) -> Numbers | None:
        return self._graph.constant(node.inputs[place]) if len(node.inputs) > place else None
