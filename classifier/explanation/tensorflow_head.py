"""Reads the head of a model that TensorFlow has loaded, a Keras file or a SavedModel alike: of its traced function."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from classifier.backends.protocol import output_names
from classifier.explanation import trace
from classifier.explanation.head import Activation, Head
from classifier.explanation.trace import Step
from classifier.package import ModelPackage

_PASSING = {"Cast", "EnsureShape", "ExpandDims", "Identity", "PreventGradient", "Reshape", "Snapshot", "Squeeze"}
_PASSING |= {"StopGradient"}
_SQUASHING = {"Softmax", "Sigmoid"}
_ACTIVATIONS: dict[str, Activation] = {"Relu": "relu", "Relu6": "relu6"}
_ADDING = {"Add", "AddV2", "BiasAdd"}
_PLACES = (1, 2)  # the axes of height and width


def read(package: ModelPackage, function: Any) -> Head | None:
    """The head of a traced function.

    Args:
        package: the model's package.
        function: of a batch, with one signature; it gives a dictionary of outputs.
    """
    # Not imported with this module: TensorFlow takes seconds.
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

    traced = function.get_concrete_function()
    outputs = traced.structured_outputs
    if not isinstance(outputs, dict):
        return None
    shapes = {name: tuple(one.shape) for name, one in outputs.items()}
    scores, features = output_names(package, package.folder, shapes)
    if features is None:
        return None
    frozen = convert_variables_to_constants_v2(traced)
    tensors = dict(zip(sorted(outputs), frozen.outputs, strict=True))  # as TensorFlow flattens dictionaries
    return trace.head(tensors[scores].name, tensors[features].name, _Reader(frozen.graph).step)


class _Reader:
    """Says what makes each tensor."""

    def __init__(self, graph: Any) -> None:
        self._graph = graph

    def step(self, name: str) -> Step | None:
        """See `trace.head`."""
        operation = self._graph.get_tensor_by_name(name).op
        kind, inputs = operation.type, list(operation.inputs)
        if kind in _PASSING:
            return Step("passes", inputs[0].name)
        if kind in _SQUASHING:
            return Step("squashes", inputs[0].name)
        if kind in _ACTIVATIONS:
            return Step("activates", inputs[0].name, activation=_ACTIVATIONS[kind])
        if kind in _ADDING:
            return self._addition(inputs)
        if kind == "Mul":
            return self._swish(inputs)
        if kind in ("MatMul", "Conv2D"):
            return self._layer(operation, inputs)
        if kind in ("Mean", "Max"):
            return self._pooling(kind, inputs)
        return None

    def _layer(self, operation: Any, inputs: list[Any]) -> Step | None:
        """A dense layer, or a convolution of one place by itself, which is the same there."""
        weights = self._constant(inputs[1])
        if weights is None:
            return None
        if operation.type == "Conv2D":
            alone = weights.shape[:2] == (1, 1) and tuple(inputs[0].shape)[1:3] == (1, 1)
            if not alone or operation.get_attr("data_format") != b"NHWC":
                return None
            weights = weights[0, 0]
        elif operation.get_attr("transpose_a"):
            return None
        elif operation.get_attr("transpose_b"):
            weights = weights.T
        return Step("multiplies", inputs[0].name, constant=np.ascontiguousarray(weights, np.float32))

    def _addition(self, inputs: list[Any]) -> Step | None:
        for source, other in (inputs, inputs[::-1]):
            constant = self._constant(other)
            if constant is not None:
                return Step("adds", source.name, constant=constant.astype(np.float32))
        return None

    def _swish(self, inputs: list[Any]) -> Step | None:
        """A product of a tensor with its sigmoid."""
        for source, other in (inputs, inputs[::-1]):
            if other.op.type == "Sigmoid" and other.op.inputs[0].name == source.name:
                return Step("activates", source.name, activation="swish")
        return None

    def _pooling(self, kind: str, inputs: list[Any]) -> Step | None:
        axes, rank = self._constant(inputs[1]), inputs[0].shape.rank
        if axes is None or rank != 4 or sorted(int(axis) % rank for axis in axes.reshape(-1)) != list(_PLACES):
            return None
        return Step("pools", inputs[0].name, pooling="mean" if kind == "Mean" else "max")

    def _constant(self, tensor: Any) -> NDArray[Any] | None:
        """The values of a constant; None if it is none."""
        from tensorflow import make_ndarray  # late, as above

        operation = tensor.op
        while operation.type in ("Identity", "Cast") and len(operation.inputs) == 1:
            operation = operation.inputs[0].op
        if operation.type != "Const":
            return None
        values: NDArray[Any] = make_ndarray(operation.get_attr("value"))
        return values
