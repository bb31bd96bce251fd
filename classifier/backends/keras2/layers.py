"""Changes the options of single Keras 2 layers to those of Keras 3."""

from __future__ import annotations

import re
from typing import Any

from classifier.backends import augmentation

# Names that layers had before, in TensorFlow 1 and 2.
_RENAMED = {
    "BatchNormalizationV1": "BatchNormalization",
    "BatchNormalizationV2": "BatchNormalization",
    "LayerNormalizationV2": "LayerNormalization",
    "Custom>CustomScaleLayer": "CustomScaleLayer",
}
# Layers of Keras's own applications, which are not among its public ones.
_APPLICATIONS = {
    "LayerScale": "keras.src.applications.convnext",
    "CustomScaleLayer": "keras.src.applications.inception_resnet_v2",
}
# Layers that in Keras 2 inherited the option `groups`, without effect.
_UNGROUPED = re.compile(r"(Depthwise|Separable)Conv[12]D|Conv[123]DTranspose")
# How weights were started and held: they come from the file, so it does not matter, and may have been custom code.
_OF_TRAINING = re.compile(r".*_(initializer|regularizer|constraint)|(init|gamma_init|beta_init)")
_DROPPED = ("input_dtype", "input_dim", "input_shape", "batch_input_shape", "ragged", "fused")
_DROPPED_FROM = {
    "MultiHeadAttention": ("query_shape", "key_shape", "value_shape", "softmax_robust_masking"),
    "LSTM": ("time_major", "implementation"),
    "GRU": ("time_major", "implementation"),
    "SimpleRNN": ("time_major",),
    "Lambda": ("module", "function_type", "output_shape_type", "output_shape_module"),
}
_ACTIVATIONS = {"softmax_v2": "softmax", "swish": "silu"}
# Keras 2 computes clip(0.2 x + 0.5, 0, 1) and Keras 3 clip(x / 6 + 0.5, 0, 1).
_HARD_SIGMOID = "hard_sigmoid"
_OF_KERAS_2 = "hard_sigmoid of Keras 2"  # nothing that Keras 3 has, so it is refused under this name


def mend(layer: dict[str, Any]) -> dict[str, Any]:
    """A layer in the form of Keras 3.

    Args:
        layer: its configuration. A wrapped layer in it is already mended.
    """
    inner = {key: plain_value(value) for key, value in layer["config"].items()}
    if augmentation.trains_only(layer):
        return augmentation.identity({**layer, "config": inner})
    name, inner = _renamed(layer["class_name"], inner, in_archive="module" in layer)
    mended = {**layer, "class_name": name, "config": _options(name, inner)}
    if name == "MultiHeadAttention":
        mended.pop("build_config", None)  # it names one input of two; Keras builds the layer when it is called
    if name in _APPLICATIONS and augmentation.of_keras(layer):
        mended.update(module=_APPLICATIONS[name], registered_name=None)
    return _hard_sigmoid(mended) if mended["config"].get("activation") == _HARD_SIGMOID else mended


def _renamed(name: str, inner: dict[str, Any], *, in_archive: bool) -> tuple[str, dict[str, Any]]:
    """The class and the options of what is another class, or has another form, in Keras 3."""
    name = _RENAMED.get(name, name)
    if name == "InputLayer" and "batch_input_shape" in inner:
        return name, {**inner, "batch_shape": inner["batch_input_shape"]}
    if name == "RandomCrop":  # outside training Keras 2 cuts the middle, in the shape that is wanted, and resizes that
        kept = {key: inner[key] for key in ("name", "height", "width")}
        return "Resizing", {**kept, "interpolation": "bilinear", "crop_to_aspect_ratio": True}
    if name == "SyncBatchNormalization" and not in_archive:  # in a .keras file the weights' place has the class's name
        return "BatchNormalization", {**inner, "synchronized": True}
    if name == "Lambda" and isinstance(code := inner.get("function"), list) and len(code) == 3:
        parts = dict(zip(("code", "defaults", "closure"), code, strict=True))
        return name, {**inner, "function": {"class_name": "__lambda__", "config": parts}}
    return name, inner


def _options(name: str, inner: dict[str, Any]) -> dict[str, Any]:
    dropped = _DROPPED + _DROPPED_FROM.get(name, ())
    kept = {key: value for key, value in inner.items() if not (key in dropped or _OF_TRAINING.fullmatch(key))}
    if _UNGROUPED.fullmatch(name) and kept.get("groups") == 1:
        del kept["groups"]
    if isinstance(axis := kept.get("axis"), list) and len(axis) == 1:
        kept["axis"] = axis[0]
    if "activation" in kept:
        kept["activation"] = _activation(kept["activation"])
    if kept.get("recurrent_activation") == _HARD_SIGMOID:
        kept["recurrent_activation"] = _OF_KERAS_2
    return kept


def plain_value(value: Any) -> Any:
    """A value of a configuration without the wrapping that a version of Keras put around it."""
    if isinstance(value, list):
        return [plain_value(item) for item in value]
    if not isinstance(value, dict):
        return value
    inner = value.get("config")
    match value.get("class_name"):
        case "TensorShape" | "__tuple__":
            return plain_value(value.get("items", inner.get("value") if isinstance(inner, dict) else None))
        case "__numpy__" | "__tensor__" if isinstance(inner, dict):
            return inner.get("value")
        case "Policy" | "PolicyV1" | "DTypePolicy" if isinstance(inner, dict):
            return inner.get("name")
    if value.get("type") == "ndarray":
        return value.get("value")
    return value


def _activation(value: Any) -> Any:
    if isinstance(value, dict) and value.get("class_name") == "function":
        value = value.get("config")
    if isinstance(value, dict) and isinstance(value.get("config"), dict):
        return mend(value)
    return _ACTIVATIONS.get(value, value) if isinstance(value, str) else value


def _hard_sigmoid(layer: dict[str, Any]) -> dict[str, Any]:
    """The layer without this activation, in a model with layers that do as it did."""
    name, alone = layer["config"].get("name", "layer"), layer["class_name"] == "Activation"
    if "module" in layer and not alone:  # in a .keras file the weights' place depends on the layer's class
        return {**layer, "config": {**layer["config"], "activation": _OF_KERAS_2}}
    parts = [
        ("Rescaling", {"name": f"{name}_scaled", "scale": 0.2, "offset": 0.5}),
        ("ReLU", {"name": f"{name}_clipped", "max_value": 1.0}),
    ]
    if not alone:
        parts.insert(0, (layer["class_name"], {**layer["config"], "activation": "linear"}))
    module = {"module": "keras.layers", "registered_name": None} if "module" in layer else {}
    inside = [{"class_name": kind, "config": config, **module} for kind, config in parts]
    return {**layer, "class_name": "Sequential", "config": {"name": name, "layers": inside}}
