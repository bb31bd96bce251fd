"""Makes the model files of `kinds`, each with the tool that people make it with, and their true scores of the photo.

The scores are those that the same tool gives for the photo as Pillow and NumPy prepare it.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import h5py
import keras
import numpy as np
import onnx
from numpy.typing import NDArray
from onnxruntime.quantization import QuantType, quantize_static
from PIL import Image

from classifier.importing.options import SCALES, Scaling
from tests.support import keras2, makers, onnx_models, quantised
from tests.support.imported import LABELS, pixels, place, teachable_zip, write_labels
from tests.support.kinds import PHOTO, Made
from tests.support.tiny_tflite import Tiny

_SIDE = makers.SIDE
_GREY = np.array([0.299, 0.587, 0.114], np.float32)
_UNIT, _SIGNED, _RAW, _IMAGENET = (SCALES[name] for name in ("unit", "signed", "raw", "imagenet"))
Values = NDArray[np.float32]


def logits_of_integers(folder: Path) -> Made:
    """Whole numbers throughout, and no softmax behind 1,000 classes."""
    file = quantised.converted(makers, _unsure(quantised.network(makers, 1000, None), 1.5), _UNIT)
    labels = tuple(f"c{index}" for index in range(1000))
    scores = quantised.softmax(quantised.said_by(file, _values(_UNIT)))
    return Made(place(folder, file, labels=labels), _named(scores, labels))


def saved_model_of_keras_3(folder: Path) -> Made:
    """What `model.export` writes, of a model that scales its values."""
    model = makers.small(before=[keras.layers.Rescaling(1 / 127.5, offset=-1)])
    model.export(folder / "saved", verbose=False)
    return _of_keras(model, folder / "saved", _RAW)


def saved_model_of_keras_2(folder: Path) -> Made:
    """Which prepares its input as ResNet50 does: blue first, less the means."""
    model = _unsure(keras2.trained(keras2.preprocessed("resnet50")), 60)
    model.save(folder / "saved", save_format="tf")
    return _of_keras(model, folder / "saved", _RAW)


def preprocess_input(folder: Path) -> Made:
    """A functional model of Keras 3, as its examples of transfer learning begin."""
    image = keras.Input((_SIDE, _SIDE, 3))
    model = keras.Model(image, makers.small()(keras.applications.mobilenet_v2.preprocess_input(image)))
    model.save(folder / "model.keras")
    return _of_keras(model, folder / "model.keras", _RAW)


def integers_inside(folder: Path) -> Made:
    """Floats at both ends, as the converter makes them if it is not told otherwise."""
    return _quantised(folder, _SIGNED, "float32")


def integers_of_imagenet(folder: Path) -> Made:
    """Whole numbers at both ends, of a range that is ImageNet's mean and deviation."""
    return _quantised(folder, _IMAGENET, "int8")


def teachable_machine_grey(folder: Path) -> Made:
    """Its export for microcontrollers."""
    scaling = Scaling(127.0, 127.0)
    model = quantised.network(makers, len(LABELS), "softmax", channels=1, side=96)
    file = quantised.converted(makers, model, scaling)
    values = quantised.values_of(_pixels((96, 96), Image.Resampling.LANCZOS) @ _GREY[:, None], scaling)
    return Made(place(folder, file, "vww_96_grayscale_quantized.tflite"), _named(quantised.said_by(file, values)))


def features(folder: Path) -> Made:
    """The second half of a model, which takes what the first made of a picture."""
    return Made(place(folder, Tiny(size=(1, 1), channels=1024).build()), {})


def class_indices(folder: Path) -> Made:
    """The labels in one line of JSON, as people write Keras's `class_indices`."""
    made = _converted(folder, makers.small(), _UNIT)
    (folder / "labels.txt").unlink()
    (folder / "class_indices.json").write_text(json.dumps({label: index for index, label in enumerate(LABELS)}))
    return made


def small_input(folder: Path) -> Made:
    """32 x 32 pixels, as models of CIFAR-10's pictures have them."""
    return _converted(folder, _unsure(quantised.network(makers, len(LABELS), "softmax", side=32)), _UNIT)


