"""Operations of TensorFlow in a functional model of Keras 2.2.4-tf to 2.4, as operations of Keras 3.

TensorFlow 2.0 to 2.3 make a layer `TensorFlowOpLayer` of each: a node of a graph, and the constants among its inputs.
"""

from __future__ import annotations

import json
from typing import Any

from classifier.backends.keras2.operations import NN, NUMPY, Converted, constant

_PAIRS = {
    "Add": "Add",
    "AddV2": "Add",
    "BiasAdd": "Add",
    "Sub": "Subtract",
    "Mul": "Multiply",
    "RealDiv": "TrueDivide",
    "Maximum": "Maximum",
    "Minimum": "Minimum",
    "Pow": "Power",
}
_SINGLE = {"Relu": "Relu", "Relu6": "Relu6", "Sigmoid": "Sigmoid", "Softmax": "Softmax"}
_MASKS = ("begin_mask", "end_mask", "ellipsis_mask", "new_axis_mask", "shrink_axis_mask")


def convert(layer: dict[str, Any], value: Any, keywords: dict[str, Any]) -> Converted | None:
    """The operation in Keras 3; None if it is another layer, or an operation that is not known here.

    Args:
        layer: the layer that Keras 2 made of the operation.
        value: what it was called with: a reference to a tensor, or a list of them.
        keywords: not used, as there are none.
    """
    if layer["class_name"] != "TensorFlowOpLayer":
        return None
    node = layer["config"].get("node_def")
    try:
        node = json.loads(node) if isinstance(node, str) else node
    except ValueError:
        return None
    constants = {int(index): item for index, item in (layer["config"].get("constants") or {}).items()}
    if not isinstance(node, dict):
        return None
    kind, attributes = node.get("op"), node.get("attr") or {}
    if kind == "StridedSlice":
        return _slice(value, constants, attributes)
    inputs = [value] if value and isinstance(value[0], str) else list(value)
    for index in sorted(constants):
        inputs.insert(index, constant(constants[index]))
    if attributes.get("data_format", {}).get("s", "TkhXQw==") != "TkhXQw==":  # NHWC, as JSON writes bytes
        return None
    if kind in _PAIRS and len(inputs) == 2:
        return NUMPY, _PAIRS[kind], {}, inputs
    if kind in _SINGLE and len(inputs) == 1:
        return NN, _SINGLE[kind], {}, inputs
    return None


def _slice(value: Any, constants: dict[int, Any], attributes: dict[str, Any]) -> Converted | None:
    """A slice along fixed numbers, such as the reversal of the colours."""
    masks = {name: int(attributes.get(name, {}).get("i", 0)) for name in _MASKS}
    if set(constants) != {1, 2, 3} or masks["new_axis_mask"] or masks["shrink_axis_mask"]:
        return None
    parts: list[Any] = []
    for index, (start, stop, step) in enumerate(zip(*(constants[number] for number in (1, 2, 3)), strict=True)):
        if masks["ellipsis_mask"] >> index & 1:
            parts.append({"class_name": "__ellipsis__", "config": {}})
            continue
        ends = {
            "start": None if masks["begin_mask"] >> index & 1 else start,
            "stop": None if masks["end_mask"] >> index & 1 else stop,
            "step": step,
        }
        parts.append({"class_name": "__slice__", "config": ends})
    return NUMPY, "GetItem", {}, [value, parts]
