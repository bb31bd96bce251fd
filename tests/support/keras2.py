"""Small models of Keras 2, made by tf-keras, seeded; and their files as older versions wrote them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import tensorflow as tf
import tf_keras
from tf_keras import layers

SIDE = 24


def inputs(channels: int = 3) -> Any:
    """A model's input."""
    return layers.Input((SIDE, SIDE, channels))


def trained(model: Any) -> Any:
    """The model with weights from which each of them can be told, as after a training."""
    random = np.random.default_rng(6)
    for weight in model.weights:
        shape, name = tuple(weight.shape), weight.name
        if "kernel" in name:
            fan = np.prod(shape[:2] if "depthwise" in name else shape[:-1])
            last = 3 if shape[-1] == 3 and len(shape) == 2 else 1
            weight.assign(random.normal(scale=last * np.sqrt(2 / fan), size=shape))
        elif "variance" in name or "gamma" in name:
            weight.assign(random.uniform(0.5, 2, size=shape))
        elif "count" not in name:
            weight.assign(random.normal(scale=0.3, size=shape))
    return model


def head(tensor: Any) -> Any:
    """Scores of three classes from a picture's features."""
    return layers.Dense(3, activation="softmax")(layers.GlobalAveragePooling2D()(tensor))


def base(name: str = "base") -> Any:
    """A functional model of two branches, whose weights have the same shapes: mistaken for each other, they fit."""
    image = layers.Input((None, None, 3))
    left = layers.Conv2D(3, 3, padding="same", name=f"{name}_left")(image)
    right = layers.Conv2D(3, 3, padding="same", name=f"{name}_right")(image)
    joined = layers.Subtract()([layers.ReLU(6.0)(left), layers.LeakyReLU(0.3)(right)])
    return tf_keras.Model(image, layers.BatchNormalization(name=f"{name}_norm")(joined), name=name)


def sequential() -> Any:
    """A Sequential inside another model."""
    image = inputs()
    inner = tf_keras.Sequential([inputs(), layers.Conv2D(4, 3), layers.GlobalAveragePooling2D()], name="base")
    return tf_keras.Model(image, layers.Dense(3, activation="softmax")(inner(image)))


def lazy() -> Any:
    """A Sequential that learned its input's shape only when it was called, twice."""
    image = inputs()
    inner = tf_keras.Sequential([layers.Conv2D(3, 3, padding="same"), layers.BatchNormalization()])
    return tf_keras.Model(image, head(inner(inner(image))))


def functional() -> Any:
    """A functional model inside another, that was called before, with a name as Keras's MobileNetV3 has them."""
    inner = base()
    inner(inputs())
    image = inputs()
    return tf_keras.Model(image, head(layers.Conv2D(4, 1, name="top/conv")(inner(image, training=False))))


def shared() -> Any:
    """A model called three times, on its own output, too."""
    image, inner = inputs(), base()
    first = inner(image)
    second = inner(layers.Conv2D(3, 1)(first))
    return tf_keras.Model(image, head(layers.Concatenate()([inner(second), first, second])))


def twice() -> Any:
    """A model in a model in a Sequential in a model; its last layer is a model."""
    image, middle = inputs(), inputs()
    inner = tf_keras.Model(middle, layers.Conv2D(5, 3)(base("inner")(middle)), name="middle")
    features = tf_keras.Sequential([inner, layers.ReLU()])
    last = tf_keras.Sequential([layers.GlobalAveragePooling2D(), layers.Dense(3, activation="softmax")])
    return tf_keras.Model(image, last(features(image)))


def thawed() -> Any:
    """A model that was not trained, except for a layer: so its weights are in another order."""
    image, inner = inputs(), base()
    inner.trainable = False
    inner.get_layer("base_right").trainable = True
    return tf_keras.Model(image, head(inner(image)))


def augmented() -> Any:
    """The layers of TensorFlow's tutorials that do something in training alone, and one that cuts."""
    random = [layers.RandomFlip("horizontal"), layers.RandomRotation(0.2), layers.RandomZoom(0.2)]
    random += [layers.RandomTranslation(0.2, 0.2), layers.RandomContrast(0.2), layers.RandomBrightness(0.2)]
    random += [layers.RandomHeight(0.2), layers.RandomWidth(0.2), layers.GaussianNoise(0.2)]
    image = inputs()
    tensor = layers.RandomCrop(16, 20)(layers.Rescaling(1 / 127.5, offset=-1)(tf_keras.Sequential(random)(image)))
    return tf_keras.Model(image, head(layers.SpatialDropout2D(0.2)(layers.Conv2D(4, 3)(tensor))))


def preprocessed(kind: str) -> Any:
    """Arithmetic on the input, as Keras's applications and examples have it."""
    image = inputs()
    if kind == "divided":
        tensor = image / 255.0
    elif kind == "mean":
        tensor = (image / 255.0 - np.array([0.485, 0.456, 0.406], np.float32)) / [0.229, 0.224, 0.225]
    else:
        tensor = getattr(tf_keras.applications, kind).preprocess_input(image)
    return tf_keras.Model(image, head(base()(tensor)))


