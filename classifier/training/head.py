"""Puts another last layer into a `.tflite` model: the weights, the bias and the shapes of its last FULLY_CONNECTED.

All else stays as it is, and so do the types of the numbers: float16 behind a DEQUANTIZE, as the shipped models have
them, or float32.
"""

from __future__ import annotations

from typing import Any

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema
from numpy.typing import NDArray

_IDENTIFIER = b"TFL3"
_OPERATOR = schema.BuiltinOperator
_TYPES: dict[int, type[np.floating[Any]]] = {
    schema.TensorType.FLOAT16: np.float16,
    schema.TensorType.FLOAT32: np.float32,
}


class HeadError(ValueError):
    """The model does not end with a linear layer of float16 or float32; the message says what it has."""


class Head:
    """The last layer of a model, which can be replaced."""

    def __init__(self, data: bytes, scores: str | None = None, features: str | None = None) -> None:
        """Finds it.

        Args:
            data: the whole file, which LiteRT has loaded, so that it is not checked for damage again.
            scores: the name of the output with the scores; if None, that which is not the features.
            features: the name of the output with the features.

        Raises:
            HeadError: there is no such layer.
        """
        self._model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(data, 0))
        if len(self._model.subgraphs) != 1:
            raise HeadError(f"it has {len(self._model.subgraphs)} graphs")
        self._graph = self._model.subgraphs[0]
        self._codes = [max(code.builtinCode, code.deprecatedBuiltinCode) for code in self._model.operatorCodes]
        self._made = {int(output): one for one in self._graph.operators for output in one.outputs}
        self.squashed = False
        """Whether a softmax comes after it, so that the model gives probabilities."""
        tensor = self._output(scores, features)
        self._scored = [tensor]
        operation = self._made.get(tensor)
        if operation is not None and self._code(operation) == _OPERATOR.SOFTMAX:
            self.squashed = True
            tensor = int(operation.inputs[0])
            self._scored.append(tensor)
            operation = self._made.get(tensor)
        if operation is None or self._code(operation) != _OPERATOR.FULLY_CONNECTED or len(operation.inputs) != 3:
            raise HeadError("the scores are not those of a fully connected layer with a bias")
        if operation.builtinOptions.fusedActivationFunction:
            raise HeadError("its last layer has an activation of its own")
        self._weights, self._bias = (self._constants(int(index)) for index in operation.inputs[1:])

    @property
    def weights(self) -> NDArray[np.float32]:
        """The weights `(classes, channels)`."""
        return self._values(self._weights[0])

    @property
    def bias(self) -> NDArray[np.float32]:
        """The bias `(classes,)`."""
        return self._values(self._bias[0])

    def replaced(self, weights: NDArray[np.floating[Any]], bias: NDArray[np.floating[Any]]) -> bytes:
        """The file with another layer in the place of this one.

        Args:
            weights: `(classes, channels)`, with the channels of the old ones.
            bias: `(classes,)`.
        """
        self._replace(self._weights, weights)
        self._replace(self._bias, bias)
        for index in self._scored:
            self._reshape(index, (1, len(bias)))
        builder = flatbuffers.Builder(sum(len(one.data) for one in self._model.buffers if one.data is not None))
        builder.Finish(self._model.Pack(builder), _IDENTIFIER)
        return bytes(builder.Output())

    def _output(self, scores: str | None, features: str | None) -> int:
        """The index of the tensor with the scores."""
        if self._model.signatureDefs:
            named = {one.name.decode(): int(one.tensorIndex) for one in self._model.signatureDefs[0].outputs}
        else:
            named = {self._graph.tensors[index].name.decode(): int(index) for index in self._graph.outputs}
        found = [index for name, index in named.items() if name == scores or (scores is None and name != features)]
        if len(found) != 1:
            raise HeadError(f"{len(found)} of its outputs may be the scores")
        return found[0]

    def _code(self, operation: Any) -> int:
        return int(self._codes[operation.opcodeIndex])

    def _constants(self, tensor: int) -> list[int]:
        """The tensor of a constant, and the one that is made of it when it is stored as float16."""
        operation = self._made.get(tensor)
        behind = []
        if operation is not None and self._code(operation) == _OPERATOR.DEQUANTIZE:
            behind, tensor = [tensor], int(operation.inputs[0])
        stored = self._graph.tensors[tensor]
        if self._model.buffers[stored.buffer].data is None or stored.type not in _TYPES:
            raise HeadError("the weights of its last layer are not float16 or float32")
        for index in (tensor, *behind):
            if sum(index in operation.inputs for operation in self._graph.operators) > 1:
                raise HeadError("another layer has the weights of its last one, too")
        return [tensor, *behind]

    def _values(self, tensor: int) -> NDArray[np.float32]:
        stored = self._graph.tensors[tensor]
        data = bytes(self._model.buffers[stored.buffer].data)
        return np.frombuffer(data, _TYPES[stored.type]).astype(np.float32).reshape(stored.shape)

    def _replace(self, tensors: list[int], values: NDArray[np.floating[Any]]) -> None:
        stored = self._graph.tensors[tensors[0]]
        if sum(tensor.buffer == stored.buffer for tensor in self._graph.tensors) > 1:  # equal constants may share one
            self._model.buffers.append(schema.BufferT())
            stored.buffer = len(self._model.buffers) - 1
        numbers = np.ascontiguousarray(values, _TYPES[stored.type])
        self._model.buffers[stored.buffer].data = numbers.reshape(-1).view(np.uint8)
        for index in tensors:
            self._reshape(index, values.shape)

    def _reshape(self, tensor: int, shape: tuple[int, ...]) -> None:
        self._graph.tensors[tensor].shape = np.array(shape, np.int32)
        self._graph.tensors[tensor].shapeSignature = None
