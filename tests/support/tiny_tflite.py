"""Tiny `.tflite` files, written in milliseconds and without TensorFlow: the mean of each channel, then one layer.

The schema's own classes pack them, so they are what LiteRT reads from any converter.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema
from numpy.typing import NDArray

_TYPES = {"float32": schema.TensorType.FLOAT32, "int8": schema.TensorType.INT8, "uint8": schema.TensorType.UINT8}
_CODES = schema.BuiltinOperator


def weights(classes: int, channels: int = 3) -> NDArray[np.float32]:
    """Of the layer: `(classes, channels)`."""
    return np.random.default_rng(classes).normal(size=(classes, channels)).astype(np.float32)


@dataclass
class Tiny:
    """What the model is like; each field is one thing that a test is about.

    `last` is its last operation, `before` what it does with its input first, `dtype` and `quantisation` are of both
    ends: (scale, zero point) of the input and of the output.
    """

    size: tuple[int, int] = (8, 6)
    channels: int = 3
    classes: int = 3
    batch: int = 1
    last: str = "softmax"
    before: Sequence[tuple[str, float]] = ()
    dtype: str = "float32"
    quantisation: tuple[tuple[float, int], tuple[float, int]] = ((0.0, 0), (0.0, 0))
    any_size: bool = False
    channels_first: bool = False
    inputs: int = 1
    outputs: int = 1
    rank: int = 4
    metadata: bytes | None = None
    _tensors: list[Any] = field(default_factory=list)
    _buffers: list[Any] = field(default_factory=list)
    _operators: list[Any] = field(default_factory=list)
    _codes: list[int] = field(default_factory=list)

    def build(self) -> bytes:
        """The file."""
        self._tensors, self._buffers, self._operators, self._codes = [], [_buffer(None)], [], []
        height, width = self.size
        shape = (
            [self.batch, self.channels, height, width]
            if self.channels_first
            else [self.batch, height, width, self.channels]
        )
        shape = shape[: self.rank]
        images = [self._tensor(f"image{i}", shape, self.dtype, self.quantisation[0]) for i in range(self.inputs)]
        if self.any_size:
            free = [-1, self.channels, -1, -1] if self.channels_first else [-1, -1, -1, self.channels]
            self._tensors[images[0]].shapeSignature = free
        values = images[0]
        if self.dtype != "float32":
            values = self._step(_CODES.DEQUANTIZE, [values], shape)
        for sign, number in self.before:
            code = {"*": _CODES.MUL, "/": _CODES.DIV, "+": _CODES.ADD, "-": _CODES.SUB}[sign]
            options = {
                "*": schema.MulOptionsT,
                "/": schema.DivOptionsT,
                "+": schema.AddOptionsT,
                "-": schema.SubOptionsT,
            }
            values = self._step(code, [values, self._constant(np.array([number], np.float32))], shape, options[sign]())
        axes = np.array(([2, 3] if self.channels_first else [1, 2])[: self.rank - 2], np.int32)
        mean = self._step(
            _CODES.MEAN, [values, self._constant(axes)], [self.batch, self.channels], schema.ReducerOptionsT()
        )
        kernel, bias = (
            self._constant(weights(self.classes, self.channels)),
            self._constant(np.zeros(self.classes, np.float32)),
        )
        ends = []
        for _ in range(self.outputs):
            scores = self._step(
                _CODES.FULLY_CONNECTED,
                [mean, kernel, bias],
                [self.batch, self.classes],
                schema.FullyConnectedOptionsT(),
            )
            if self.last == "softmax":
                options_ = schema.SoftmaxOptionsT()
                options_.beta = 1.0
                scores = self._step(_CODES.SOFTMAX, [scores], [self.batch, self.classes], options_)
            elif self.last == "sigmoid":
                scores = self._step(_CODES.LOGISTIC, [scores], [self.batch, self.classes])
            if self.dtype != "float32":
                end = self._tensor("scores", [self.batch, self.classes], self.dtype, self.quantisation[1])
                self._operate(_CODES.QUANTIZE, [scores], end, None)
                scores = end
            ends.append(scores)
        return self._pack(images, ends)

    def _tensor(
        self, name: str, shape: Sequence[int], dtype: str = "float32", quantisation: tuple[float, int] = (0.0, 0)
    ) -> int:
        tensor = schema.TensorT()
        tensor.name, tensor.shape, tensor.type, tensor.buffer = name.encode(), list(shape), _TYPES[dtype], 0
        if quantisation[0]:
            tensor.quantization = schema.QuantizationParametersT()
            tensor.quantization.scale, tensor.quantization.zeroPoint = [quantisation[0]], [quantisation[1]]
        self._tensors.append(tensor)
        return len(self._tensors) - 1

    def _constant(self, values: NDArray[Any]) -> int:
        self._buffers.append(_buffer(values.tobytes()))
        index = self._tensor(f"constant{len(self._buffers)}", values.shape)
        self._tensors[index].buffer = len(self._buffers) - 1
        if values.dtype == np.int32:
            self._tensors[index].type = schema.TensorType.INT32
        return index

    def _step(self, code: int, inputs: Sequence[int], shape: Sequence[int], options: Any = None) -> int:
        output = self._tensor(f"tensor{len(self._tensors)}", shape)
        self._operate(code, inputs, output, options)
        return output

    def _operate(self, code: int, inputs: Sequence[int], output: int, options: Any) -> None:
        if code not in self._codes:
            self._codes.append(code)
        operator = schema.OperatorT()
        operator.opcodeIndex, operator.inputs, operator.outputs = self._codes.index(code), list(inputs), [output]
        if options is not None:
            name = type(options).__name__.removesuffix("T")
            operator.builtinOptionsType, operator.builtinOptions = getattr(schema.BuiltinOptions, name), options
        self._operators.append(operator)

    def _pack(self, inputs: Sequence[int], outputs: Sequence[int]) -> bytes:
        graph = schema.SubGraphT()
        graph.tensors, graph.operators, graph.inputs, graph.outputs = self._tensors, self._operators, inputs, outputs
        model = schema.ModelT()
        model.version, model.subgraphs, model.buffers, model.operatorCodes = 3, [graph], self._buffers, []
        for code in self._codes:
            one = schema.OperatorCodeT()
            one.builtinCode, one.deprecatedBuiltinCode, one.version = code, min(code, 127), 1
            model.operatorCodes.append(one)
        if self.metadata is not None:
            self._buffers.append(_buffer(self.metadata))
            entry = schema.MetadataT()
            entry.name, entry.buffer = b"TFLITE_METADATA", len(self._buffers) - 1
            model.metadata = [entry]
        return packed(model)


def packed(model: Any) -> bytes:
    """The file of a model."""
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def with_files(model: bytes, files: Mapping[str, str]) -> bytes:
    """A model with files in a zip behind it, as TFLite Metadata keeps labels."""
    whole = io.BytesIO()
    whole.write(model)
    with zipfile.ZipFile(whole, "a") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return whole.getvalue()


def _buffer(data: bytes | None) -> Any:
    buffer = schema.BufferT()
    buffer.data = None if data is None else list(data)
    return buffer
