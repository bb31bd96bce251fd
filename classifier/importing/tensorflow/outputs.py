"""The outputs of a TensorFlow function that gives several, and which of them are computed of which others."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any

from classifier.importing.outputs import Output
from classifier.importing.tensorflow.graph import nodes_of, source

log = logging.getLogger(__name__)


def read(function: Callable[[Any], Any], shape: tuple[int, ...], dtype: str) -> list[Output]:
    """The outputs of a function that gives a dictionary; none if it gives one tensor, or cannot be traced.

    Args:
        function: maps a batch of pictures to its outputs.
        shape: shape of one input, without the batch.
        dtype: type of the input, as TensorFlow names it.
    """
    import tensorflow as tf

    signature = [tf.TensorSpec((1, *shape), dtype, name="image")]
    try:
        traced = tf.function(function, input_signature=signature, autograph=False).get_concrete_function()
        if not isinstance(traced.structured_outputs, Mapping):
            return []
        nodes = nodes_of(traced)
        ends = {  # TensorFlow flattens a dictionary in the order of its keys
            name: (tensor, _behind(source(tensor.name, nodes), nodes))
            for name, tensor in zip(sorted(traced.structured_outputs), traced.outputs, strict=True)
        }
    except Exception as error:  # layers and TensorFlow raise errors of many classes
        log.debug("The outputs cannot be told: %s", error)
        return []
    before = {name: _before(node, nodes) for name, (_, node) in ends.items()}
    return [
        Output(
            name,
            tuple(tensor.shape) if tensor.shape.rank is not None else (),
            not tensor.dtype.is_floating,
            {other for other, (_, start) in ends.items() if start in before[name]},
        )
        for name, (tensor, _) in ends.items()
    ]


def _behind(name: str, nodes: Mapping[str, Any]) -> str:
    """The node that computes what nodes like this one only pass on."""
    while nodes[name].op in ("Identity", "IdentityN", "StopGradient", "Cast"):
        name = nodes[name].input[0]
    return name


def _before(node: str, nodes: Mapping[str, Any]) -> set[str]:
    """All nodes of which this one is computed."""
    found: set[str] = set()
    waiting = list(nodes[node].input)
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += nodes[name].input
    return found
