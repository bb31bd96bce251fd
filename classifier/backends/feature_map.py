"""Finds the last feature map of a TensorFlow model while it is traced, so that its function can give that, too.

A Keras file or SavedModel with nothing but scores needs no change for that, and stays the file that was imported.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from classifier.package import OutputSpec

_OVER_AXES, _OVER_WINDOW = {"Mean", "Max"}, {"AvgPool", "MaxPool"}
_SCORES = "scores"


def with_features(result: Any, image: Any, spec: OutputSpec) -> Any:
    """What a model gives, and the feature map that its package names if it can be found.

    Args:
        result: the scores, or a dictionary of outputs: tensors of a graph that is being traced.
        image: the tensor of which they are computed.
        spec: what the package says of them.

    Returns:
        A dictionary of outputs; `result` itself if nothing is to be added.
    """
    outputs = result if isinstance(result, Mapping) else {_SCORES: result}
    scores = outputs.get(spec.name or next(iter(outputs)))
    if spec.features is None or spec.features in outputs or scores is None or (len(outputs) > 1 and not spec.name):
        return result
    found = _before_pooling(scores, image)
    return result if found is None else {**outputs, spec.features: found}


def _before_pooling(scores: Any, image: Any) -> Any:
    """The tensor `(N, h, w, channels)` whose mean or maximum over all places is all that scores see of an image."""
    found: dict[str, Any] = {}
    waiting, seen = [scores.op], set()
    while waiting:
        operation = waiting.pop()
        if operation.name in seen:
            continue
        seen.add(operation.name)
        if operation.name == image.op.name:
            return None
        if _pools(operation):
            found[operation.inputs[0].name] = operation.inputs[0]
        else:
            waiting += [tensor.op for tensor in operation.inputs]
    return next(iter(found.values())) if len(found) == 1 else None


def _pools(operation: Any) -> bool:
    """Whether an operation pools over all places, with the channels last."""
    if operation.type not in _OVER_AXES | _OVER_WINDOW or operation.inputs[0].shape.rank != 4:
        return False
    places = tuple(operation.inputs[0].shape)[1:3]
    if operation.type in _OVER_AXES:
        import tensorflow as tf  # whoever traces a graph has imported it

        axes = tf.get_static_value(operation.inputs[1])
        return axes is not None and sorted(int(axis) % 4 for axis in axes.reshape(-1)) == [1, 2]
    whole = tuple(operation.get_attr("ksize")) == (1, *places, 1)
    return whole and operation.get_attr("padding") == b"VALID" and operation.get_attr("data_format") == b"NHWC"
