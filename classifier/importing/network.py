"""`Network`, which the reader of each format returns: the model as a function, and what its file says about it."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from classifier import formatting
from classifier.errors import ModelFileError
from classifier.importing.options import Scaling
from classifier.importing.values.first_layer import FirstLayer
from classifier.package import Colours, Form, Resample, input_shape

LITERT_FILE = "model.tflite"
"""File name of the LiteRT form in a package."""
FEATURES = "features"
"""Name of the output that the importer adds: the last feature map."""

_LONGEST_STRIP = 32  # how many times as long as the other a picture's side may be
# The same where the dimensions may be those of a sequence, such as 128 moments of 9 sensors; and the shorter side.
_LONGEST_GREY, _LEAST_GREY = 2, 8

Activation = Literal["softmax", "sigmoid", "none"]
Run = Callable[[NDArray[np.float32]], NDArray[np.float32]]
Shape = tuple[int | None, ...]


@dataclass(frozen=True, slots=True)
class Told:
    """What a file, or one beside it, says of the pictures that a model was trained on; None where it says nothing.

    Attributes:
        size: (height, width), for a model that takes any size.
        crop: share that the centre crop keeps.
        resample: Pillow's filter.
        colours: order of the colours.
    """

    size: tuple[int, int] | None = None
    crop: float | None = None
    resample: Resample | None = None
    colours: Colours | None = None

    def otherwise(self, other: Told) -> Told:
        """What this says, and where it says nothing, the other."""
        said = {each.name: getattr(self, each.name) for each in fields(self)}
        return replace(other, **{name: value for name, value in said.items() if value is not None})


UNTOLD = Told()
"""Nothing is said."""


@dataclass(frozen=True, slots=True)
class Network:
    """A model as its file describes it.

    Attributes:
        file: path of the file, for messages.
        description: what it is, for people, such as `LiteRT model, float16 weights`.
        form: form of its weights, which decides which backend runs it.
        shape: shape of its input, batch included, with None for a dimension of any size.
        open: given an input shape (without the batch), returns a function from values `(1, *shape)` to scores `(1, n)`.
        write: puts its weights into a folder, and returns the file's name.
        activation: its last operation; None if the graph does not tell.
        scaling: scaling of its input; None if neither the file nor the graph tells.
        labels: labels by language; empty if the file has none.
        first_layer: its first convolution, if a batch normalisation follows it.
        labels_from: where the labels are from, for people; the file's own metadata if "".
        told: what else is said of the input, in the file or beside it.
        features: name of the output with the features, as `write` leaves the model; None if it has none.
        output: likewise of the output with the scores; None if there are no others than these two.
        function: a TensorFlow function of a batch, to convert, which gives scores or a dictionary of outputs; None for
            models of other kinds.
        tolerance: how far from 1 the sum of its probabilities may be.
        of_pytorch: whether PyTorch wrote the file.
    """

    file: Path
    description: str
    form: Form
    shape: Shape
    open: Callable[[tuple[int, ...]], Run]
    write: Callable[[Path], str]
    activation: Activation | None = None
    scaling: Scaling | None = None
    labels: dict[str, tuple[str, ...]] = field(default_factory=dict)
    first_layer: FirstLayer | None = None
    labels_from: str = ""
    told: Told = UNTOLD
    features: str | None = None
    output: str | None = None
    function: Callable[[Any], Any] | None = None
    tolerance: float = 1e-3
    of_pytorch: bool = False


def check_one_of_each(file: Path, inputs: int, outputs: int) -> None:
    """Refuses models with several inputs or outputs.

    Raises:
        ModelFileError: the model does not have exactly one input and one output.
    """
    if (inputs, outputs) != (1, 1):
        raise ModelFileError(
            f"{file}: it has {counted(inputs, 'input')} and {counted(outputs, 'output')}. "
            "A classifier has one of each: a picture in, a score for each class out. Export it without the others."
        )


@dataclass(frozen=True, slots=True)
class Layout:
    """Sizes and order of the dimensions of a model's input.

    Attributes:
        size: (height, width) in pixels.
        channels: 3, or 1 for grey.
        channels_first: whether the channels come before height and width.
        channel_axis: whether there is an axis for the channels; grey pictures may come as (height, width) alone.
    """

    size: tuple[int, int]
    channels: int
    channels_first: bool
    channel_axis: bool = True

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of one input, without the batch."""
        return input_shape(self.size, self.channels, first=self.channels_first, axis=self.channel_axis)