def operations() -> Any:
    """TensorFlow's operations between layers."""
    image = inputs()
    left = layers.Conv2D(4, 3, padding="same", activation="hard_sigmoid")(image / 255.0)
    right = layers.Conv2D(4, 3, padding="same")(left)
    tensor = tf.nn.relu6(1.0 - (left + right)) * right
    tensor = tf.concat([tensor, tf.nn.swish(left)], axis=-1)[:, 1:, ::-1, :6]
    tensor = tf.reduce_mean(tf.image.resize(tensor, (12, 12)), axis=[1, 2]) ** 2.0
    return tf_keras.Model(image, tf.nn.softmax(layers.Dense(3)(tensor)))


def of_applications() -> Any:
    """Layers that Keras's ConvNeXt and InceptionResNetV2 have of their own."""
    from tf_keras.src.applications.convnext import LayerScale, StochasticDepth
    from tf_keras.src.applications.inception_resnet_v2 import CustomScaleLayer

    image = inputs()
    tensor = StochasticDepth(0.2)(LayerScale(0.5, 3)(image))
    return tf_keras.Model(image, head(CustomScaleLayer(0.3)([image, layers.Conv2D(3, 3, padding="same")(tensor)])))


def as_old(file: Path, version: str) -> None:
    """Changes an `.h5` file to what an older version wrote: `2.2.4-tf` (TensorFlow 2.0 and 2.1), or `2.2.2`.

    Sequentials have no InputLayer; in 2.2.2 they are lists of layers, without names. Options that came later are gone,
    initialisers have a type, and functional models are called Model.
    """
    with h5py.File(file, "r+") as opened:
        config = _as_old(json.loads(opened.attrs["model_config"]), plain=version == "2.2.2")
        opened.attrs["model_config"] = json.dumps(config)
        opened.attrs["keras_version"] = opened["model_weights"].attrs["keras_version"] = version


def _as_old(value: Any, plain: bool) -> Any:
    if isinstance(value, list):
        return [_as_old(item, plain) for item in value]
    if not isinstance(value, dict):
        return value
    old = {key: _as_old(item, plain) for key, item in value.items() if key not in ("module", "registered_name")}
    name, inner = old.get("class_name"), old.get("config")
    if not isinstance(inner, dict):
        return old
    if name in ("GlorotUniform", "Zeros", "Ones"):
        inner["dtype"] = "float32"
    for key in ("groups", "keepdims", "synchronized", "optional", "rng_type"):
        inner.pop(key, None)
    if name in ("LeakyReLU", "ReLU"):
        old["config"] = {
            key: {"type": "ndarray", "value": item} if key == "alpha" else item for key, item in inner.items()
        }
    if name == "Functional":
        old["class_name"] = "Model"
        inner.pop("trainable", None)
    if name == "Sequential":
        _old_sequential(old, inner, plain)
    return old


def _old_sequential(old: dict[str, Any], inner: dict[str, Any], plain: bool) -> None:
    inner.pop("trainable", None)
    if inner["layers"][0]["class_name"] == "InputLayer":
        shape = inner["layers"].pop(0)["config"]["batch_input_shape"]
        if inner["layers"][0]["class_name"] not in ("Model", "Sequential"):
            inner["layers"][0]["config"]["batch_input_shape"] = shape
    if plain:
        old["config"] = inner["layers"]


def op_layer(file: Path) -> Any:
    """A model of TensorFlow 2.1 that prepares its input as ResNet50 does: a layer for each node of a graph."""
    image = inputs()
    model = trained(tf_keras.Model(image, head(base()(tf_keras.applications.resnet50.preprocess_input(image)))))
    model.save(file)
    with h5py.File(file, "r+") as opened:
        config = json.loads(opened.attrs["model_config"])
        opened.attrs["model_config"] = json.dumps({**config, "config": _op_layers(config["config"])})
    as_old(file, "2.2.4-tf")
    return model


def _op_layers(model: dict[str, Any]) -> dict[str, Any]:
    """The operations as that version wrote them, which is the form of a graph's nodes in JSON."""
    slicing = {"ellipsis_mask": {"i": "1"}, "begin_mask": {"i": "2"}, "end_mask": {"i": "2"}}
    bias = next(layer for layer in model["layers"] if layer["name"] == "tf.nn.bias_add")["inbound_nodes"][0][3]["bias"]
    nodes = {
        "tf.__operators__.getitem": ("StridedSlice", slicing, {"1": [0, 0], "2": [0, 0], "3": [1, -1]}),
        "tf.nn.bias_add": ("BiasAdd", {"T": {"type": "DT_FLOAT"}}, {"1": bias}),
    }
    for layer in model["layers"]:
        if layer["name"] in nodes:
            kind, attributes, constants = nodes[layer["name"]]
            node = json.dumps({"name": kind, "op": kind, "input": ["image", "c"], "attr": attributes})
            layer["class_name"] = "TensorFlowOpLayer"
            layer["config"] = {"name": kind, "trainable": True, "node_def": node, "constants": constants}
            layer["inbound_nodes"] = [[[*layer["inbound_nodes"][0][:3], {}]]]
    return model
