"""The statistics of the first batch normalisation are found in every format, and tell a trained model's scaling."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from classifier.importing import verify
from classifier.importing.options import SCALES
from classifier.importing.tensorflow import graph as tensorflow_graph
from tests.support.imported import LABELS, TRUSTED, answer, bring, pixels, write_labels

pytestmark = pytest.mark.slow

SIDE = 24


def trained(make: Any, library: Any, scale: str, *, bias: bool = False) -> Any:
    """A model whose batch normalisation has seen the sample photos in the values of a scaling, and no others."""
    library.utils.set_random_seed(6)
    layers = library.layers
    model = library.Sequential(
        [
            layers.Input((SIDE, SIDE, 3)),
            layers.ZeroPadding2D(1),
            layers.Conv2D(8, 3, use_bias=bias, bias_initializer="ones", kernel_initializer="he_normal"),
            layers.BatchNormalization(momentum=0.0),
            layers.ReLU(),
            layers.GlobalAveragePooling2D(),
            layers.Dense(len(LABELS), activation="softmax", kernel_initializer=library.initializers.RandomNormal()),
        ]
    )
    seen = [np.asarray(photo.resize((SIDE, SIDE)), np.float32) for photo in verify.photos().values()]
    model(in_values(np.stack(seen), scale), training=True)
    model.layers[-1].set_weights([weight * 40 for weight in model.layers[-1].get_weights()])
    return model


def in_values(pixels: Any, scale: str) -> Any:
    """Pixels in the values of a scaling."""
    return np.asarray((pixels - SCALES[scale].mean) / SCALES[scale].std, np.float32)


@pytest.mark.parametrize(
    ("kind", "scale"),
    [("keras", "raw"), ("keras", "signed"), ("export", "imagenet"), ("h5", "signed"), ("keras 2", "raw")],
)
def test_a_trained_model_is_served_in_the_values_it_was_trained_on(
    make: Any, tmp_path: Path, kind: str, scale: str
) -> None:
    model = trained(make, make.tf_keras if kind in ("keras 2", "h5") else make.keras, scale, bias=kind == "export")
    write_labels(tmp_path)
    source = tmp_path / {"keras": "model.keras", "h5": "model.h5"}.get(kind, "saved")
    if kind == "export":
        model.export(source, verbose=False)
    else:
        model.save(source)
    imported, said = bring(source, TRUSTED)
    assert said["values"].startswith(f"{SCALES[scale]}: the statistics of its first batch normalisation")
    assert "tried" not in said
    expected = make.predict(model, in_values(pixels((SIDE, SIDE)), scale))
    assert max(expected) - min(expected) > 0.05, "these would hardly change, whatever went wrong"
    assert answer(imported.package.folder) == pytest.approx(dict(zip(LABELS, expected.tolist(), strict=True)), abs=0.01)


def test_what_is_not_such_a_layer_is_not_taken_for_one(make: Any) -> None:
    layers, shape = make.keras.layers, (SIDE, SIDE, 3)
    image = layers.Input(shape)
    convolution = layers.Conv2D(4, 3)(image)
    for behind in (
        layers.BatchNormalization()(layers.ReLU()(convolution)),
        layers.LayerNormalization()(convolution),
        layers.Add()([layers.BatchNormalization()(convolution), convolution]),
        layers.BatchNormalization()(layers.DepthwiseConv2D(3)(image)),
        layers.BatchNormalization()(layers.Concatenate()([convolution, layers.Conv2D(4, 3)(image)])),
    ):
        model = make.keras.Model(image, layers.Dense(3)(layers.GlobalAveragePooling2D()(behind)))
        read = tensorflow_graph.read(partial(model, training=False), shape, "float32")
        assert read.activation == "none"
        assert read.first_layer is None