def layout(network: Network, size: tuple[int, int] | None) -> Layout:
    """Finds height, width and channels in a model's input shape.

    Args:
        network: the model.
        size: (height, width) from the options, if given.

    Raises:
        ModelFileError: the model does not take pictures, or takes several at a time, or takes any size and none was
            given.
    """
    file, shape = network.file, network.shape
    place = f"{file}: its input has the shape {formatting.shape(shape)}"
    if len(shape) not in (3, 4):
        raise ModelFileError(f"{place}{_no_picture(shape)}")
    if len(shape) == 3 and (shape[2] in (1, 3) or shape[0] == 3) and shape[0] not in (None, 1):
        raise ModelFileError(
            f"{place}: a picture, but without an axis for the batch. Export it with a batch of 1 or of any size before "
            "that."
        )
    batch, *rest = shape
    if batch not in (None, 1):
        raise ModelFileError(
            f"{file}: it always takes {batch} pictures at a time. Export it with a batch of 1 or of any size."
        )
    channel_axis = len(rest) == 3
    first = channel_axis and rest[0] in (1, 3) and rest[2] not in (1, 3)
    height, width = rest[1:] if first else rest[:2]
    channels = (rest[0] if first else rest[2]) if channel_axis else 1
    channels = 3 if channels is None else channels
    if channels not in (1, 3):
        raise ModelFileError(
            f"{place}: {channels} channels. Only pictures in colour (3) or grey (1) can be given to it."
        )
    if not _is_picture(height, width):
        raise ModelFileError(
            f"{place}, {height} x {width} pixels if those were pixels: it takes features that another model makes of a "
            "picture, not pictures. Export the two as one model."
        )
    if not channel_axis and size is None and not _is_grey(height, width):
        raise ModelFileError(f"{place}{_ambiguous(height, width)}")
    wanted = size or (network.told.size if None in (height, width) else None) or (height, width)
    if wanted[0] is None or wanted[1] is None:
        raise ModelFileError(
            f"{file}: it takes pictures of any size. Say which it was trained on: --size 224, or --size HEIGHTxWIDTH."
        )
    if any(side is not None and side != said for side, said in zip((height, width), wanted, strict=True)):
        raise ModelFileError(
            f"{file}: it takes {height} x {width} pixels (height x width) and no others. Leave --size out."
        )
    return Layout((int(wanted[0]), int(wanted[1])), channels, first, channel_axis)


def _no_picture(shape: Shape) -> str:
    """What an input of neither three nor four dimensions may be, and what to do."""
    if len(shape) == 2 and (picture := _flattened(shape[1])):
        sides = ", ".join(str(side) for side in picture)
        return (
            f": {shape[1]} numbers in a row. If they are the pixels of pictures ({sides}), which nothing in the file "
            f"says, give it that shape, in Keras: keras.Sequential([keras.Input(({sides})), keras.layers.Flatten(), "
            'model]).save("model.keras"). If they are features of a picture, export both models as one.'
        )
    if len(shape) == 2:
        return (
            ": numbers in a row, such as a table's columns, words or features, not a picture's: expected (batch, "
            "height, width, channels). Export the model with the layers that take the picture."
        )
    if len(shape) == 5:
        return ": several pictures at once, as of a film or a volume. Only single pictures can be given to a model."
    return ", which is not a picture's: expected (batch, height, width, channels)."


def _flattened(numbers: int | None) -> tuple[int, ...]:
    """The shape of a square picture of that many numbers, grey or in colour; empty if there is none."""
    for colours in ((), (3,)):
        pixels = (numbers or 0) // math.prod(colours)
        side = math.isqrt(pixels)
        if side >= _LEAST_GREY and side * side * math.prod(colours) == numbers:
            return side, side, *colours
    return ()


def _is_grey(height: int | None, width: int | None) -> bool:
    """Whether two dimensions are clearly those of a grey picture: close to each other, as a sequence's seldom are."""
    sides = [side for side in (height, width) if side is not None]
    return len(sides) == 2 and min(sides) >= _LEAST_GREY and max(sides) <= _LONGEST_GREY * min(sides)


def _ambiguous(height: int | None, width: int | None) -> str:
    sides = [("HEIGHT", "WIDTH")[index] if side is None else side for index, side in enumerate((height, width))]
    steps = "of any length" if height is None else f"of {height} steps"
    each = "any number of values" if width is None else f"{width} values"
    return (
        f": sequences {steps} with {each} each, as of words, sound or sensors, or grey pictures without an axis for "
        f"channels; the file does not say. If it takes pictures, say so with their size: --size {sides[0]}x{sides[1]}"
    )


def takes_grey(shape: Shape) -> bool:
    """Whether an input, batch included, is of grey pictures: with one channel, or without an axis for channels."""
    return len(shape) == 3 or 1 in (shape[1:2] + shape[-1:])


def _is_picture(height: int | None, width: int | None) -> bool:
    """Whether a picture could have these sides: none of one pixel, and not the strip that a list of features is."""
    sides = [side for side in (height, width) if side is not None]
    return 1 not in sides and (len(sides) < 2 or max(sides) <= _LONGEST_STRIP * min(sides))


def counted(number: int, noun: str) -> str:
    """A number of things: `1 input`, `2 outputs`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
