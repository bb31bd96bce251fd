"""Changes the configuration of a Keras 2 model to what Keras 3 expects; versions 2.0 to 2.15 and TensorFlow's own."""

from __future__ import annotations

from typing import Any

from classifier.backends import augmentation
from classifier.backends.keras2 import graph, layers
from classifier.backends.keras2.names import plain

_FUNCTIONAL = ("Functional", "Model")
MODULES = {"Functional": "keras.src.models.functional", "Sequential": "keras"}
"""The modules of Keras 3 in which models' classes are."""


def mend(config: Any) -> Any:
    """A Keras 2 configuration in the form that Keras 3 expects.

    Args:
        config: a model's configuration, parsed from JSON.

    Returns:
        A new value. Layers that Keras 3 does not have are still in it: see `classifier.backends.known_layers`.
    """
    return _layer(config) if _is_layer(config) else config


def input_shape(layer: Any) -> Any:
    """The shape that a layer or model says its input has, batch included, with None for any size; None if it does not.

    Args:
        layer: its configuration.
    """
    inner = layer.get("config") if isinstance(layer, dict) else None
    if isinstance(inner, dict):
        for key in ("batch_input_shape", "batch_shape", "build_input_shape"):
            if isinstance(shape := layers.plain_value(inner.get(key)), list):
                return shape
        if isinstance(shape := layers.plain_value(inner.get("input_shape")), list):
            return [None, *shape]
        inner = inner.get("layers")
    return input_shape(inner[0]) if isinstance(inner, list) and inner else None


def _is_layer(value: Any) -> bool:
    return isinstance(value, dict) and isinstance(value.get("class_name"), str) and "config" in value


def _layer(layer: dict[str, Any]) -> dict[str, Any]:
    """A layer, or a model, in the form of Keras 3."""
    name, inner = layer["class_name"], layer["config"]
    if name == "Sequential":
        mended = {**layer, "config": _sequential(inner)}
    elif name in _FUNCTIONAL and isinstance(inner, dict) and "output_layers" in inner:
        mended = {**layer, "class_name": "Functional", "config": _functional(inner)}
    elif isinstance(inner, dict):
        wrapped = {key: _layer(value) for key, value in inner.items() if key == "layer" and _is_layer(value)}
        mended = layers.mend({**layer, "config": {**inner, **wrapped}})
    else:
        mended = dict(layer)
    if isinstance(module := mended.get("module"), str) and augmentation.of_keras(mended):
        own = module if ".applications" in module else "keras.layers"
        mended.update(module=MODULES.get(mended["class_name"], own), registered_name=None)
    return mended


def _sequential(written: Any) -> dict[str, Any]:
    # Keras 2.2.2 and before wrote the layers alone.
    inner: dict[str, Any] = {"layers": written} if isinstance(written, list) else {**written}
    found = [layer for layer in inner.get("layers", []) if _is_layer(layer)]
    shape = (input_shape(found[0]) if found else None) or layers.plain_value(inner.pop("build_input_shape", None))
    inner["layers"] = _named([_layer(layer) for layer in found])
    inner["name"] = plain(inner.get("name") or "sequential")
    if isinstance(shape, list) and found[0]["class_name"] != "InputLayer":
        module = {"module": "keras.layers", "registered_name": None} if "module" in found[0] else {}
        options = {"batch_shape": shape, "name": f"{inner['name']}_input"}
        inner["layers"].insert(0, {"class_name": "InputLayer", "config": options, **module})
    inner.pop("build_input_shape", None)
    return inner


def _functional(inner: dict[str, Any]) -> dict[str, Any]:
    found = [layer for layer in inner["layers"] if _is_layer(layer)]
    described = {layer["name"]: layer for layer in found if "name" in layer}
    mended = [_layer(layer) for layer in found]
    return graph.mend({**inner, "name": plain(inner.get("name") or "model"), "layers": mended}, described)


def _named(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The layers of a Sequential, each with a name of its own: models had none where they were written as a list."""
    taken: set[str] = set()
    for layer in found:
        name = plain(str(layer["config"].get("name") or layer["class_name"].lower()))
        layer["config"]["name"] = name if name not in taken else f"{name}_{len(taken)}"
        taken.add(layer["config"]["name"])
    return found
