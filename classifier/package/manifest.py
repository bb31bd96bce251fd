"""`model.toml`: how a picture becomes a model's input, what the model's numbers mean, and which files belong to it."""

from __future__ import annotations

import datetime
from typing import Annotated, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, PositiveFloat, PositiveInt, model_validator

from classifier.formatting import listed
from classifier.picture.geometry import Geometry

MANIFEST = "model.toml"

Fraction = Annotated[float, Field(ge=0, le=1)]
PerChannel = float | tuple[float, float, float]
Form = Literal["litert", "tensorflow", "onnx"]
Colours = Literal["rgb", "bgr"]
Resample = Literal["nearest", "box", "bilinear", "hamming", "bicubic", "lanczos"]


def input_shape(size: tuple[int, int], channels: int, *, first: bool, axis: bool) -> tuple[int, ...]:
    """The shape of one input, without the batch.

    Args:
        size: (height, width).
        channels: 3, or 1 for grey.
        first: whether the channels come before height and width.
        axis: whether there is an axis for the channels.
    """
    if not axis:
        return size
    return (channels, *size) if first else (*size, channels)


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class InputSpec(_Table):
    """`[input]`: how a picture becomes the model's input."""

    size: tuple[PositiveInt, PositiveInt] = Field(description="height and width in pixels")
    crop: float = Field(default=1.0, gt=0, le=1, description="share that the centre crop keeps")
    resample: Resample = Field(default="bilinear", description=f"filter of the resize: {listed(get_args(Resample))}")
    mean: PerChannel = Field(
        default=0.0,
        description="value = (pixel - mean) / std, pixel 0 to 255; one number, or three for red, green and blue",
    )
    std: PositiveFloat | tuple[PositiveFloat, PositiveFloat, PositiveFloat] = Field(
        default=255.0, description="see mean; above 0"
    )
    channels: Literal[1, 3] = Field(default=3, description="3 for red, green and blue, 1 for grey")
    colours: Colours = Field(
        default="rgb",
        description="bgr if the model takes blue first; mean and std are of red, green and blue all the same",
    )
    channels_first: bool = Field(default=False, description="whether the channels come before height and width")
    channel_axis: bool = Field(default=True, description="false where grey pictures are given as (height, width) alone")

    @model_validator(mode="after")
    def _per_channel(self) -> InputSpec:
        if not self.channel_axis and (self.channels != 1 or self.channels_first):
            raise ValueError("channel_axis = false goes with channels = 1 and without channels_first")
        if self.channels == 1 and (isinstance(self.mean, tuple) or isinstance(self.std, tuple)):
            raise ValueError("mean and std are one number each where channels = 1")
        if self.channels == 1 and self.colours == "bgr":
            raise ValueError('colours = "bgr" goes with channels = 3')
        return self

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of one input, without the batch: `(H, W, channels)`, `(channels, H, W)`, or for grey `(H, W)`."""
        return input_shape(self.size, self.channels, first=self.channels_first, axis=self.channel_axis)

    @property
    def geometry(self) -> Geometry:
        """The part that says which pixels are taken; the rest says how their values are scaled."""
        return Geometry(self.size, self.crop, self.resample)


class OutputSpec(_Table):
    """`[output]`: what the model's numbers mean."""

    classes: PositiveInt = Field(description="number of classes, one for each line of the labels")
    logits: bool = Field(description="whether a softmax, or where there is none a sigmoid, is still to be applied")
    multi_label: bool = Field(default=False, description="whether each score stands for itself, not adding up to 1")
    binary: bool = Field(
        default=False, description="whether the model gives one score, that of the second of two classes"
    )
    temperature: PositiveFloat = Field(default=1.0, description="divides the logits before the softmax")
    top_k: PositiveInt = Field(default=5, description="how many answers are given unless more or fewer are asked for")
    unsure_below: Fraction = Field(default=0.0, description="best score below which the answer is unsure")
    name: str | None = Field(
        default=None, description="name of the output with the scores, of a model that has several"
    )
    features: str | None = Field(default=None, description="name of the output with the last feature map")

    @model_validator(mode="after")
    def _binary(self) -> OutputSpec:
        if self.binary and (self.classes != 2 or self.multi_label):
            raise ValueError("binary goes with classes = 2 and without multi_label")
        return self

    @property
    def scores(self) -> int:
        """How many numbers the model gives for a picture."""
        return 1 if self.binary else self.classes


class Weights(_Table):
    """`[weights.<form>]`: one file or folder of weights."""

    file: str
    sha256: str | None = Field(default=None, pattern="^[0-9a-f]{64}$")
    tensors_sha256: str | None = Field(default=None, pattern="^[0-9a-f]{64}$")


class FittedTo(_Table):
    """The pictures that numbers of a package were fitted to."""

    dataset: str = Field(description="name of the folder or file")
    date: datetime.date = Field(description="day on which it was fitted")
    pictures: PositiveInt = Field(description="number of its pictures")
    hashes: str = Field(
        pattern=r"^(\s*[0-9a-f]{16})*\s*$",
        description="the smallest hashes of its pictures, by which they are known again",
    )


class CalibratedOn(FittedTo):
    """`[calibration]`: what `output.temperature` was fitted to, as `classifier calibrate --write` writes it."""


class Conformal(FittedTo):
    """`[conformal]`: which classes are in the set of an answer, as `classifier calibrate --coverage` fits it.

    The score of a class is its probability: LAC, of Sadinle, Lei and Wasserman (2019), Least Ambiguous Set-Valued
    Classifiers with Bounded Error Levels. docs/evaluate.md tells why it was chosen.
    """

    coverage: float = Field(gt=0, lt=1, description="the share of pictures whose set holds the right class")
    threshold: float = Field(ge=0, le=1, description="the least probability of a class that is in the set")
    temperature: PositiveFloat = Field(description="divides the logits of these probabilities")
    view: Literal["crop", "whole"] = Field(description="what the model saw; with another view there is no set")
    weights: tuple[Annotated[str, Field(pattern="^[0-9a-f]{64}$")], ...] = Field(
        default=(), description="sha256 of the weights that it was fitted to, of each form"
    )


class TrainedOn(FittedTo):
    """`[training]`: what the last layer was fitted to, and what cross-validation says, by `classifier train`."""

    base: str = Field(description="name of the model whose features it takes")
    folds: PositiveInt = Field(description="folds of the cross-validation")
    strength: PositiveFloat = Field(description="strength of the regularisation")
    top1: Fraction = Field(description="share of the photos that a layer fitted without them is right about")
    interval: tuple[Fraction, Fraction] = Field(description="95 % confidence interval of that")


class Published(_Table):
    """`[published]`: accuracy as the model's authors report it."""

    dataset: str
    top1: Fraction


class Manifest(_Table):
    """The whole of `model.toml`."""

    format: Literal[1]
    name: str = Field(pattern="^[a-z0-9][a-z0-9._-]*$")
    title: str
    description: str = ""
    license: str = ""
    source: str = ""
    citation: str = ""
    input: InputSpec
    output: OutputSpec
    labels: dict[str, str] = Field(min_length=1, description="labels file by language")
    weights: dict[Form, Weights] = Field(default={}, description="files by form; none for a model that runs elsewhere")
    published: Published | None = None
    calibration: CalibratedOn | None = None
    conformal: Conformal | None = None
    training: TrainedOn | None = None