def model_in_model_h5(folder: Path) -> Made:
    """Ordinary transfer learning in Keras 2."""
    return _of_keras_2(folder, "shared", "model.h5")


def model_in_model_keras(folder: Path) -> Made:
    """The same in Keras 2's newer format."""
    return _of_keras_2(folder, "functional", "model.keras")


def keras_of_2020(folder: Path) -> Made:
    """What TensorFlow 2.0 and 2.1 wrote."""
    made = _of_keras_2(folder, "twice", "model.h5")
    keras2.as_old(made.source, "2.2.4-tf")
    return made


def keras_of_2018(folder: Path) -> Made:
    """What Keras wrote before it was a part of TensorFlow."""
    made = _of_keras_2(folder, "sequential", "model.h5")
    keras2.as_old(made.source, "2.2.2")
    return made


def keras_1(folder: Path) -> Made:
    """What nothing reads any more."""
    layer = {"class_name": "Dense", "config": {"name": "dense_1", "output_dim": 3, "init": "glorot_uniform"}}
    with h5py.File(folder / "model.h5", "w") as opened:
        opened.attrs["model_config"] = json.dumps({"class_name": "Sequential", "config": [layer]})
        opened.attrs["keras_version"] = "1.2.1"
        opened.create_group("model_weights")
    return Made(folder / "model.h5", {})


def augmented(folder: Path) -> Made:
    """With layers that do something in training alone."""
    return _of_keras_2(folder, "augmented", "model.h5", _RAW)


def operations_of_tensorflow(folder: Path) -> Made:
    """Called between the layers of Keras 2."""
    return _of_keras_2(folder, "operations", "model.h5", _RAW, times=1)


def unknown_layer(folder: Path) -> Made:
    """A layer of somebody's own, whose program is not in the file."""
    _with_own_layer().save(folder / "model.keras")
    return Made(folder / "model.keras", {})


def unknown_layer_exported(folder: Path) -> Made:
    """The same as its refusal advises."""
    model = _with_own_layer()
    model.export(folder / "saved", verbose=False)
    return _of_keras(model, folder / "saved", _UNIT)


def height_and_width(folder: Path) -> Made:
    """Grey pictures without an axis for channels, and logits, as in TensorFlow's tutorial for beginners."""
    keras.utils.set_random_seed(6)
    layers, spread = keras.layers, keras.initializers.RandomNormal(stddev=0.2)
    hidden = layers.Dense(16, activation="relu", kernel_initializer=spread)
    last = layers.Dense(len(LABELS), kernel_initializer=spread)
    model = keras.Sequential([layers.Input((28, 28)), layers.Flatten(), hidden, layers.Dropout(0.2), last])
    model.save(folder / "model.keras")
    write_labels(folder)
    logits = makers.predict(model, (_pixels((28, 28)) @ _GREY / 255).astype(np.float32))
    return Made(folder / "model.keras", _named(quantised.softmax(logits)))


def teachable_machine_tflite(folder: Path) -> Made:
    """Its zip of a floating point model, here of few layers: the whole takes long to convert."""
    model = _unsure(quantised.network(makers, len(LABELS), "softmax", side=224), 4)
    return _of_teachable(model, teachable_zip(folder, tflite=makers.tflite(model, "float32")))


def teachable_machine_keras(folder: Path) -> Made:
    """Its zip of a Keras model, as it was written for years."""
    model = makers.teachable_machine(folder / "keras_model.h5", old=True)
    return _of_teachable(model, teachable_zip(folder, keras=(folder / "keras_model.h5").read_bytes()))


def onnx_of_floats(folder: Path) -> Made:
    """Channels first and logits, as PyTorch exports."""
    file = onnx_models.save(folder, onnx_models.network(after=()))
    return Made(file, _named(onnx_models.softmax(_of_onnx(file, _IMAGENET))))


