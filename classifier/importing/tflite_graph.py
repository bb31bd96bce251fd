"""Reads the graph of a `.tflite` model: its last operation, and the arithmetic with which it begins."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from numpy.typing import NDArray

from classifier.importing.network import Activation
from classifier.importing.options import Scaling
from classifier.importing.scaling import from_arithmetic

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
_ARITHMETIC = {_OPERATOR.MUL: "*", _OPERATOR.DIV: "/", _OPERATOR.ADD: "+", _OPERATOR.SUB: "-"}
_DTYPES: dict[int, str] = {
    schema.TensorType.FLOAT16: "<f2",
    schema.TensorType.FLOAT32: "<f4",
    schema.TensorType.INT32: "<i4",
    schema.TensorType.INT8: "<i1",
    schema.TensorType.UINT8: "<u1",
}


@dataclass(frozen=True, slots=True)
class Graph:
    """What the graph tells about a model.

    Attributes:
        activation: the last operation; "none" if it is neither softmax nor sigmoid.
        scaling: scaling of the input; None if the first operations do not tell.
        weights: type of the largest constant: float32, float16, int8.
        metadata: content of the buffer TFLITE_METADATA; None if there is no such buffer.
    """

    activation: Activation
    scaling: Scaling | None
    weights: str
    metadata: bytes | None


def read(data: bytes) -> Graph:
    """Reads a graph.

    Args:
        data: the whole file. LiteRT has loaded it, so it is not checked for damage again.
    """
    model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(data, 0))
    graph = model.subgraphs[0]
    codes = [max(code.builtinCode, code.deprecatedBuiltinCode) for code in model.operatorCodes]
    made = {int(output): operation for operation in graph.operators for output in operation.outputs}
    reader = _Reader(model, graph, codes, made)
    metadata = next(
        (bytes(model.buffers[entry.buffer].data) for entry in model.metadata or () if entry.name == _METADATA), None
    )
    return Graph(
        reader.activation(int(graph.outputs[0])), reader.scaling(int(graph.inputs[0])), reader.weights(), metadata
    )


@dataclass(frozen=True, slots=True)
class _Reader:
    model: Any
    graph: Any
    codes: list[int]
    made: dict[int, Any]

    def activation(self, tensor: int) -> Activation:
        while (operation := self.made.get(tensor)) is not None:
            code = self.codes[operation.opcodeIndex]
            if code == _OPERATOR.SOFTMAX:
                return "softmax"
            if code == _OPERATOR.LOGISTIC:
                return "sigmoid"
            if code not in _PASSING:
                break
            tensor = int(operation.inputs[0])
        return "none"

    def scaling(self, tensor: int) -> Scaling | None:
        return from_arithmetic(self._first(tensor))

    def _first(self, tensor: int) -> Iterator[tuple[str, NDArray[np.float64]]]:
        """The first operations on the input, as long as they are arithmetic with a constant: operator and constant."""
        for operation in self.graph.operators:
            inputs = [int(index) for index in operation.inputs]
            if tensor not in inputs:
                continue
            code = self.codes[operation.opcodeIndex]
            if code in _ARITHMETIC:
                constants = [self._constant(index) for index in inputs if index != tensor]
                if len(constants) != 1 or constants[0] is None or (inputs[0] != tensor and _ARITHMETIC[code] in "-/"):
                    return
                yield _ARITHMETIC[code], constants[0]
            elif code not in _PASSING:
                return
            tensor = int(operation.outputs[0])

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
        if values.size and details.quantization is not None and details.quantization.scale is not None:
            values = (values - details.quantization.zeroPoint[0]) * details.quantization.scale[0]
        return values if values.size in (1, 3) else None

    def weights(self) -> str:
        sizes = {
            (len(data), tensor.type)
            for tensor in self.graph.tensors
            if (data := self.model.buffers[tensor.buffer].data) is not None and tensor.type in _DTYPES
        }
        kind = max(sizes)[1] if sizes else schema.TensorType.FLOAT32
        return str(np.dtype(_DTYPES[kind]).name)
