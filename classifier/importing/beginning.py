"""What the operations at a model's beginning tell of the values that it takes, whichever format its graph has."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from classifier.importing.affine import Affine, agreed, identity, joined
from classifier.importing.options import Scaling

Constant = Callable[[str], NDArray[np.float64] | None]
Does = Literal["+", "-", "*", "/", "passes", "chooses", "clips", "joins", "measures", "else"]


@dataclass(frozen=True, slots=True)
class Operation:
    """An operation of a graph.

    Attributes:
        does: its arithmetic; or "passes" values on as they are, apart from their type, number or place, "chooses"
            channels or changes their order, "clips" values, "joins" channels, "measures" the shape alone; or something
            else.
        inputs: the tensors that it works on; for "passes" and "chooses" the first counts.
        output: the tensor that it makes.
    """

    does: Does
    inputs: tuple[str, ...]
    output: str


def scaling(operations: Iterable[Operation], image: str, constant: Constant) -> Scaling | None:
    """The values that a model takes, on which all paths of arithmetic from its input agree.

    Args:
        operations: all operations, each after those that make its inputs.
        image: the input.
        constant: a tensor's values if they are constant and few.
    """
    maps = {image: identity()}
    ends: list[Affine] = []
    for operation in operations:
        touched = [maps[tensor] for tensor in operation.inputs if tensor in maps]
        if not touched or operation.does == "measures":
            continue
        after = _after(operation, maps, constant)
        if after is None:
            ends += touched
        else:
            maps[operation.output] = after
    return agreed(ends)


def users(operations: Iterable[Operation], image: str) -> list[str]:
    """What the operations make that are the first to do something with the values of the input.

    Args:
        operations: all operations, each after those that make its inputs.
        image: the input.
    """
    same, found = {image}, []
    for operation in operations:
        if operation.does == "measures" or same.isdisjoint(operation.inputs):
            continue
        if operation.does == "passes" and operation.inputs[0] in same:
            same.add(operation.output)
        else:
            found.append(operation.output)
    return found


def _after(operation: Operation, maps: dict[str, Affine], constant: Constant) -> Affine | None:
    """The map from the input to what an operation makes; None if it is not known or not affine."""
    inputs, does = operation.inputs, operation.does
    if does in ("+", "-", "*", "/"):
        return _arithmetic(does, inputs, maps, constant) if len(inputs) == 2 else None
    if does == "joins":
        return joined([maps.get(tensor) for tensor in inputs])
    if does == "clips":
        bounds = [tensor for tensor in inputs if tensor not in maps]
        known = len(bounds) == len(inputs) - 1 and all(constant(bound) is not None for bound in bounds)
        return next(maps[tensor] for tensor in inputs if tensor in maps) if known else None
    if inputs[0] not in maps:
        return None
    if does == "passes" or (does == "chooses" and maps[inputs[0]].uniform):
        return maps[inputs[0]]
    return None


def _arithmetic(sign: str, inputs: tuple[str, ...], maps: dict[str, Affine], constant: Constant) -> Affine | None:
    if (inputs[0] in maps) == (inputs[1] in maps):
        return None
    first = inputs[1] in maps  # whether the constant is the first operand
    value = constant(inputs[0 if first else 1])
    return maps[inputs[first]].then(sign, value, first=first) if value is not None else None
