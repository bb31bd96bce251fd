"""What an ONNX graph does to a picture's values before its first layer, and which values it therefore takes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray

from classifier.importing.affine import Affine, agreed, identity, joined
from classifier.importing.colours import is_blue_first
from classifier.importing.onnx_graph import Graph, Numbers, attribute
from classifier.importing.options import Scaling
from classifier.importing.scaling import from_quantisation

_ARITHMETIC = {"Mul": "*", "Div": "/", "Add": "+", "Sub": "-"}
# Operations that leave values and their channels as they are, apart from their type, number or place.
_PASSING = {
    "Cast",
    "CastLike",
    "CenterCropPad",
    "DequantizeLinear",
    "Dropout",
    "Identity",
    "Pad",
    "QuantizeLinear",
    "Reshape",
    "Resize",
    "Round",
    "Squeeze",
    "Transpose",
    "Unsqueeze",
    "Upsample",
}
# Operations that can also choose channels, or change their order.
_CHOOSING = {"Gather", "Slice", "Split", "ReverseSequence"}
_CLIPPING = {"Clip", "Max", "Min"}
_SHAPES = {"Shape", "Size"}
_WHOLE = ("QLinearConv", "ConvInteger")  # they begin with whole numbers, as QuantizeLinear makes them
_COLOURS = 3
_FEW = 16  # numbers; more than a picture has channels


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
        blue_first: whether it subtracts the usual mean of blue from the first channel: it takes BGR, not RGB.
    """

    scaling: Scaling | None
    quantised: Quantisation | None
    blue_first: bool


@dataclass(frozen=True, slots=True)
class _State:
    """What became of the input: the map of its values, and whether its channels may be in another order."""

    map: Affine
    moved: bool = False


def beginning(graph: Graph, image: str) -> Beginning:
    """Reads the operations from the input to the first layer.

    Args:
        graph: the graph.
        image: name of the input.
    """
    states = {image: _State(identity())}
    ends: list[_State] = []
    quantised = None
    for node in graph.model.graph.node:
        touched = [states[name] for name in node.input if name in states]
        if not touched or node.op_type in _SHAPES:
            continue
        quantised = quantised or _quantisation(graph, node, states)
        after = _after(graph, node, states)
        if after is None:
            ends += touched
        else:
            states.update((name, after) for name in node.output if name)
    scaling = agreed(end.map for end in ends)
    blue_first = bool(ends) and scaling is not None and all(_is_blue_first(end, scaling) for end in ends)
    return Beginning(scaling, quantised, blue_first)


def _after(graph: Graph, node: Any, states: dict[str, _State]) -> _State | None:
    """What a node makes of the input; None if it is not known or not affine."""
    names = [name for name in node.input if name]
    data = states.get(names[0])
    if node.op_type == "Concat":
        parts = [states.get(name) for name in names]
        whole = joined([part.map if part else None for part in parts])
        return _State(whole, moved=len(parts) > 1) if whole else None
    if node.op_type in _ARITHMETIC and len(names) == 2 and (names[0] in states) != (names[1] in states):
        first = names[1] in states
        return _then(states[names[first]], _ARITHMETIC[node.op_type], graph.constant(names[0 if first else 1]), first)
    if node.op_type in _CLIPPING:
        inside = [states[name] for name in names if name in states]
        rest = [name for name in names if name not in states]
        return inside[0] if len(inside) == 1 and all(map(graph.is_constant, rest)) else None
    if data is None:
        return None
    if node.op_type == "Neg":
        return _then(data, "*", np.array([-1.0]))
    if node.op_type == "BatchNormalization":
        return _normalised(graph, node, data)
    if node.op_type == "Conv":
        return _convolved(graph, node, data)
    if node.op_type in _CHOOSING:
        return _State(data.map, moved=True) if data.map.uniform else None
    return data if node.op_type in _PASSING else None


def _then(state: _State, sign: str, constant: Numbers | None, first: bool = False) -> _State | None:
    numbers = _by_channel(constant) if constant is not None else None
    after = state.map.then(sign, numbers, first=first) if numbers is not None else None
    return _State(after, state.moved) if after else None


def _by_channel(constant: Numbers) -> Numbers | None:
    """A constant as one number, or one for each channel; of a mean picture, the mean of each channel."""
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


def _normalised(graph: Graph, node: Any, state: _State) -> _State | None:
    values = [graph.constant(name) for name in node.input[1:5]]
    if len(values) < 4 or any(value is None or value.size > _FEW for value in values):
        return None
    scale, offset, mean, variance = (np.asarray(value) for value in values)
    epsilon = attribute(node, "epsilon")
    factor = scale / np.sqrt(variance + (1e-5 if epsilon is None else epsilon))
    scaled = _then(state, "*", factor)
    return _then(scaled, "+", offset - mean * factor) if scaled else None


def _convolved(graph: Graph, node: Any, state: _State) -> _State | None:
    """What a convolution of single pixels makes of channels of which it computes each by itself."""
    sizes = graph.sizes(node.input[1])
    if sizes is None or sizes != (attribute(node, "group"), 1, 1, 1) or sizes[0] not in (1, _COLOURS):
        return None
    scaled = _then(state, "*", graph.constant(node.input[1]))
    if scaled is None or len(node.input) < 3 or not node.input[2]:
        return scaled
    return _then(scaled, "+", graph.constant(node.input[2]))


def _quantisation(graph: Graph, node: Any, states: dict[str, _State]) -> Quantisation | None:
    """The quantisation of the input itself, where it becomes whole numbers, or where they become values."""
    state = states.get(node.input[0])
    places = {"QuantizeLinear": (1, 2), "DequantizeLinear": (1, 2), "QLinearConv": (1, 2)}.get(node.op_type)
    if state is None or places is None or not _is_identity(state.map):
        return None
    scale = graph.constant(node.input[places[0]])
    name = node.input[places[1]] if len(node.input) > places[1] else ""
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


def _is_identity(one: Affine) -> bool:
    return bool(one.uniform and np.all(one.scale == 1) and np.all(one.offset == 0))


def _is_blue_first(end: _State, scaling: Scaling) -> bool:
    """Whether the mean that is subtracted is, in pixels, that of blue, green and red in this order."""
    if end.moved or end.map.scale.size != _COLOURS or not end.map.scale.all():
        return False
    black: NDArray[np.float64] = -end.map.offset / end.map.scale  # in values as the model takes them
    pixels = black * np.asarray(scaling.std) + np.asarray(scaling.mean)
    return is_blue_first(pixels.tolist())
