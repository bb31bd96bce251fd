"""Refuses Keras models with layers or activations that Keras itself does not have, and says which and what to do.

Keras's own errors name a class, and advise to change the program that loads the model.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from classifier.errors import PackageError
from classifier.formatting import printable

_MODELS = ("Functional", "Model", "Sequential")
_OPERATIONS = ("TFOpLambda", "SlicingOpLambda", "TensorFlowOpLayer")
_MOST = 5
_ADVICE = (
    'Where the model was made, save it as a SavedModel, which holds such code too, with model.export("folder") '
    '(before Keras 2.13: model.save("folder", save_format="tf")), or convert it to a .tflite file; then use that.'
)
# Options of layers in Keras 1, which were called otherwise from Keras 2 on.
_KERAS_1 = {"nb_filter", "output_dim", "border_mode", "subsample", "dim_ordering"}


def refuse_keras_1(file: Any, config: Any, version: str) -> None:
    """Refuses what Keras 1 wrote, before 2017.

    Args:
        file: path of the file, for the message.
        config: the model's configuration.
        version: which Keras wrote it; empty if the file does not say.

    Raises:
        PackageError: Keras 1 wrote it.
    """
    # An Embedding still has an output_dim.
    layers = [layer for layer in _layers(config) if layer["class_name"] != "Embedding"]
    old = any(_KERAS_1 & set(inner) for layer in layers if isinstance(inner := layer.get("config"), dict))
    if version.startswith("1.") or (old and not version):
        raise PackageError(
            f"{file}: Keras {version or '1'} wrote it, before 2017, and no Keras of today reads that. Load it with "
            "Keras 2.2 (pip install keras==2.2.4 tensorflow==1.15.0, on Python 3.7), save it again with "
            'model.save("model.h5"), and use that file.'
        )


def refuse_unknown(file: Any, config: Any) -> None:
    """Refuses a model with layers or activations that Keras does not have.

    Args:
        file: path of the file, for the message.
        config: the model's configuration, in the form of Keras 3.

    Raises:
        PackageError: there are some.
    """
    unknown = list(dict.fromkeys(said for layer in _layers(config) if (said := _unknown(layer))))
    if unknown:
        more = f", and {len(unknown) - _MOST} more" if len(unknown) > _MOST else ""
        raise PackageError(
            f"{file}: it has {', '.join(unknown[:_MOST])}{more}, which Keras itself does not have and the file does "
            f"not hold. {_ADVICE}"
        )


def refuse_lambda(file: Any, config: Any, error: Exception) -> None:
    """Refuses a model that failed to load because of the code in a Lambda layer; returns if it has no such layer."""
    names = [_name(layer) for layer in _layers(config) if layer.get("class_name") == "Lambda"]
    if names:
        raise PackageError(
            f"{file}: it has the Lambda layer {', '.join(names[:_MOST])}: Python code that only the version "
            f"of Python that wrote it can run. {_ADVICE}"
        ) from error


def _unknown(layer: dict[str, Any]) -> str:
    """What of a layer Keras does not have; empty if it has all."""
    name, inner = layer["class_name"], layer.get("config")
    inner = inner if isinstance(inner, dict) else {}
    if name in _OPERATIONS:
        operation = inner.get("function") or _operation(inner.get("node_def"))
        return f"the TensorFlow operation {printable(str(operation))} (its layer {_name(layer)})"
    if not _has_class(name, layer.get("module"), layer.get("registered_name")):
        kind = printable(str(layer.get("registered_name") or name).rpartition(">")[2])
        return f"the {'model' if 'layers' in inner else 'layer'} {_name(layer)} of the class {kind}"
    for key in ("activation", "recurrent_activation"):
        if key in inner and not _has_activation(inner[key]):
            value = inner[key]
            said = _called(value) if isinstance(value, dict) else value
            return f"the activation {printable(str(said).rpartition('>')[2])} (in its layer {_name(layer)})"
    return ""


def _has_class(name: str, module: Any, registered: Any) -> bool:
    import keras

    if isinstance(module, str) and module.startswith(("keras.src.ops", "keras.src.applications", "keras.src.models")):
        return True
    if registered and (">" in registered or registered != name):
        return False
    if module is not None and (not isinstance(module, str) or module.partition(".")[0] != "keras"):
        return False
    return name in _MODELS or isinstance(getattr(keras.layers, name, None), type)


def _has_activation(value: Any) -> bool:
    import keras

    if isinstance(value, dict):
        name = value.get("config")
        if value.get("class_name") != "function":
            return _has_class(str(value.get("class_name")), value.get("module"), value.get("registered_name"))
        value = name
    if value is None:
        return True
    try:
        keras.activations.get(value)
    except (ValueError, TypeError):
        return False
    return True


def _called(value: dict[str, Any]) -> Any:
    """The name of a function or class that a configuration holds."""
    inner = value.get("config")
    return inner if isinstance(inner, str) else value.get("registered_name") or value.get("class_name")


def _operation(node: Any) -> str:
    """The kind of a graph's node."""
    if isinstance(node, dict):
        return str(node.get("op"))
    found = re.search(r'"op":\s*"(\w+)"', str(node))
    return found[1] if found else "unknown"


def _name(layer: dict[str, Any]) -> str:
    inner = layer.get("config")
    name = layer.get("name") or (inner.get("name") if isinstance(inner, dict) else None)
    return printable(str(name or layer.get("class_name")))


def _layers(config: Any) -> Iterator[dict[str, Any]]:
    """The layers of a model and of the models and wrappers in it."""
    if not isinstance(config, dict) or not isinstance(config.get("class_name"), str):
        return
    yield config
    inner = config.get("config")
    inside = inner if isinstance(inner, list) else []
    if isinstance(inner, dict):
        listed = inner.get("layers")
        inside = [*(listed if isinstance(listed, list) else []), inner.get("layer")]
    for layer in inside:
        yield from _layers(layer)