def onnx_of_integers(folder: Path) -> Made:
    """Quantised by ONNX Runtime, with floats at both ends."""
    given = [_values(_IMAGENET), *(np.full((_SIDE, _SIDE, 3), one, np.float32) for one in (-2.12, 2.64))]
    left = iter([{"image": np.ascontiguousarray(onnx_models.first(one)[None])} for one in given])
    onnx_models.save(folder / "floats", onnx_models.network())
    reader = SimpleNamespace(get_next=lambda: next(left, None))
    types = {"activation_type": QuantType.QInt8, "weight_type": QuantType.QInt8}
    file = folder / "model.onnx"
    quantize_static(folder / "floats" / "model.onnx", file, reader, **types)
    write_labels(folder)
    return Made(file, _named(_of_onnx(file, _IMAGENET)))


def onnx_with_data_beside(folder: Path) -> Made:
    """The weights in a file of their own, the number among them by which the input is divided."""
    model = onnx_models.network(("Div", np.array([255], np.float32)))
    file = folder / "model.onnx"
    onnx.save(model, file, save_as_external_data=True, location="weights.data", size_threshold=0)
    write_labels(folder)
    return Made(file, _named(_of_onnx(file, _RAW)))


def onnx_too_new(folder: Path) -> Made:
    """Operations of a version that does not exist yet."""
    return Made(onnx_models.save(folder, onnx_models.network(opset=99)), {})


def _pixels(size: tuple[int, int], resample: Image.Resampling = Image.Resampling.BILINEAR) -> Values:
    with Image.open(PHOTO) as image:
        return pixels(size, resample, image.convert("RGB"))


def _values(scaling: Scaling, side: int = _SIDE) -> Values:
    return quantised.values_of(_pixels((side, side)), scaling)


def _named(scores: Values, labels: Sequence[str] = LABELS) -> dict[str, float]:
    return dict(zip(labels, scores.tolist(), strict=True))


def _of_keras(model: Any, source: Path, scaling: Scaling) -> Made:
    """With the labels beside it, and the scores that Keras gives."""
    write_labels(source.parent)
    return Made(source, _named(makers.predict(model, _values(scaling, model.input_shape[1]))))


def _of_keras_2(folder: Path, kind: str, name: str, scaling: Scaling = _UNIT, times: float = 3) -> Made:
    model = _unsure(keras2.trained(getattr(keras2, kind)()), times)
    model.save(folder / name)
    return _of_keras(model, folder / name, scaling)


def _unsure(model: Any, times: float = 3) -> Any:
    """The model with a weaker last layer: of scores near 0 and 1 not much could be told."""
    for weight in model.weights[-2:]:
        weight.assign(weight / times)
    return model


def _with_own_layer() -> Any:
    class Scaler(keras.layers.Layer):  # type: ignore[misc]
        def call(self, image: Any) -> Any:
            return image * 255.0

    return makers.small(before=[Scaler(name="scaler"), keras.layers.Rescaling(1 / 127.5, offset=-1)])


def _converted(folder: Path, model: Any, scaling: Scaling) -> Made:
    """As a LiteRT file of floats."""
    (folder / "model.tflite").write_bytes(makers.tflite(model, "float32"))
    return _of_keras(model, folder / "model.tflite", scaling)


def _quantised(folder: Path, scaling: Scaling, ends: str) -> Made:
    """As a LiteRT file of whole numbers inside, and of some type at both ends."""
    file = quantised.converted(makers, _unsure(quantised.network(makers, len(LABELS), "softmax")), scaling, ends)
    return Made(place(folder, file), _named(quantised.said_by(file, _values(scaling))))


def _of_teachable(model: Any, source: Path) -> Made:
    values = quantised.values_of(_pixels((224, 224), Image.Resampling.LANCZOS), _SIGNED)
    return Made(source, _named(makers.predict(model, values)))


def _of_onnx(file: Path, scaling: Scaling) -> Values:
    """What ONNX Runtime says of values with channels first."""
    return onnx_models.scores(file, lambda _: onnx_models.first(_values(scaling)))
