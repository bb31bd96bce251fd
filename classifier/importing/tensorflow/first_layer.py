"""Finds the first convolution of a TensorFlow graph and the batch normalisation behind it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from classifier.importing.values.first_layer import FirstLayer

_ADDING = {"Add", "AddV2", "BiasAdd"}
_PASSING = {"Cast", "Identity"}
_FUSED = {"FusedBatchNorm", "FusedBatchNormV2", "FusedBatchNormV3"}

Value = Callable[[str], NDArray[np.float64] | None]


def read(nodes: dict[str, Any], first: list[str], value: Value) -> FirstLayer | None:
    """The first layer, if it is a convolution that a batch normalisation follows.

    Args:
        nodes: all nodes by name.
        first: names of the nodes that are the first to do something with the values of the input.
        value: a node's value, if that is constant.
    """
    if len(first) != 1 or nodes[first[0]].op != "Conv2D" or nodes[first[0]].attr["data_format"].s != b"NHWC":
        return None
    return _Finder(nodes, value).found(nodes[first[0]])


class _Finder:
    def __init__(self, nodes: dict[str, Any], value: Value) -> None:
        self.nodes = nodes
        self.value = value
        self.users: dict[str, list[Any]] = {}
        for node in nodes.values():
            for name in node.input:
                self.users.setdefault(name, []).append(node)

    def found(self, convolution: Any) -> FirstLayer | None:
        kernel = self.value(convolution.input[1])
        if kernel is None or kernel.ndim != 4:
            return None
        filters = kernel.shape[-1]
        bias, node = np.zeros(filters), self._next(convolution)
        if node is not None and node.op in _ADDING:
            added = self._sized(node, filters)
            if added is None:
                return None
            bias, node = added, self._next(node)
        if node is None:
            return None
        statistics = self._fused(node, filters) if node.op in _FUSED else self._unfused(node, filters)
        return FirstLayer(kernel, bias, *statistics) if statistics else None

    def _next(self, node: Any) -> Any:
        """The only node that takes the value of this one; None if there are several."""
        users = self.users.get(node.name, [])
        if len(users) != 1:
            return None
        return self._next(users[0]) if users[0].op in _PASSING else users[0]

    def _sized(self, node: Any, filters: int) -> NDArray[np.float64] | None:
        """The first constant operand that has a number for each filter."""
        values = (self.value(name) for name in node.input)
        return next((one.reshape(-1) for one in values if one is not None and one.size == filters), None)

    def _fused(self, node: Any, filters: int) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
        mean, variance = self.value(node.input[3]), self.value(node.input[4])
        if mean is None or variance is None or not mean.size == variance.size == filters:
            return None
        return mean.reshape(-1), variance.reshape(-1)

    def _unfused(self, node: Any, filters: int) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
        """Of `x * factor + (beta - mean * factor)`, where the factor is `gamma / sqrt(variance + epsilon)`."""
        added = self._next(node)
        if node.op != "Mul" or added is None or added.op not in _ADDING:
            return None
        factor = [self._behind(name) for name in node.input]
        roots = [one for name in factor for one in self._ancestors(name, "Rsqrt")]
        inside = self.nodes[self._behind(roots[0].input[0])] if roots else None
        variance = self._sized(inside, filters) if inside is not None and inside.op in _ADDING else None
        products = [one for name in added.input if self.nodes[name] is not node for one in self._ancestors(name, "Mul")]
        shift = next((one for one in products if any(self._behind(name) in factor for name in one.input)), None)
        mean = self._sized(shift, filters) if shift is not None else None
        return None if mean is None or variance is None else (mean, variance)

    def _behind(self, name: str) -> str:
        while self.nodes[name].op in _PASSING:
            name = self.nodes[name].input[0]
        return name

    def _ancestors(self, name: str, op: str, depth: int = 4) -> list[Any]:
        """The nearest nodes of a kind that a value is made of."""
        node = self.nodes[self._behind(name)]
        if node.op == op:
            return [node]
        return [one for above in node.input for one in self._ancestors(above, op, depth - 1)] if depth else []
