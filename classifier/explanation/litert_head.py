"""Reads the head of a `.tflite` model: float32, float16 behind DEQUANTIZE, and whole numbers with their scale."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from numpy.typing import NDArray

from classifier.backends.protocol import output_names
from classifier.explanation import trace
from classifier.explanation.head import Activation, Head
from classifier.explanation.trace import Step
from classifier.package import ModelPackage

_OPERATOR = schema.BuiltinOperator
_PASSING = {
    _OPERATOR.RESHAPE,
    _OPERATOR.SQUEEZE,
    _OPERATOR.EXPAND_DIMS,
    _OPERATOR.DEQUANTIZE,
    _OPERATOR.QUANTIZE,
    _OPERATOR.CAST,
}
_SQUASHING = {_OPERATOR.SOFTMAX, _OPERATOR.LOGISTIC}
_ACTIVATIONS: dict[int, Activation] = {
    _OPERATOR.RELU: "relu",
    _OPERATOR.RELU6: "relu6",
    _OPERATOR.HARD_SWISH: "hard-swish",
}
_FUSED: dict[int, Activation] = {
    schema.ActivationFunctionType.NONE: "none",
    schema.ActivationFunctionType.RELU: "relu",
    schema.ActivationFunctionType.RELU6: "relu6",
}
_DTYPES: dict[int, str] = {
    schema.TensorType.FLOAT16: "<f2",
    schema.TensorType.FLOAT32: "<f4",
    schema.TensorType.INT8: "<i1",
    schema.TensorType.UINT8: "<u1",
    schema.TensorType.INT32: "<i4",
    schema.TensorType.INT64: "<i8",
}
_PLACES = (1, 2)  # the axes of height and width


def read(package: ModelPackage) -> Head | None:
    """The head of a package's `.tflite` file, which LiteRT has loaded, so that it is not checked for damage again.

    Raises:
        PackageError: the file is not what it was.
    """
    model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(package.weights_content("litert"), 0))
    if len(model.subgraphs) != 1:
        return None
    graph = model.subgraphs[0]
    named = _outputs(model)
    shapes = {name: tuple(int(side) for side in graph.tensors[index].shape) for name, index in named.items()}
    file = Path(package.manifest.weights["litert"].file)
    scores, features = output_names(package, file, shapes)
    return None if features is None else trace.head(named[scores], named[features], _Reader(model).step)


def _outputs(model: Any) -> dict[str, int]:
    """The tensors of the outputs, by the names that the backend has for them."""
    graph = model.subgraphs[0]
    plain = {graph.tensors[index].name.decode(): int(index) for index in graph.outputs}
    if not model.signatureDefs:
        return plain
    named = {one.name.decode(): int(one.tensorIndex) for one in model.signatureDefs[0].outputs}
    return named if len(named) == len(plain) else plain


class _Reader:
    """Says what makes each tensor."""

    def __init__(self, model: Any) -> None:
        self._model = model
        self._graph = model.subgraphs[0]
        codes = [max(code.builtinCode, code.deprecatedBuiltinCode) for code in model.operatorCodes]
        self._made = {int(out): (codes[one.opcodeIndex], one) for one in self._graph.operators for out in one.outputs}

    def step(self, tensor: int) -> Step | None:
        """See `trace.head`."""
        code, operation = self._made.get(tensor, (None, None))
        if operation is None:
            return None
        sources = [int(index) for index in operation.inputs]
        if code in _PASSING:
            return Step("passes", sources[0])
        if code in _SQUASHING:
            return Step("squashes", sources[0])
        if code in _ACTIVATIONS:
            return Step("activates", sources[0], activation=_ACTIVATIONS[code])
        fused = getattr(operation.builtinOptions, "fusedActivationFunction", schema.ActivationFunctionType.NONE)
        if code in (_OPERATOR.FULLY_CONNECTED, _OPERATOR.CONV_2D):
            return self._layer(sources, fused)
        if fused != schema.ActivationFunctionType.NONE:
            return None
        if code == _OPERATOR.ADD:
            return self._addition(sources)
        return self._swish(sources) if code == _OPERATOR.MUL else self._pooling(code, operation, tensor)

    def _layer(self, sources: list[int], fused: int) -> Step | None:
        """A dense layer, or a convolution of one place by itself, which is the same there."""
        weights = self._constant(sources[1])
        if weights is None or fused not in _FUSED:
            return None
        if weights.ndim == 4:
            if weights.shape[1:3] != (1, 1) or self._shape(sources[0])[1:3] != (1, 1):
                return None
            weights = weights[:, 0, 0]
        bias = None
        if len(sources) > 2 and sources[2] >= 0:
            bias = self._constant(sources[2])
            if bias is None:
                return None
        whole = np.ascontiguousarray(weights.T)
        return Step("multiplies", sources[0], constant=whole, bias=bias, activation=_FUSED[fused])

    def _addition(self, sources: list[int]) -> Step | None:
        for source, other in (sources, sources[::-1]):
            constant = self._constant(other)
            if constant is not None:
                return Step("adds", source, constant=constant)
        return None

    def _swish(self, sources: list[int]) -> Step | None:
        """A product of a tensor with its sigmoid."""
        for source, other in (sources, sources[::-1]):
            code, operation = self._made.get(other, (None, None))
            if code == _OPERATOR.LOGISTIC and int(operation.inputs[0]) == source:
                return Step("activates", source, activation="swish")
        return None

    def _pooling(self, code: int | None, operation: Any, tensor: int) -> Step | None:
        options, sources = operation.builtinOptions, [int(index) for index in operation.inputs]
        if code in (_OPERATOR.MEAN, _OPERATOR.REDUCE_MAX):
            axes, rank = self._constant(sources[1]), len(self._shape(sources[0]))
            if axes is None or rank != 4 or sorted(int(axis) % rank for axis in axes.reshape(-1)) != list(_PLACES):
                return None
            return Step("pools", sources[0], pooling="mean" if code == _OPERATOR.MEAN else "max")
        if code in (_OPERATOR.AVERAGE_POOL_2D, _OPERATOR.MAX_POOL_2D):
            whole = (options.filterHeight, options.filterWidth) == self._shape(sources[0])[1:3]
            if not whole or self._shape(tensor)[1:3] != (1, 1):
                return None
            return Step("pools", sources[0], pooling="mean" if code == _OPERATOR.AVERAGE_POOL_2D else "max")
        return None

    def _shape(self, tensor: int) -> tuple[int, ...]:
        shape = self._graph.tensors[tensor].shape
        return () if shape is None else tuple(int(side) for side in shape)

    def _constant(self, tensor: int) -> NDArray[np.float32] | None:
        """The values of a constant; None if it is none, or of a type that is not known here."""
        code, operation = self._made.get(tensor, (None, None))
        if operation is not None:
            return self._constant(int(operation.inputs[0])) if code in _PASSING - {_OPERATOR.CAST} else None
        stored = self._graph.tensors[tensor]
        data = self._model.buffers[stored.buffer].data
        if data is None or stored.type not in _DTYPES:
            return None
        values = np.frombuffer(bytes(data), _DTYPES[stored.type]).astype(np.float32).reshape(self._shape(tensor))
        how = stored.quantization
        if how is None or how.scale is None or not len(how.scale):
            return values
        along = [1] * values.ndim
        if len(how.scale) > 1:  # one for each output
            along[how.quantizedDimension] = -1
        zeros = np.zeros(1) if how.zeroPoint is None else np.asarray(how.zeroPoint)
        scale, zero = (np.asarray(part, np.float32).reshape(along) for part in (how.scale, zeros))
        scaled: NDArray[np.float32] = (values - zero) * scale
        return scaled
