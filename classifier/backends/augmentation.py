"""Leaves out layers that change pictures in training alone: versions of Keras do not agree about their options."""

from __future__ import annotations

import re
from typing import Any

_TRAINING_ONLY = re.compile(
    r"Random(Brightness|ColorDegeneration|ColorJitter|Contrast|ElasticTransform|Erasing|Flip|GaussianBlur|Grayscale|"
    r"Height|Hue|Invert|Perspective|Posterization|Rotation|Saturation|Sharpness|Shear|Translation|Width|Zoom)|"
    r"(Gaussian|Alpha|Spatial)Dropout([123]D)?|GaussianNoise|ActivityRegularization|StochasticDepth|"
    r"FixedDropout"  # of the package efficientnet, whose .h5 files are common
)


def trains_only(layer: dict[str, Any]) -> bool:
    """Whether a layer is one of Keras's own that hands on what it gets, except in training.

    Args:
        layer: its configuration.
    """
    own = layer.get("registered_name") in (None, layer["class_name"]) and of_keras(layer)
    return own and _TRAINING_ONLY.fullmatch(layer["class_name"]) is not None


def of_keras(layer: dict[str, Any]) -> bool:
    """Whether a layer's class is from a module of Keras, or the file says no module, as `.h5` files do.

    Args:
        layer: its configuration.
    """
    module = layer.get("module", "keras")
    return isinstance(module, str) and module.partition(".")[0] in ("keras", "tf_keras")


def identity(layer: dict[str, Any]) -> dict[str, Any]:
    """The configuration of a layer that hands on what it gets, in place of another of Keras 3."""
    kept = {key: value for key, value in layer["config"].items() if key in ("name", "dtype")}
    module = {"module": "keras.layers", "registered_name": None} if "module" in layer else {}
    return {**layer, "class_name": "Identity", "config": kept, **module}


def without(config: Any) -> Any:
    """The configuration of a Keras 3 model without these layers.

    Args:
        config: a model's configuration, parsed from JSON.

    Returns:
        A new value, equal to the old one if there is none.
    """
    inner = config.get("config") if isinstance(config, dict) else None
    if not isinstance(inner, dict) or not isinstance(config.get("class_name"), str):
        return config
    if trains_only(config):
        nodes = config.get("inbound_nodes")
        found = identity({key: value for key, value in config.items() if key != "build_config"})
        return found if nodes is None else {**found, "inbound_nodes": [_called(node) for node in nodes]}
    if isinstance(layers := inner.get("layers"), list):
        return {**config, "config": {**inner, "layers": [without(layer) for layer in layers]}}
    return config


def _called(node: Any) -> Any:
    """A call without `training`, which a layer that hands on does not take."""
    return {**node, "kwargs": {}} if isinstance(node, dict) and "kwargs" in node else node
