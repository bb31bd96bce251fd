"""Changes to an ONNX graph, such that the package's backend can use it: one input, the scores, and the feature map."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import onnx
from onnx import helper

from classifier.importing.network import FEATURES, Shape
from classifier.importing.onnx.arithmetic import Quantisation
from classifier.importing.onnx.graph import Graph, ancestors, most_common_type

_FLOAT = onnx.TensorProto.FLOAT
_FLOATS = (_FLOAT, onnx.TensorProto.FLOAT16, onnx.TensorProto.DOUBLE)


def keep_only(model: Any, name: str, graph: Graph) -> None:
    """Leaves one output, and the nodes of which it is computed.

    Args:
        model: the model, which is changed.
        name: the tensor of the output.
        graph: the same model.
    """
    needed = ancestors(graph, name)
    nodes = [node for node in model.graph.node if needed.intersection(node.output)]
    output = next((one for one in model.graph.output if one.name == name), None)
    output = output or helper.make_tensor_value_info(name, _FLOAT, None)
    _replace(model.graph.node, nodes)
    _replace(model.graph.output, [output])


def declare_shape(image: Any, shape: Shape) -> None:
    """Writes down the shape of an input of which the file says nothing."""
    image.type.tensor_type.shape.CopyFrom(onnx.TensorShapeProto())
    for side in shape:
        image.type.tensor_type.shape.dim.add(dim_value=side)


def quantise_input(model: Any, image: str, how: Quantisation) -> None:
    """Makes an input of whole numbers one of floats, which the model then quantises as it would be done before it."""
    (value,) = (one for one in model.graph.input if one.name == image)
    parts = _parameters(model, how.scale, how.zero_point, value.type.tensor_type.elem_type)
    value.type.tensor_type.elem_type = _FLOAT
    _insert(model, image, "QuantizeLinear", parts)


def dequantise_output(model: Any, name: str, scale: str, zero_point: str) -> str:
    """Makes an output of whole numbers one of floats.

    Args:
        model: the model, which is changed.
        name: the output.
        scale: the tensor with its scale.
        zero_point: the tensor with its zero point; "" if that is 0.

    Returns:
        The new output's name.
    """
    new = _free(model, f"{name}_dequantised")
    model.graph.node.append(helper.make_node("DequantizeLinear", [name, scale, *filter(None, [zero_point])], [new]))
    _replace(model.graph.output, [helper.make_tensor_value_info(new, _FLOAT, None)])
    return new


def add_features(model: Any, tensor: str, *, as_is: bool) -> str:
    """Gives the model its feature map as a second output.

    Args:
        model: the model, which is changed.
        tensor: the feature map.
        as_is: whether its dimensions have the order of the input's; else they are brought into that of the pictures,
            height, width, channels.

    Returns:
        The output's name.
    """
    name = _free(model, FEATURES)
    node = (
        helper.make_node("Identity", [tensor], [name])
        if as_is
        else helper.make_node("Transpose", [tensor], [name], perm=[0, 2, 3, 1])
    )
    model.graph.node.append(node)
    kind = next(
        (one.type.tensor_type.elem_type for one in model.graph.value_info if one.name == tensor),
        _float_type(model),
    )
    model.graph.output.append(helper.make_tensor_value_info(name, kind, None))
    return name


def _float_type(model: Any) -> int:
    """The type in which a model computes: that of most of its weights."""
    return most_common_type(tensor for tensor in model.graph.initializer if tensor.data_type in _FLOATS)


def _insert(model: Any, image: str, operation: str, parameters: list[str], **attributes: Any) -> None:
    """Puts a node between an input and all that takes it."""
    new = _free(model, f"{image}_prepared")
    _rename(model.graph, image, new)
    _replace(
        model.graph.node,
        [helper.make_node(operation, [image, *parameters], [new], **attributes), *model.graph.node],
    )


def _rename(graph: Any, old: str, new: str) -> None:
    for node in graph.node:
        node.input[:] = [new if name == old else name for name in node.input]
        for attribute in node.attribute:
            for inner in [attribute.g, *attribute.graphs]:
                _rename(inner, old, new)


def _parameters(model: Any, scale: float, zero_point: int, kind: int) -> list[str]:
    made = [
        helper.make_tensor(_free(model, "input_scale"), _FLOAT, [], [scale]),
        helper.make_tensor(_free(model, "input_zero_point"), kind, [], [zero_point]),
    ]
    model.graph.initializer.extend(made)
    return [tensor.name for tensor in made]


def _free(model: Any, name: str) -> str:
    """The name, or one like it that no tensor has."""
    graph = model.graph
    taken = {one.name for one in (*graph.input, *graph.initializer)}
    taken.update(output for node in graph.node for output in node.output)
    while name in taken:
        name += "_"
    return name


def _replace(field: Any, content: Iterable[Any]) -> None:
    kept = list(content)
    del field[:]
    field.extend(kept)
