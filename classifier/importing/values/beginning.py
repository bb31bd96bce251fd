"""What the operations at a model's beginning tell of the values that it takes, whichever format its graph has."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from classifier.importing.options import Scaling
from classifier.importing.values.affine import Affine, agreed, identity, joined
from classifier.importing.values.colours import is_blue_first

Constant = Callable[[str], NDArray[np.float64] | None]
Does = Literal["+", "-", "*", "/", "negates", "normalises", "passes", "chooses", "clips", "joins", "measures", "else"]
_MINUS_ONE = np.array([-1.0])


@dataclass(frozen=True, slots=True)
class Operation:
    """An operation of a graph.

    Attributes:
        does: its arithmetic; or it "negates" values, "normalises" a batch by constants, "passes" values on as they are,
            apart from their type, number or place, "chooses" channels or changes their order, "clips" values, "joins"
            channels, "measures" the shape alone; or something else.
        inputs: the tensors that it works on; of those but arithmetic, clipping and joining the first counts. A
            normalisation has scale, offset, mean and variance behind it.
        output: the tensor that it makes.
        epsilon: what a normalisation adds to the variance.
    """

    does: Does
    inputs: tuple[str, ...]
    output: str
    epsilon: float = 0.0


@dataclass(frozen=True, slots=True)
class _State:
    """What became of the input: the map of its values, and whether its channels may be in another order."""

    map: Affine
    moved: bool = False

    def then(self, sign: str, constant: NDArray[np.float64] | None, *, first: bool = False) -> _State | None:
        after = self.map.then(sign, constant, first=first) if constant is not None else None
        return _State(after, self.moved) if after else None


def scaling(operations: Iterable[Operation], image: str, constant: Constant) -> Scaling | None:
    """The values that a model takes, on which all paths of arithmetic from its input agree.

    Args:
        operations: all operations, each after those that make its inputs.
        image: the input.
        constant: a tensor's values if they are constant and few.

    Returns:
        The values; with BGR if the usual mean of blue is subtracted from the first channel.
    """
    states = {image: _State(identity())}
    ends: list[_State] = []
    for operation in operations:
        touched = [states[tensor] for tensor in operation.inputs if tensor in states]
        if not touched or operation.does == "measures":
            continue
        after = _after(operation, states, constant)
        if after is None:
            ends += touched
        else:
            states[operation.output] = after
    found = agreed(end.map for end in ends)
    if found and all(_is_blue_first(end, found) for end in ends):
        return replace(found, colours="bgr")
    return found


def unchanged(operations: Iterable[Operation], image: str) -> set[str]:
    """The tensors that hold the values of the input as they are.

    Args:
        operations: all operations, each after those that make its inputs.
        image: the input.
    """
    same = {image}
    for operation in operations:
        if operation.does == "passes" and operation.inputs[0] in same:
            same.add(operation.output)
    return same


def users(operations: Sequence[Operation], image: str) -> list[str]:
    """What the operations make that are the first to do something with the values of the input.

    Args:
        operations: all operations, each after those that make its inputs.
        image: the input.
    """
    same = unchanged(operations, image)
    using = (one for one in operations if one.does != "measures" and not same.isdisjoint(one.inputs))
    return [one.output for one in using if one.output not in same]


def _after(operation: Operation, states: dict[str, _State], constant: Constant) -> _State | None:
    """The map from the input to what an operation makes; None if it is not known or not affine."""
    inputs, does = operation.inputs, operation.does
    if does in ("+", "-", "*", "/"):
        return _arithmetic(does, inputs, states, constant) if len(inputs) == 2 else None
    if does == "joins":
        parts = [states.get(tensor) for tensor in inputs]
        whole = joined([part.map if part else None for part in parts])
        return _State(whole, moved=len(parts) > 1) if whole else None
    if does == "clips":
        bounds = [tensor for tensor in inputs if tensor not in states]
        known = len(bounds) == len(inputs) - 1 and all(constant(bound) is not None for bound in bounds)
        return next(states[tensor] for tensor in inputs if tensor in states) if known else None
    state = states.get(inputs[0])
    if state is None:
        return None
    if does == "negates":
        return state.then("*", _MINUS_ONE)
    if does == "normalises":
        return _normalised(state, [constant(tensor) for tensor in inputs[1:5]], operation.epsilon)
    if does == "chooses":
        return _State(state.map, moved=True) if state.map.uniform else None
    return state if does == "passes" else None


def _arithmetic(sign: str, inputs: tuple[str, ...], states: dict[str, _State], constant: Constant) -> _State | None:
    if (inputs[0] in states) == (inputs[1] in states):
        return None
    first = inputs[1] in states  # whether the constant is the first operand
    return states[inputs[first]].then(sign, constant(inputs[0 if first else 1]), first=first)


def _normalised(state: _State, constants: list[NDArray[np.float64] | None], epsilon: float) -> _State | None:
    known = [one for one in constants if one is not None]
    if len(known) < 4 or len({one.size for one in known}) > 1:
        return None
    scale, offset, mean, variance = known
    factor = scale / np.sqrt(variance + epsilon)
    scaled = state.then("*", factor)
    return scaled.then("+", offset - mean * factor) if scaled else None


def _is_blue_first(end: _State, scaling: Scaling) -> bool:
    """Whether the mean that is subtracted is, in pixels, that of blue, green and red in this order."""
    if end.moved or not end.map.scale.all():
        return False
    black: NDArray[np.float64] = -end.map.offset / end.map.scale  # in values as the model takes them
    return is_blue_first((black * np.asarray(scaling.std) + np.asarray(scaling.mean)).tolist())
