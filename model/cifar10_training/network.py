"""The ten-class network: EfficientNet-Lite0 with another head, in the form that is trained and in the one that ships.

The shipped form takes 224 x 224 pictures in [0, 1], as the original demo's model did, and begins by averaging them
down to 32 x 32: a CIFAR-10 picture that was enlarged to 224 comes back nearly as it was, and a photo becomes like the
pictures in training. It then enlarges that to `SIZE`, the side of the last phase of the training.
"""

import math

import keras
import numpy as np

from model import efficientnet_lite
from model.cifar10_training.augment import MEAN, STD
from model.cifar10_training.data import CLASSES, SIDE
from model.recipes import RECIPES

INPUT = 224
SIZE = 160
DROPOUT = 0.2
PROBABILITIES, FEATURES = "probabilities", "features"
BACKBONE = RECIPES["efficientnet-lite0"]
FROZEN = ("stem", "block0", "block1", "block2")
"""Layers that keep their ImageNet weights: they detect edges and colours, and would take a quarter of the time."""


def trainable() -> keras.Model:
    """The form for training: the weights of `model/efficientnet-lite0` below a fresh head.

    Its batch norms are folded into the convolutions already, and none are put back: a batch takes a third less time
    without them, and what was learnt from ImageNet is kept. Enlarged 32-pixel pictures have other statistics than
    photos, so that batch norms in training would change all features at once.

    Returns:
        A model from pictures (N, size, size, 3) of any size, as `(pixel - MEAN) / STD`, to logits (N, 10).
    """
    image = keras.Input((None, None, 3), name="image")
    x = efficientnet_lite.backbone(image, BACKBONE.width, BACKBONE.depth, folded=True)
    x = keras.layers.GlobalAveragePooling2D(name="pool")(x)
    x = keras.layers.Dropout(DROPOUT, name="dropout")(x)
    model = keras.Model(image, keras.layers.Dense(CLASSES, name="classifier")(x), name="cifar10")
    _start_from_imagenet(model)
    for layer in model.layers:
        layer.trainable = layer.name.split("_")[0] not in FROZEN
    balance(model)
    return model


def _start_from_imagenet(model: keras.Model) -> None:
    pretrained = keras.saving.load_model(BACKBONE.folder / "model.keras", compile=False)
    for layer in model.layers:
        if layer.weights and layer.name != "classifier":
            layer.set_weights(pretrained.get_layer(layer.name).get_weights())


def balance(model: keras.Model) -> None:
    """Even out the weights between blocks, without changing what the network computes.

    Folding left the weights before the linear bottlenecks up to thirty times as large as those behind them. An
    optimizer that moves all weights by about the same amount would change the latter far too fast.
    """
    blocks = [layer.name.split("_")[0] for layer in model.layers if layer.name.endswith("_project_conv")]
    joined = {layer.name.split("_")[0] for layer in model.layers if layer.name.endswith("_add")}
    writers: list[keras.layers.Layer] = []
    for block, following in zip(blocks, [*blocks[1:], "head"], strict=True):
        # Blocks that add to each other's outputs share one scale.
        writers.append(model.get_layer(f"{block}_project_conv"))
        if following in joined:
            continue
        first = blocks[blocks.index(block) - len(writers) + 1]
        names = [*blocks[blocks.index(first) + 1 : blocks.index(block) + 1], following]
        readers = [model.get_layer("head_conv" if name == "head" else f"{name}_expand_conv") for name in names]
        scale = math.sqrt(_size(writers) / _size(readers))
        for layer in writers:
            kernel, bias = layer.get_weights()
            layer.set_weights([kernel / scale, bias / scale])
        for layer in readers:
            kernel, bias = layer.get_weights()
            layer.set_weights([kernel * scale, bias])
        writers = []


def _size(layers: list[keras.layers.Layer]) -> float:
    """Root mean square of the layers' kernels."""
    squares = [np.square(layer.get_weights()[0]).mean() for layer in layers]
    return math.sqrt(float(np.mean(squares)))


def shipped(trained: keras.Model) -> keras.Model:
    """The form that ships, with its weights rounded to float16 so that all files have the same weights.

    Args:
        trained: A model from `trainable`.

    Returns:
        A model from `image` (N, 224, 224, 3) in [0, 1] to `probabilities` (N, 10) and `features` (N, 5, 5, 1280), the
        last feature map, of plain layers only.
    """
    image = keras.Input((INPUT, INPUT, 3), name="image", dtype="float32")
    x = keras.layers.AveragePooling2D(INPUT // SIDE, name="shrink")(image)
    x = keras.layers.Rescaling(255 / STD, -MEAN / STD, name="scale")(x)
    x = keras.layers.UpSampling2D(SIZE // SIDE, interpolation="bilinear", name="enlarge")(x)
    features = efficientnet_lite.backbone(x, BACKBONE.width, BACKBONE.depth, folded=True)
    x = keras.layers.GlobalAveragePooling2D(name="pool")(features)
    x = keras.layers.Dense(CLASSES, name="classifier")(x)
    outputs = {PROBABILITIES: keras.layers.Softmax(name=PROBABILITIES)(x), FEATURES: features}
    model = keras.Model(image, outputs, name="cifar10")
    for layer in model.layers:
        if layer.weights:
            weights = trained.get_layer(layer.name).get_weights()
            layer.set_weights([value.astype(np.float16).astype(np.float32) for value in weights])
    return model
