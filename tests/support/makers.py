"""Small models made by the real tools, seeded: Keras 3, tf-keras (Keras 2), TensorFlow and its converter."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import h5py
import keras
import numpy as np
import tensorflow as tf
import tf_keras
from numpy.typing import NDArray

SIDE = 24
CLASSES = 3


def small(library: Any = keras, last: str | None = "softmax", before: Sequence[Any] = (), channels: int = 3) -> Any:
    """A network of one convolution, in Keras 3 or Keras 2."""
    library.utils.set_random_seed(6)
    layers = library.layers
    return library.Sequential(
        [
            layers.Input((SIDE, SIDE, channels)),
            *before,
            layers.Conv2D(8, 3, strides=2, kernel_initializer="he_normal"),
            layers.BatchNormalization(),
            layers.DepthwiseConv2D(3, depthwise_initializer="he_normal"),
            layers.ReLU(),
            layers.GlobalAveragePooling2D(),
            layers.Dense(CLASSES, activation=last, kernel_initializer=library.initializers.RandomNormal(stddev=2.5)),
        ]
    )


def teachable_machine(file: Path, *, old: bool = False) -> Any:
    """A Keras 2 file built as Teachable Machine's are, weights random; `old`: with what Keras 2.4 and before wrote.

    Of MobileNet's 17 blocks it has three, which hold every kind of layer and of joint that the others repeat.
    """
    tf_keras.utils.set_random_seed(6)
    base = tf_keras.applications.MobileNetV2((224, 224, 3), alpha=0.35, include_top=False, weights=None)
    cut = tf_keras.Model(base.input, base.get_layer("block_3_expand_relu").output)
    layers = tf_keras.layers
    features = tf_keras.Sequential([cut, layers.GlobalAveragePooling2D()])
    head = tf_keras.Sequential(
        [layers.Dense(100, activation="relu"), layers.Dense(3, use_bias=False, activation="softmax")]
    )
    model = tf_keras.Sequential([features, head])
    model.build((None, 224, 224, 3))
    _let_through(model)
    model.save(file, include_optimizer=False)
    if old:
        with h5py.File(file, "r+") as opened:
            config = _as_of_old(json.loads(opened.attrs["model_config"]))
            opened.attrs["model_config"] = json.dumps(config)
            opened.attrs["keras_version"] = "tfjs-layers 1.3.1"
    return model


def _let_through(model: Any) -> None:
    """Gives each kernel such a size that what goes in can be told from what comes out, as after a training."""
    random = np.random.default_rng(6)
    for weight in model.weights:
        if "kernel" in weight.name:
            shape = tuple(weight.shape)
            inputs = np.prod(shape[:2] if "depthwise" in weight.name else shape[:-1])
            weight.assign(random.normal(scale=np.sqrt(2 / inputs), size=shape))


def _as_of_old(config: Any) -> Any:
    if isinstance(config, list):
        return [_as_of_old(item) for item in config]
    if not isinstance(config, dict):
        return config
    kept = {key: _as_of_old(value) for key, value in config.items()}
    if "class_name" in kept:
        for key in ("module", "registered_name", "build_config"):
            kept.pop(key, None)
        if kept["class_name"] == "Functional":
            kept["class_name"] = "Model"
    return kept


def predict(model: Any, values: NDArray[np.float32]) -> NDArray[np.float32]:
    """What a Keras model says of one picture `(H, W, C)`."""
    scores: NDArray[np.float32] = np.asarray(model(values[None], training=False))[0]
    return scores


class Plain(tf.Module):  # type: ignore[misc]
    """A model of TensorFlow alone: nothing but a signature tells how to call it."""

    def __init__(self, shape: Sequence[int | None], dtype: Any = tf.float32, kind: str = "plain") -> None:
        super().__init__()
        first = shape[1] == 3
        self.kernel = tf.Variable(np.random.default_rng(6).normal(size=(3, CLASSES)).astype(np.float32))

        def call(image: Any) -> dict[str, Any]:
            values = tf.cast(image, tf.float32)
            logits = tf.reduce_mean(values, [2, 3] if first else [1, 2]) @ self.kernel
            if kind == "inverse":
                logits *= tf.linalg.diag_part(tf.linalg.inv(tf.eye(CLASSES) + logits[:, :, None] * logits[:, None]))
            if kind == "writes":
                with tf.control_dependencies([tf.io.write_file(str(Path.cwd() / "written"), "by a model")]):
                    logits = tf.identity(logits)
            return {"scores": logits}

        signature = tf.TensorSpec(shape, dtype, name="image")
        self.call = tf.function(call, input_signature=[signature], autograph=False)


def plain(folder: Path, shape: Sequence[int | None] = (None, SIDE, SIDE, 3), **options: Any) -> Plain:
    """A SavedModel with a signature called serving_default and nothing else."""
    module = Plain(shape, **options)
    tf.saved_model.save(module, str(folder), signatures={"serving_default": module.call})
    return module


def tflite(model: Any, kind: str) -> bytes:
    """A Keras model through TensorFlow's converter: float32, float16, int8 or uint8 throughout."""
    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    if kind != "float32":
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if kind == "float16":
        converter.target_spec.supported_types = [tf.float16]
    if kind in ("int8", "uint8"):
        random = np.random.default_rng(6)

        def examples() -> Any:
            yield [np.zeros((1, SIDE, SIDE, 3), np.float32)]
            yield [np.ones((1, SIDE, SIDE, 3), np.float32)]
            for _ in range(20):
                coarse = random.uniform(size=(1, 3, 3, 3)).astype(np.float32)
                yield [tf.image.resize(coarse, (SIDE, SIDE)).numpy()]

        converter.representative_dataset = examples
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        converter.inference_input_type = converter.inference_output_type = getattr(tf, kind)
    return bytes(converter.convert())
