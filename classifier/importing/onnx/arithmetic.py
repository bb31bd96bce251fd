"""What an ONNX graph does to a picture's values before its first layer, and which values it therefore takes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx

from classifier.importing.onnx.graph import Graph, Numbers, attribute
from classifier.importing.options import Scaling
from classifier.importing.values import beginning
from classifier.importing.values.beginning import Does, Operation
from classifier.importing.values.scaling import from_quantisation

_DOES: dict[str, Does] = {
    "Mul": "*",
    "Div": "/",
    "Add": "+",
    "Sub": "-",
    "Neg": "negates",
    "BatchNormalization": "normalises",
    "Cast": "passes",
    "CastLike": "passes",
    "CenterCropPad": "passes",
    "DequantizeLinear": "passes",
    "Dropout": "passes",
    "Identity": "passes",
    "Pad": "passes",
    "QuantizeLinear": "passes",
    "Reshape": "passes",
    "Resize": "passes",
    "Round": "passes",
    "Squeeze": "passes",
    "Transpose": "passes",
    "Unsqueeze": "passes",
    "Upsample": "passes",
    "Gather": "chooses",
    "ReverseSequence": "chooses",
    "Slice": "chooses",
    "Split": "chooses",
    "Clip": "clips",
    "Max": "clips",
    "Min": "clips",
    "Concat": "joins",
    "Shape": "measures",
    "Size": "measures",
}
# Where whole numbers come from values, or stand for them: the scale is the second input, the zero point the third.
_QUANTISING = ("QuantizeLinear", "DequantizeLinear", "QLinearConv")
_COLOURS = 3
_FEW = 16  # numbers; more than a picture has channels
_EPSILON = 1e-5  # of a batch normalisation that does not say


@dataclass(frozen=True, slots=True)
class Quantisation:
    """How whole numbers stand for values, `(q - zero_point) * scale`.

    Attributes:
        scale: the scale.
        zero_point: the number that stands for 0.
        dtype: type of the numbers.
    """

    scale: float
    zero_point: int
    dtype: np.dtype[Any]

    @property
    def scaling(self) -> Scaling | None:
        """The values whose range the numbers cover, if that is a customary one."""
        if self.dtype.itemsize > 1:  # ranges of 16 bits are symmetric around 0
            return None
        bounds = np.iinfo(self.dtype)
        return from_quantisation(self.scale, self.zero_point, bounds.min, bounds.max)


@dataclass(frozen=True, slots=True)
class Beginning:
    """What a graph does to a picture's values first.

    Attributes:
        scaling: the values that its arithmetic tells; None if that does not tell.
        quantised: how it makes whole numbers of the values, or takes them as such; None if it computes with floats.
    """

    scaling: Scaling | None
    quantised: Quantisation | None


def read(graph: Graph, image: str) -> Beginning:
    """Reads the operations from the input to the first layer.

    Args:
        graph: the graph.
        image: name of the input.
    """
    operations = [one for node in graph.model.graph.node for one in _operations(graph, node)]
    found = beginning.scaling(operations, image, lambda name: _by_channel(graph.constant(name)))
    return Beginning(found, _quantisation(graph, beginning.unchanged(operations, image)))


def _operations(graph: Graph, node: Any) -> Iterator[Operation]:
    names = tuple(name for name in node.input if name)
    if node.op_type == "Conv" and _is_by_channel(graph, node):
        scaled = f"{node.output[0]} without bias" if len(names) > 2 else node.output[0]
        yield Operation("*", names[:2], scaled)
        if len(names) > 2:
            yield Operation("+", (scaled, names[2]), node.output[0])
        return
    epsilon = attribute(node, "epsilon")
    for output in filter(None, node.output):
        does = _DOES.get(node.op_type, "else") if names else "else"
        yield Operation(does, names, output, _EPSILON if epsilon is None else epsilon)


def _is_by_channel(graph: Graph, node: Any) -> bool:
    """Whether a convolution is of single pixels, and computes each channel by itself."""
    sizes = graph.sizes(node.input[1])
    return sizes is not None and sizes[0] in (1, _COLOURS) and sizes == (attribute(node, "group") or 1, 1, 1, 1)


def _by_channel(constant: Numbers | None) -> Numbers | None:
    """A constant as one number, or one for each channel; of a mean picture, the mean of each channel."""
    if constant is None:
        return None
    sides = [side for side in constant.shape if side != 1]
    if constant.size <= _FEW and len(sides) < 2:
        return constant.reshape(-1)
    if constant.ndim not in (3, 4) or constant.shape[:-3] not in ((), (1,)):
        return None
    axis = next((axis for axis in (-3, -1) if constant.shape[axis] == _COLOURS), None)
    if axis is None:
        return None
    means: Numbers = constant.mean(axis=tuple(other for other in range(constant.ndim) if other != constant.ndim + axis))
    return means


def _quantisation(graph: Graph, same: set[str]) -> Quantisation | None:
    """The quantisation of the input's own values, where they become whole numbers, or where these become values."""
    for node in graph.model.graph.node:
        if node.op_type in _QUANTISING and node.input[0] in same and (found := _parameters(graph, node)):
            return found
    return None


def _parameters(graph: Graph, node: Any) -> Quantisation | None:
    scale = graph.constant(node.input[1])
    name = node.input[2] if len(node.input) > 2 else ""
    zero = graph.constant(name) if name else np.zeros(1)
    if scale is None or zero is None or scale.size != 1 or zero.size != 1:
        return None
    kind = _type(graph, name) if name else np.dtype("uint8")
    return Quantisation(float(scale.item()), int(zero.item()), kind) if kind.kind in "iu" else None


def _type(graph: Graph, name: str) -> np.dtype[Any]:
    tensor = graph.initializers.get(name)
    if tensor is None and name in graph.makers:
        tensor = attribute(graph.makers[name], "value")
    if tensor is None or not isinstance(tensor, onnx.TensorProto):
        return np.dtype("float32")
    return np.dtype(onnx.helper.tensor_dtype_to_np_dtype(tensor.data_type))
