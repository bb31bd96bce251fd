"""Changes the graph of a Keras 2 functional model to what Keras 3 expects.

A graph refers to the output of a layer's call as `[name, number of the call, number of the output]`. Keras 2 counts the
making of a model as its first call, where it has an input of its own. Which those are depends on the version and on
how the model was made. But each call that is written down is used, so the smallest number is that of the first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from classifier.backends.keras2 import node_defs, operations
from classifier.backends.keras2.names import plain

_CONSTANT = "_CONSTANT_VALUE"
Refer = Callable[[Any], Any]


def mend(model: dict[str, Any], before: Mapping[str, dict[str, Any]]) -> dict[str, Any]:
    """A functional model's configuration in the form of Keras 3.

    Args:
        model: the configuration, with its layers already mended.
        before: by name, the layers as Keras 2 described them.
    """
    names = set(before)
    first = _first_calls(model, names)

    def refer(value: Any) -> Any:
        """A reference with the call's number as Keras 3 counts."""
        name, call, output = value[:3]
        return [plain(name), call - first.get(name, 0), output]

    graph: dict[str, Any] = dict(model)
    graph["layers"] = [_layer(layer, names, refer) for layer in model["layers"]]
    models = {layer["name"] for layer in model["layers"] if layer["class_name"] == "Functional"}
    for key in ("input_layers", "output_layers"):
        graph[key] = _ends(model.get(key, []), lambda end: _end(refer(end), end[0] in models), names)
    return graph


def _layer(layer: dict[str, Any], names: set[str], refer: Refer) -> dict[str, Any]:
    name = plain(layer["name"])
    nodes = [_arguments(node) for node in layer.get("inbound_nodes", [])]
    # Several calls of one operation need not have the same arguments, and Keras 3 keeps some with the operation.
    converted = None
    if len(nodes) == 1:
        converted = operations.convert(layer, *nodes[0]) or node_defs.convert(layer, *nodes[0])
    if converted:
        module, kind, options, arguments = converted
        config = {"name": name, **options}
        operation = {"module": module, "class_name": kind, "config": config, "registered_name": kind, "name": name}
        return {**operation, "inbound_nodes": [_node(arguments, {}, names, refer)]}
    mended: dict[str, Any] = {**layer, "name": name, "config": {**layer["config"], "name": name}}
    if layer["class_name"] == "Identity":
        nodes = [(value, {}) for value, _ in nodes]
    mended["inbound_nodes"] = [_node([value], keywords, names, refer) for value, keywords in nodes]
    return mended


def _arguments(node: Any) -> tuple[Any, dict[str, Any]]:
    """What a layer was called with: its first argument, a reference or constant or a list of them, and keywords."""
    if not isinstance(node, list) or not node:
        return [], {}
    if isinstance(node[0], str):
        return _tensor(node), dict(node[3]) if len(node) > 3 and isinstance(node[3], dict) else {}
    parts = [_arguments(part) for part in node]
    values = [value for value, _ in parts]
    return values[0] if len(values) == 1 else values, parts[0][1]


def _tensor(item: list[Any]) -> Any:
    return item[2] if item[0] == _CONSTANT else item[:3]


def _node(arguments: list[Any], keywords: dict[str, Any], names: set[str], refer: Refer) -> dict[str, Any]:
    """A call as Keras 3 writes it."""

    def write(value: Any) -> Any:
        if is_reference(value, names):
            config = {"shape": [None], "dtype": "float32", "keras_history": refer(value)}
            return {"class_name": "__keras_tensor__", "config": config}
        if isinstance(value, list):
            return [write(item) for item in value]
        return value

    given = {key: write(value) for key, value in keywords.items() if value is not None}
    return {"args": write(arguments), "kwargs": given}


def is_reference(value: Any, names: set[str]) -> bool:
    """Whether a value is a reference to a layer's output."""
    return (
        isinstance(value, list)
        and len(value) >= 3
        and isinstance(value[0], str)
        and value[0] in names
        and all(isinstance(number, int) for number in value[1:3])
    )


def _first_calls(model: dict[str, Any], names: set[str]) -> dict[str, int]:
    """The number of the first call of each layer."""
    first: dict[str, int] = {}
    written = [layer.get("inbound_nodes", []) for layer in model["layers"]]
    for name, call, *_ in _references([written, model.get("input_layers"), model.get("output_layers")], names):
        first[name] = min(call, first.get(name, call))
    return first


def _references(value: Any, names: set[str]) -> Iterator[list[Any]]:
    if is_reference(value, names):
        yield value
    if isinstance(value, list):
        for item in value:
            yield from _references(item, names)
    elif isinstance(value, dict):
        for item in value.values():
            yield from _references(item, names)


def _end(reference: list[Any], of_model: bool) -> list[Any]:
    """An input or output of the model: here, unlike elsewhere, Keras 3 counts the making of a model, too."""
    name, call, output = reference
    return [name, call + of_model, output]


def _ends(value: Any, refer: Refer, names: set[str]) -> Any:
    if is_reference(value, names):
        return refer(value)
    if isinstance(value, dict):
        return {key: _ends(item, refer, names) for key, item in value.items()}
    if isinstance(value, list):
        # A list of one tensor: Keras 2 unpacked it, Keras 3 passes the list on to the next layer.
        ends = [_ends(item, refer, names) for item in value]
        return ends[0] if len(ends) == 1 and isinstance(ends[0], list) else ends
    return value
