"""Whole-number models of TensorFlow's converter, and what LiteRT alone says of them."""

from __future__ import annotations

from typing import Any

import numpy as np
from ai_edge_litert.interpreter import Interpreter
from numpy.typing import NDArray

from classifier.importing.options import Scaling

SIDE = 24
Values = NDArray[np.float32]


def network(make: Any, classes: int, last: str | None, channels: int = 3, side: int = SIDE) -> Any:
    """A convolution, the mean, and a layer."""
    keras = make.keras
    keras.utils.set_random_seed(6)
    layers = keras.layers
    return keras.Sequential(
        [
            layers.Input((side, side, channels)),
            layers.Conv2D(8, 3, strides=2, activation="relu", kernel_initializer="he_normal"),
            layers.GlobalAveragePooling2D(),
            layers.Dense(classes, activation=last, kernel_initializer=keras.initializers.RandomNormal(stddev=4)),
        ]
    )


def converted(make: Any, model: Any, scaling: Scaling, ends: str = "int8") -> bytes:
    """The model with whole numbers inside, and of the type `ends` at both ends."""
    tf = make.tf
    _, height, width, channels = model.input_shape
    random = np.random.default_rng(6)

    def examples() -> Any:
        for pixel in (0, 255):
            yield [values_of(np.full((1, height, width, channels), pixel, np.float32), scaling)]
        for _ in range(20):
            coarse = random.uniform(0, 255, (1, 3, 3, channels)).astype(np.float32)
            yield [values_of(tf.image.resize(coarse, (height, width)).numpy(), scaling)]

    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = examples
    if ends != "float32":
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        converter.inference_input_type = converter.inference_output_type = getattr(tf, ends)
    return bytes(converter.convert())


def values_of(pixels: Values, scaling: Scaling) -> Values:
    """Pixels in the values of a scaling."""
    values: Values = ((pixels - np.asarray(scaling.mean)) / np.asarray(scaling.std)).astype(np.float32)
    return values[..., ::-1] if scaling.colours == "bgr" else values


def said_by(file: bytes, values: Values) -> Values:
    """What LiteRT says of values `(H, W, C)`, and nothing done to it but for the quantisation."""
    interpreter = Interpreter(model_content=file)
    interpreter.allocate_tensors()
    (image,), (scores,) = interpreter.get_input_details(), interpreter.get_output_details()
    given = values[None]
    if image["dtype"] != np.float32:
        scale, zero_point = image["quantization"]
        bounds = np.iinfo(image["dtype"])
        given = np.clip(np.round(given / scale + zero_point), bounds.min, bounds.max).astype(image["dtype"])
    interpreter.set_tensor(image["index"], given)
    interpreter.invoke()
    found = interpreter.get_tensor(scores["index"])[0].astype(np.float32)
    if scores["dtype"] != np.float32:
        scale, zero_point = scores["quantization"]
        found = (found - zero_point) * scale
    return np.asarray(found, np.float32)


def softmax(logits: Values) -> Values:
    """Probabilities of logits."""
    powers = np.exp(logits - logits.max())
    return np.asarray(powers / powers.sum(), np.float32)
