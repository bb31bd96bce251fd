"""A model package: a folder with `model.toml`, weights in one or more forms, and labels by language.

Reading and checking only; which form is run is the backends' business. A wrong package is refused with the file, the
key and what was expected.
"""

from __future__ import annotations

import hashlib
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, PositiveFloat, PositiveInt, ValidationError, model_validator

from classifier.errors import PackageError, ParameterError, UnknownModelError
from classifier.geometry import Geometry

MANIFEST = "model.toml"

Fraction = Annotated[float, Field(ge=0, le=1)]
PerChannel = float | tuple[float, float, float]
Form = Literal["litert", "tensorflow"]
Resample = Literal["nearest", "box", "bilinear", "hamming", "bicubic", "lanczos"]


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class InputSpec(_Table):
    """`[input]`: how a picture becomes the model's input."""

    size: tuple[PositiveInt, PositiveInt] = Field(description="(height, width) in pixels")
    crop: float = Field(1.0, gt=0, le=1, description="share that the centre crop keeps")
    resample: Resample = "bilinear"
    mean: PerChannel = Field(0.0, description="value = (pixel - mean) / std, pixel 0 to 255")
    std: PositiveFloat | tuple[PositiveFloat, PositiveFloat, PositiveFloat] = 255.0
    channels: Literal[1, 3] = Field(3, description="3 for red, green and blue, 1 for grey")
    channels_first: bool = Field(False, description="whether the channels come before height and width")

    @model_validator(mode="after")
    def _per_channel(self) -> InputSpec:
        if self.channels == 1 and (isinstance(self.mean, tuple) or isinstance(self.std, tuple)):
            raise ValueError("mean and std are one number each where channels = 1")
        return self

    @property
    def shape(self) -> tuple[int, ...]:
        """Of one input, without the batch: `(H, W, channels)`, or `(channels, H, W)`."""
        return (self.channels, *self.size) if self.channels_first else (*self.size, self.channels)

    @property
    def geometry(self) -> Geometry:
        """The part that is about where pixels come from, not about their values."""
        return Geometry(self.size, self.crop, self.resample)


class OutputSpec(_Table):
    """`[output]`: what the model's numbers mean."""

    classes: PositiveInt
    logits: bool = Field(description="whether a softmax, or where there is none a sigmoid, is still to be applied")
    multi_label: bool = Field(False, description="whether each score stands for itself, not adding up to 1")
    binary: bool = Field(False, description="whether the model gives one score, that of the second of two classes")
    temperature: PositiveFloat = Field(1.0, description="divides the logits before the softmax")
    top_k: PositiveInt = 5
    unsure_below: Fraction = Field(0.0, description="best score below which the answer is unsure")
    features: str | None = Field(None, description="name of the output with the last feature map")

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
    sha256: str | None = Field(None, pattern="^[0-9a-f]{64}$")
    tensors_sha256: str | None = Field(None, pattern="^[0-9a-f]{64}$")


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
    weights: dict[Form, Weights] = Field(min_length=1)
    published: Published | None = None


