"""What the tests of importing share."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from classifier import Classifier, Settings
from classifier.importing.core import Imported, import_model
from classifier.importing.options import Options
from classifier.package import InputSpec
from tests.support.photos import photo
from tests.support.tiny_tflite import Tiny

LABELS = ("cat", "dog", "bird")
TRUSTED = Options(trust=True)


def write_labels(folder: Path, labels: tuple[str, ...] = LABELS) -> None:
    """A labels file."""
    (folder / "labels.txt").write_text("".join(f"{label}\n" for label in labels), "utf-8")


def place(folder: Path, model: bytes, name: str = "model.tflite", labels: tuple[str, ...] = LABELS) -> Path:
    """A model file with its labels beside it."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(model)
    if labels:
        write_labels(folder, labels)
    return folder / name


def teachable_zip(
    folder: Path,
    labels: tuple[str, ...] = LABELS,
    size: tuple[int, int] = (20, 30),
    keras: bytes | None = None,
    tflite: bytes | None = None,
) -> Path:
    """A zip as Teachable Machine gives it: of `keras_model.h5`, or of a LiteRT model, a tiny one if none is given."""
    name, model = ("keras_model.h5", keras) if keras else ("model_unquant.tflite", tflite or Tiny(size=size).build())
    file = folder / f"converted_{'keras' if keras else 'tflite'}.zip"
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(name, model)
        archive.writestr("labels.txt", "".join(f"{index} {label}\n" for index, label in enumerate(labels)))
    return file


def bring(source: Path, options: Options | None = None) -> tuple[Imported, dict[str, str]]:
    """An import into a folder beside the source, and what was said of it."""
    said: dict[str, str] = {}
    imported = import_model(source, source.parent / "package", options, said.__setitem__)
    return imported, said


def quick_package(folder: Path) -> Path:
    """A package whose model has the usual size and takes no time: for tests of what comes before a model."""
    imported, _ = bring(place(folder, Tiny(size=(224, 224)).build()))
    return imported.package.folder


def picture() -> Image.Image:
    """A photo, so small that nothing is reduced before it is resized."""
    with Image.open(photo("panda.webp")) as image:
        return image.convert("RGB").resize((30, 20))


def answer(folder: Path, backend: str = "litert", *, trust: bool = False) -> dict[str, float]:
    """Scores of the picture by label."""
    classifier = Classifier.load(folder, settings=Settings(backend=backend, threads=1, trust=trust))
    result = classifier.classify(picture(), top_k=100)
    return {one.label: one.score for one in result.predictions}


def pixels(
    size: tuple[int, int],
    resample: Image.Resampling = Image.Resampling.BILINEAR,
    image: Image.Image | None = None,
) -> NDArray[np.float32]:
    """A picture as a plain program prepares it: centre cut to the input's shape, resized; `(H, W, 3)`."""
    image = image or picture()
    height, width = size
    scale = min(image.width / width, image.height / height)
    across, down = min(image.width, width * scale), min(image.height, height * scale)
    left, top = (image.width - across) / 2, (image.height - down) / 2
    resized = image.resize((width, height), resample, box=(left, top, left + across, top + down))
    return np.asarray(resized, np.float32)


def scaled(spec: InputSpec) -> NDArray[np.float32]:
    """The picture as values `(H, W, 3)` of a model's input."""
    mean, std = (np.asarray(one, np.float32) for one in (spec.mean, spec.std))
    values: NDArray[np.float32] = (pixels(spec.size) - mean) / std
    return values[..., ::-1] if spec.colours == "bgr" else values
