"""Reads the weights of a Keras 2 `.h5` file into a model of Keras 3, by name where the names tell.

A nested model's weights are one list, in an order that depends on which of its layers were being trained.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import count, takewhile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from classifier.backends.keras2.names import plain
from classifier.errors import PackageError

Stored = list[tuple[str, NDArray[np.float32]]]
"""Weights by name, such as `block_1/conv/kernel:0`, in the file's order."""


def read(file: Path, model: Any) -> None:
    """Gives a model the weights of a file.

    Args:
        file: an `.h5` file of a whole model.
        model: the Keras model that was made of the file's configuration.

    Raises:
        PackageError: the weights are not those of the model.
    """
    import h5py  # installed only together with TensorFlow

    with h5py.File(file, "r") as opened:
        group = opened["model_weights"]
        if _text(opened.attrs.get("backend", group.attrs.get("backend", ""))) == "theano":
            raise PackageError(
                f"{file}: Keras on Theano wrote it, which holds kernels the other way round. Load it there with "
                "TensorFlow as Keras's backend, and save it again."
            )
        stored = {plain(name): _stored(group[name]) for name in _names(group, "layer_names")}
    layers = [layer for layer in model.layers if layer.weights]
    full = _renamed({name: weights for name, weights in stored.items() if weights}, [layer.name for layer in layers])
    for layer in layers:
        if layer.name not in full:
            raise PackageError(f"{file}: the weights of its layer {layer.name} are missing: it is damaged or cut off.")
        if not _assign(layer, full[layer.name]):
            raise PackageError(
                f"{file}: the weights of its layer {layer.name} have other shapes than the layer: the file is damaged, "
                "or holds a model of another version."
            )


def _renamed(full: dict[str, Stored], names: list[str]) -> dict[str, Stored]:
    """The weights under the layers' names: Keras 2.2.2 and before did not write those of the models in a Sequential."""
    there = list(full)
    if len(there) != len(names) or any(one != other and one in names for one, other in zip(there, names, strict=True)):
        return full
    return dict(zip(names, full.values(), strict=True))


def _assign(layer: Any, stored: Stored) -> bool:
    """Gives a layer, or a nested model, its weights; whether they fit."""
    leaves = list(_leaves(layer))
    matched = _by_name(leaves, stored) or _in_order(layer, stored)
    if matched is None or any(tuple(one.shape) != value.shape for one, value in matched):
        return False
    for variable, value in matched:
        variable.assign(value)
    for leaf in leaves:
        if hasattr(leaf, "finalize_state"):
            leaf.finalize_state()
    return True


def _by_name(leaves: list[Any], stored: Stored) -> list[tuple[Any, NDArray[np.float32]]] | None:
    """Each variable with its weights by the names of layers and variables; None if the names do not tell."""
    with_weights = [leaf for leaf in leaves if leaf.weights]
    if max(Counter(leaf.name for leaf in with_weights).values(), default=0) > 1:
        return None
    of_leaf: dict[str, Stored] = {leaf.name: [] for leaf in with_weights}
    without_owner: Stored = []
    for path, value in stored:
        *owners, name = path.split("/")
        ends = (plain("/".join(owners[start:])) for start in range(len(owners)))
        owner = next((end for end in ends if end in of_leaf), None)
        (without_owner if owner is None else of_leaf[owner]).append((name.partition(":")[0], value))
    if without_owner:  # those of a Normalization are called `mean:0` and so on
        empty = [name for name, found in of_leaf.items() if not found]
        if len(empty) != 1:
            return None
        of_leaf[empty[0]] = without_owner
    found = []
    for leaf in with_weights:
        pairs = _of_leaf(leaf, of_leaf[leaf.name])
        if pairs is None:
            return None
        found += pairs
    return found


def _of_leaf(leaf: Any, stored: Stored) -> list[tuple[Any, NDArray[np.float32]]] | None:
    """A single layer's variables with their weights: by name, or in order where Keras 3 gave them other names."""
    named = dict(stored)
    if len(named) == len(leaf.weights) and all(variable.name in named for variable in leaf.weights):
        return [(variable, named[variable.name]) for variable in leaf.weights]
    return _in_order(leaf, stored)


def _in_order(layer: Any, stored: Stored) -> list[tuple[Any, NDArray[np.float32]]] | None:
    variables = [*layer.trainable_weights, *layer.non_trainable_weights]
    if len(variables) != len(stored):
        return None
    return [(variable, value) for variable, (_, value) in zip(variables, stored, strict=True)]


def _leaves(layer: Any) -> Iterator[Any]:
    """The layers of a nested model that are no models themselves; a layer's own self."""
    if hasattr(layer, "layers"):
        for inner in layer.layers:
            yield from _leaves(inner)
    else:
        yield layer


def _stored(group: Any) -> Stored:
    return [(name, np.asarray(group[name])) for name in _names(group, "weight_names")]


def _names(group: Any, kind: str) -> list[str]:
    """A list of names; a long one is in several parts, as HDF5 holds no attribute over 64 kB."""
    if kind in group.attrs:
        return [_text(name) for name in group.attrs[kind]]
    parts = takewhile(group.attrs.__contains__, (f"{kind}{number}" for number in count()))
    return [_text(name) for part in parts for name in group.attrs[part]]


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
