"""Which dimension of an ONNX model's input holds the channels: by its shape, and by the first convolution."""

from __future__ import annotations

from classifier.importing.network import Shape
from classifier.importing.onnx.graph import Graph, attribute

# Operations on pictures, height and width included, that leave the order of the dimensions as it is.
_POINTWISE = {
    "Add",
    "BatchNormalization",
    "Cast",
    "Clip",
    "DequantizeLinear",
    "Div",
    "Gather",
    "Identity",
    "Mul",
    "Pad",
    "QuantizeLinear",
    "Resize",
    "Slice",
    "Sub",
    "Upsample",
}
_CONVOLUTIONS = {"Conv": 1, "ConvInteger": 1, "FusedConv": 1, "QLinearConv": 3}  # and the place of their weights


def resolved(graph: Graph, image: str, shape: Shape) -> tuple[Shape, int | None]:
    """An input's shape with what the first convolution tells of it.

    Args:
        graph: the graph.
        image: name of the input.
        shape: as declared, with None for a dimension of any size; empty if nothing is declared.

    Returns:
        The shape, and how many channels the first convolution takes; None if that is unknown.
    """
    shape = shape or (None,) * 4
    if len(shape) != 4:
        return shape, None
    found = _channels(graph, image)
    if found is None:
        axis = 3 if shape[3] in (1, 3) or (shape[3] is None and shape[2] is not None and shape[1] is not None) else 1
        channels = None
    else:
        axis, channels = found
    if axis in (1, 3) and shape[axis] is None:
        shape = (*shape[:axis], channels or 3, *shape[axis + 1 :])
    return shape, channels


def _channels(graph: Graph, image: str) -> tuple[int, int] | None:
    """Which dimension of the input holds the channels, and how many the first convolution takes."""
    todo, seen = [(image, (0, 1, 2, 3))], set()
    while todo:
        name, order = todo.pop(0)
        for node in graph.users.get(name, ()):
            if node.op_type in _CONVOLUTIONS and node.input[0] == name:
                sizes = graph.sizes(node.input[_CONVOLUTIONS[node.op_type]])
                if sizes and len(sizes) == 4:
                    return order[1], sizes[1] * (attribute(node, "group") or 1)
            if not node.output or node.output[0] in seen:
                continue
            seen.add(node.output[0])
            after = order
            if node.op_type == "Transpose":
                perm = attribute(node, "perm") or [3, 2, 1, 0]
                if sorted(perm) != [0, 1, 2, 3]:
                    continue
                after = (order[perm[0]], order[perm[1]], order[perm[2]], order[perm[3]])
            elif node.op_type not in _POINTWISE:
                continue
            todo.append((node.output[0], after))
    return None
