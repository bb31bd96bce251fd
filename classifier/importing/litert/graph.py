"""Reads the graph of a `.tflite` model: its last operation, and the arithmetic with which it begins."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from numpy.typing import NDArray

from classifier.importing.network import Activation
from classifier.importing.options import Scaling
from classifier.importing.values import beginning
from classifier.importing.values.beginning import Does, Operation

_METADATA = b"TFLITE_METADATA"
_OPERATOR = schema.BuiltinOperator
# Operations that leave values as they are, apart from their type or order.
_PASSING = {
    _OPERATOR.RESHAPE,
    _OPERATOR.DEQUANTIZE,
    _OPERATOR.QUANTIZE,
    _OPERATOR.CAST,
    _OPERATOR.SQUEEZE,
    _OPERATOR.TRANSPOSE,
}
# Operations that give any numbers, positive and negative: what comes out of them as scores are logits.
_LINEAR = {
    _OPERATOR.FULLY_CONNECTED,
    _OPERATOR.CONV_2D,
    _OPERATOR.DEPTHWISE_CONV_2D,
    _OPERATOR.BATCH_MATMUL,
    _OPERATOR.LOG_SOFTMAX,
}
_SQUASHING: dict[int, Activation] = {_OPERATOR.SOFTMAX: "softmax", _OPERATOR.LOGISTIC: "sigmoid"}
_AVERAGING = {_OPERATOR.MEAN, _OPERATOR.AVERAGE_POOL_2D}
_ARITHMETIC: dict[int, Does] = {_OPERATOR.MUL: "*", _OPERATOR.DIV: "/", _OPERATOR.ADD: "+", _OPERATOR.SUB: "-"}
_DOES: dict[int, Does] = {
    **_ARITHMETIC,
    **dict.fromkeys(_PASSING, "passes"),
    _OPERATOR.NEG: "negates",
    _OPERATOR.EXPAND_DIMS: "passes",
    _OPERATOR.MIRROR_PAD: "passes",
    _OPERATOR.PAD: "passes",
    _OPERATOR.PADV2: "passes",
    _OPERATOR.RESIZE_BILINEAR: "passes",
    _OPERATOR.RESIZE_NEAREST_NEIGHBOR: "passes",
    _OPERATOR.ROUND: "passes",
    _OPERATOR.GATHER: "chooses",
    _OPERATOR.REVERSE_V2: "chooses",
    _OPERATOR.SLICE: "chooses",
    _OPERATOR.SPLIT: "chooses",
    _OPERATOR.SPLIT_V: "chooses",
    _OPERATOR.STRIDED_SLICE: "chooses",
    _OPERATOR.UNPACK: "chooses",
    _OPERATOR.MAXIMUM: "clips",
    _OPERATOR.MINIMUM: "clips",
    _OPERATOR.CONCATENATION: "joins",
    _OPERATOR.PACK: "joins",
    _OPERATOR.RANK: "measures",
    _OPERATOR.SHAPE: "measures",
}
_DTYPES: dict[int, str] = {
    schema.TensorType.FLOAT16: "<f2",
    schema.TensorType.FLOAT32: "<f4",
    schema.TensorType.INT32: "<i4",
    schema.TensorType.INT8: "<i1",
    schema.TensorType.UINT8: "<u1",
}
# Values of 16 bits have a range that is symmetric around 0, so it does not tell 0 to 1 from -1 to 1.
_BYTES = {schema.TensorType.INT8, schema.TensorType.UINT8}


@dataclass(frozen=True, slots=True)
class Quantised:
    """How a tensor's whole numbers of 8 bits stand for values: `(q - zero_point) * scale`.

    Attributes:
        scale: the quantisation scale.
        zero_point: the number that stands for 0.
        low: the smallest number of the tensor's type.
        high: the largest number of the tensor's type.
    """

    scale: float
    zero_point: int
    low: int
    high: int

    @property
    def can_be_probabilities(self) -> bool:
        """Whether all its values lie within 0 to 1, as those of each quantised softmax and sigmoid do."""
        least, most = (self.low - self.zero_point) * self.scale, (self.high - self.zero_point) * self.scale
        return least >= -self.scale and most <= 1 + self.scale


@dataclass(frozen=True, slots=True)
class Graph:
    """What the graph tells about a model.

    Attributes:
        activation: the last operation; "none" if the scores are logits, None if that cannot be told.
        scaling: scaling of the input; None if the first operations do not tell.
        quantised: the quantisation of the input's values where whole numbers begin, which may be behind an input of
            floats; None if the model computes with floats.
        scores: likewise of the scores, where whole numbers end.
        weights: type of the largest constant: float32, float16, int8.
        metadata: content of the buffer TFLITE_METADATA; None if there is no such buffer.
        lacks_weights: whether it reads variables that nothing in the file sets.
    """

    activation: Activation | None
    scaling: Scaling | None
    quantised: Quantised | None
    scores: Quantised | None
    weights: str
    metadata: bytes | None
    lacks_weights: bool


def parse(data: bytes) -> Any:
    """A whole file as objects; LiteRT has loaded it, so it is not checked for damage again."""
    return schema.ModelT.InitFromObj(schema.Model.GetRootAs(data, 0))


def sources(model: Any, outputs: Collection[int]) -> dict[int, set[int]]:
    """For each output, as the index of its tensor, the other ones of which it is computed.

    Args:
        model: what `parse` gave.
        outputs: the indices of the outputs' tensors.
    """
    graph = model.subgraphs[0]
    behind: dict[int, set[int]] = {}
    for operation in graph.operators:  # each comes after those that make its inputs
        inputs = {int(index) for index in operation.inputs}
        found = inputs.union(*(behind.get(index, ()) for index in inputs)) & set(outputs)
        behind |= {int(output): found - {int(output)} for output in operation.outputs}
    return {output: behind.get(output, set()) for output in outputs}


def read(model: Any, scores: int | None = None) -> Graph:
    """Reads a graph.

    Args:
        model: what `parse` gave.
        scores: the index of the tensor of the output with the scores; the first output if None.
    """
    graph = model.subgraphs[0]
    codes = [max(code.builtinCode, code.deprecatedBuiltinCode) for code in model.operatorCodes]
    made = {int(output): operation for operation in graph.operators for output in operation.outputs}
    reader = _Reader(model, graph, codes, made)
    metadata = next(
        (bytes(model.buffers[entry.buffer].data) for entry in model.metadata or () if entry.name == _METADATA), None
    )
    image = int(graph.inputs[0])
    scores = int(graph.outputs[0]) if scores is None else scores
    return Graph(
        activation=reader.activation(scores),
        scaling=reader.scaling(image),
        quantised=reader.quantised_input(image),
        scores=reader.quantised_output(scores),
        weights=reader.weights(),
        metadata=metadata,
        lacks_weights=_OPERATOR.READ_VARIABLE in codes and _OPERATOR.ASSIGN_VARIABLE not in codes,
    )


@dataclass(frozen=True, slots=True)
class _Reader:
    model: Any
    graph: Any
    codes: list[int]
    made: dict[int, Any]

    def activation(self, tensor: int) -> Activation | None:
        """The last operation: the graph tells it, or else a quantisation of the scores that no probabilities have."""
        if (found := self._last(tensor)) is not None:
            return found
        quantised = self.quantised_output(tensor)
        return "none" if quantised and not quantised.can_be_probabilities else None

    def _last(self, tensor: int) -> Activation | None:
        changed = False  # whether arithmetic or an average comes after: a half of a softmax is none
        while (operation := self.made.get(tensor)) is not None:
            code = self.codes[operation.opcodeIndex]
            if code in _SQUASHING:
                return None if changed else _SQUASHING[code]
            if getattr(operation.builtinOptions, "fusedActivationFunction", 0):
                return None
            if code in _LINEAR:
                return None if self._squashed(int(operation.inputs[0])) else "none"
            inputs = [int(index) for index in operation.inputs]
            if code in _ARITHMETIC:
                inputs = [index for index in inputs if not self._is_constant(index)]
                changed = True
            elif code in _AVERAGING:
                inputs = inputs[:1]
                changed = True
            elif code in _PASSING:
                inputs = inputs[:1]
            else:
                return None
            if len(inputs) != 1:
                return None
            tensor = inputs[0]
        return None

    def _squashed(self, tensor: int) -> bool:
        """Whether a tensor comes straight from a softmax or sigmoid."""
        while (operation := self.made.get(tensor)) is not None and self.codes[operation.opcodeIndex] in _PASSING:
            tensor = int(operation.inputs[0])
        return operation is not None and self.codes[operation.opcodeIndex] in _SQUASHING

    def quantised_output(self, tensor: int) -> Quantised | None:
        """The quantisation of the scores, which may be in front of an output of floats."""
        while (quantised := self._quantised(tensor)) is None:
            operation = self.made.get(tensor)
            if operation is None or self.codes[operation.opcodeIndex] not in _PASSING:
                return None
            tensor = int(operation.inputs[0])
        return quantised

    def quantised_input(self, tensor: int) -> Quantised | None:
        """The quantisation of the values: of the input itself, or behind the operation that quantises floats."""
        while (quantised := self._quantised(tensor)) is None:
            users = [operation for operation in self.graph.operators if tensor in operation.inputs]
            if len(users) != 1 or self.codes[users[0].opcodeIndex] not in _PASSING:
                return None
            tensor = int(users[0].outputs[0])
        return quantised

    def _quantised(self, tensor: int) -> Quantised | None:
        details = self.graph.tensors[tensor]
        how = details.quantization
        if details.type not in _BYTES or how is None or how.scale is None or len(how.scale) != 1:
            return None
        bounds = np.iinfo(_DTYPES[details.type])
        zero_point = 0 if how.zeroPoint is None else int(how.zeroPoint[0])
        return Quantised(float(how.scale[0]), zero_point, bounds.min, bounds.max) if how.scale[0] else None

    def _is_constant(self, tensor: int) -> bool:
        operation = self.made.get(tensor)
        if operation is not None:
            return self.codes[operation.opcodeIndex] in _PASSING and self._is_constant(int(operation.inputs[0]))
        data = self.model.buffers[self.graph.tensors[tensor].buffer].data
        return data is not None and len(data) > 0

    def scaling(self, image: int) -> Scaling | None:
        return beginning.scaling(self._operations(), str(image), lambda tensor: self._constant(int(tensor)))

    def _operations(self) -> Iterator[Operation]:
        for operation in self.graph.operators:
            does = _DOES.get(self.codes[operation.opcodeIndex], "else")
            if getattr(operation.builtinOptions, "fusedActivationFunction", 0):
                does = "else"
            inputs = [str(index) for index in operation.inputs]
            if self.codes[operation.opcodeIndex] == _OPERATOR.SPLIT:
                inputs = inputs[1:]  # without the axis
            yield from (Operation(does, tuple(inputs), str(output)) for output in operation.outputs)

    def _constant(self, tensor: int) -> NDArray[np.float64] | None:
        operation = self.made.get(tensor)
        if operation is not None:
            passes = self.codes[operation.opcodeIndex] == _OPERATOR.DEQUANTIZE
            return self._constant(int(operation.inputs[0])) if passes else None
        details = self.graph.tensors[tensor]
        data = self.model.buffers[details.buffer].data
        if data is None or details.type not in _DTYPES:
            return None
        values = np.frombuffer(bytes(data), _DTYPES[details.type]).astype(np.float64)
        if values.size not in (1, 3):
            return None
        if details.quantization is not None and details.quantization.scale is not None:
            values = (values - details.quantization.zeroPoint) * details.quantization.scale
        return values

    def weights(self) -> str:
        sizes = {
            (len(data), tensor.type)
            for tensor in self.graph.tensors
            if (data := self.model.buffers[tensor.buffer].data) is not None and tensor.type in _DTYPES
        }
        kind = max(sizes)[1] if sizes else schema.TensorType.FLOAT32
        return str(np.dtype(_DTYPES[kind]).name)
