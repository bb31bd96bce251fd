"""The options of an import, and the usual scalings of values."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from classifier.package import Colours, PerChannel, Resample


@dataclass(frozen=True, slots=True)
class Scaling:
    """How a pixel of 0 to 255 becomes a model's value, `(pixel - mean) / std`, and how that is known.

    Attributes:
        mean: one number, or one for each of red, green and blue.
        std: one number, or one for each colour.
        why: how the scaling is known, for people, such as `the file's metadata says so`.
        guessed: whether nothing but habit speaks for it.
        colours: the order of colours that goes with it; None if it goes with any.
    """

    mean: PerChannel
    std: PerChannel
    why: str = ""
    guessed: bool = False
    colours: Colours | None = None

    def because(self, why: str, *, guessed: bool = False) -> Scaling:
        """The same scaling with another reason."""
        return replace(self, why=why, guessed=guessed)

    def same(self, other: Scaling) -> bool:
        """Whether another scaling has the same numbers."""
        return (self.mean, self.std) == (other.mean, other.std)

    def __str__(self) -> str:
        named = next((name for name, scaling in SCALES.items() if self.same(scaling)), None)
        return _WORDS[named] if named else f"(pixel - {_numbers(self.mean)}) / {_numbers(self.std)}"


SCALES = {
    "unit": Scaling(0.0, 255.0),
    "signed": Scaling(127.5, 127.5),
    "raw": Scaling(0.0, 1.0),
    # For pixels of 0 to 1: .485 .456 .406 and .229 .224 .225, https://docs.pytorch.org/vision/stable/models.html
    "imagenet": Scaling((123.675, 116.28, 103.53), (58.395, 57.12, 57.375)),
    # For ResNet and VGG in Keras, too: https://keras.io/api/applications/resnet/#resnet-preprocessing
    "caffe": Scaling((123.68, 116.779, 103.939), 1.0, colours="bgr"),
}
"""The usual scalings by name: 0 to 1, -1 to 1, 0 to 255, PyTorch's for ImageNet, and Caffe's."""

_WORDS = {
    "unit": "0 to 1",
    "signed": "-1 to 1",
    "raw": "0 to 255",
    "imagenet": "by ImageNet's mean and standard deviation",
    "caffe": "0 to 255 less ImageNet's mean",
}


def usual(channels: int) -> dict[str, Scaling]:
    """The usual scalings that a model of so many channels can take, by name."""
    return {name: scale for name, scale in SCALES.items() if channels == 3 or not isinstance(scale.mean, tuple)}


@dataclass(frozen=True, slots=True)
class Options:
    """The options of an import; None leaves it to the importer to find out.

    Attributes:
        labels: files with a label on each line, by language.
        name: name of the package; its folder's if None.
        title: name for people; the package's name if None.
        output: name of the output with the scores, for a model that has several.
        size: (height, width) in pixels, for a model that takes any size.
        scaling: scaling of the input.
        colours: order of the colours.
        crop: share that the centre crop keeps.
        resample: Pillow's filter.
        trust: whether to load a file that can run code when it is loaded.
        photos: pictures of which it is shown what the model makes of them.
        link: whether the package has symbolic links to weights that need no change, rather than copies.
    """

    labels: tuple[tuple[str, Path], ...] = ()
    name: str | None = None
    title: str | None = None
    output: str | None = None
    size: tuple[int, int] | None = None
    scaling: Scaling | None = None
    colours: Colours | None = None
    crop: float | None = None
    resample: Resample | None = None
    trust: bool = False
    photos: tuple[Path, ...] = ()
    link: bool = False


def _numbers(value: PerChannel) -> str:
    return f"{value:g}" if isinstance(value, float | int) else "[" + ", ".join(f"{one:g}" for one in value) + "]"