@dataclass(frozen=True, slots=True)
class ModelPackage:
    """A checked model package.

    Attributes:
        folder: where its files are.
        manifest: the content of `model.toml`.
        labels: by language, one label per class, in index order.
    """

    folder: Path
    manifest: Manifest
    labels: dict[str, tuple[str, ...]]

    @classmethod
    def load(cls, folder: str | Path) -> ModelPackage:
        """Reads and checks a package; weights are only checked to be there.

        Raises:
            PackageError: naming the file, the key and what was expected.
        """
        folder = Path(folder)
        file = folder / MANIFEST
        try:
            manifest = Manifest.model_validate(tomllib.loads(file.read_text("utf-8-sig")))
        except FileNotFoundError:
            raise PackageError(
                f"{folder} is not a model package: it has no {MANIFEST}. Give the folder that holds one."
            ) from None
        except NotADirectoryError:
            raise PackageError(
                f"{folder} is a file, not a model package. Make one of it: classifier import {folder} FOLDER"
            ) from None
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            raise PackageError(f"{file}: cannot be read as TOML: {error}") from error
        except ValidationError as error:
            problems = (f"{'.'.join(str(part) for part in item['loc'])}: {item['msg']}" for item in error.errors())
            raise PackageError(f"{file}: {'; '.join(problems)}") from error
        for form, weights in manifest.weights.items():
            if not (folder / weights.file).exists():
                raise PackageError(f"{file}: weights.{form}.file: {weights.file} is not in {folder}")
        labels = {
            language: _read_labels(folder / name, manifest.output.classes) for language, name in manifest.labels.items()
        }
        return cls(folder, manifest, labels)

    @property
    def name(self) -> str:
        """The package's name, as callers use it."""
        return self.manifest.name

    @property
    def language(self) -> str:
        """The language of its labels when none is asked for: English, or the first one it has."""
        return "en" if "en" in self.labels else next(iter(self.labels))

    def check_language(self, language: str | None) -> str:
        """The language to answer in: the one asked for, or the package's default one if None.

        Raises:
            ParameterError: when it has no labels in that language.
        """
        language = language or self.language
        if language not in self.labels:
            raise ParameterError(
                f"The model {self.name} has no labels in {language!r}. Choose from: {', '.join(self.labels)}.",
                name="lang",
            )
        return language

    def labels_for(self, language: str) -> tuple[str, ...]:
        """Labels in a language, or in the package's default one when it has none in that language."""
        return self.labels.get(language) or self.labels[self.language]

    def weights_file(self, form: Form) -> Path:
        """The path of one form's weights, its content checked against the recorded sha256.

        Raises:
            PackageError: when the package lacks the form or the file was changed.
        """
        weights = self.manifest.weights.get(form)
        if weights is None:
            raise PackageError(f"{self.folder / MANIFEST}: weights.{form}: not in this package")
        file = self.folder / weights.file
        if weights.sha256 and file.is_file():
            with file.open("rb") as stream:
                found = hashlib.file_digest(stream, "sha256").hexdigest()
            if found != weights.sha256:
                raise PackageError(
                    f"{file}: its sha256 is {found}, but {MANIFEST} expects {weights.sha256} at "
                    f"weights.{form}.sha256: the file is damaged or was replaced. Restore it."
                )
        return file


def find_packages(folder: str | Path) -> dict[str, Path]:
    """The packages in a folder of packages, by the names of their folders, sorted; unread, so maybe wrong."""
    folder = Path(folder)
    if not folder.is_dir():
        return {}
    return {path.parent.name: path.parent for path in sorted(folder.glob(f"*/{MANIFEST}"))}


def locate(model: str, folder: str | Path) -> Path:
    """The folder of a package given by name (in `folder`) or by path.

    Raises:
        UnknownModelError: listing the names there are.
    """
    packages = find_packages(folder)
    if model in packages:
        return packages[model]
    if "/" in model or Path(model, MANIFEST).is_file() or Path(model).is_file():
        return Path(model)
    raise UnknownModelError(
        f"There is no model named {model!r}. Choose from: {', '.join(packages) or 'none installed'}.",
        model=model,
        models=", ".join(packages),
    )


def is_bare(path: Path) -> bool:
    """Whether there is something at a path that is no package: a model file, or a folder or zip with one."""
    return path.is_file() or (path.is_dir() and not (path / MANIFEST).is_file() and any(path.iterdir()))


def _read_labels(file: Path, classes: int) -> tuple[str, ...]:
    try:
        lines = file.read_text("utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise PackageError(f"{file}: cannot be read as UTF-8 text: {error}") from error
    labels = tuple(line.strip() for line in lines)
    if len(labels) != classes or not all(labels):
        raise PackageError(
            f"{file}: expected {classes} lines with a label each (output.classes), "
            f"found {sum(map(bool, labels))} labels on {len(labels)} lines"
        )
    return labels
